// SPDX-License-Identifier: Apache-2.0
// A SPEAD flavour: how the 64 bits of an item pointer are divided, and which old bugs to repeat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <spead2/wire/protocol.h>

namespace spead2 {

/// SPEAD-64-XX of version 4. Immutable; compares by value.
class flavour {
public:
    /// SPEAD-64-40, no bug compatibility.
    constexpr flavour() noexcept = default;

    /// \param version            must be 4
    /// \param item_pointer_bits  must be 64
    /// \param heap_address_bits  multiple of 8, 8 to 56
    /// \param bug_compat         bits bug_compat_*
    /// \throw std::invalid_argument naming the bad value
    flavour(int version, int item_pointer_bits, int heap_address_bits, unsigned bug_compat = 0);

    [[nodiscard]] constexpr int version() const noexcept { return protocol_version; }
    [[nodiscard]] constexpr int item_pointer_bits() const noexcept { return 64; }
    [[nodiscard]] constexpr int heap_address_bits() const noexcept { return address_bits_; }
    [[nodiscard]] constexpr unsigned bug_compat() const noexcept { return bug_compat_; }

    /// Bytes of a heap address, which is also the widest immediate value.
    [[nodiscard]] constexpr std::size_t address_bytes() const noexcept {
        return static_cast<std::size_t>(address_bits_) / 8;
    }
    /// Largest heap cnt, address or immediate value.
    [[nodiscard]] constexpr std::uint64_t max_address() const noexcept {
        return (std::uint64_t{1} << address_bits_) - 1;
    }
    /// Largest item ID.
    [[nodiscard]] constexpr std::uint64_t max_id() const noexcept {
        return (std::uint64_t{1} << (63 - address_bits_)) - 1;
    }

    /// Item pointer that holds the value itself. \a value is cut to max_address().
    [[nodiscard]] constexpr std::uint64_t immediate(std::uint64_t id,
                                                    std::uint64_t value) const noexcept {
        return (std::uint64_t{1} << 63) | (id << address_bits_) | (value & max_address());
    }
    /// Item pointer that holds an offset into the heap's payload.
    [[nodiscard]] constexpr std::uint64_t address(std::uint64_t id,
                                                  std::uint64_t offset) const noexcept {
        return (id << address_bits_) | (offset & max_address());
    }

    /// \throw std::invalid_argument unless 1 <= id <= max_id()
    constexpr void check_id(std::uint64_t id) const {
        if (id < 1 || id > max_id()) refuse_id(id);
    }

    [[nodiscard]] std::string to_string() const;

    friend constexpr bool operator==(const flavour&, const flavour&) noexcept = default;

private:
    [[noreturn]] void refuse_id(std::uint64_t id) const;

    int address_bits_ = 40;
    unsigned bug_compat_ = 0;
};

}  // namespace spead2
