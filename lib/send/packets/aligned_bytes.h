// SPDX-License-Identifier: Apache-2.0
// Memory that the kernel copies packets from: it begins with a page, since packets that straddle one
// more cache line or page than they need cost a tenth more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace spead2::send {

/// Not initialised: what is never used then costs no memory.
class aligned_bytes {
public:
    aligned_bytes() = default;
    explicit aligned_bytes(std::size_t size)
        : data_(static_cast<std::uint8_t*>(::operator new(size, page))) {}

    [[nodiscard]] std::uint8_t* get() const noexcept { return data_.get(); }

private:
    static constexpr std::align_val_t page{4096};
    struct release {
        void operator()(std::uint8_t* data) const noexcept { ::operator delete(data, page); }
    };
    std::unique_ptr<std::uint8_t, release> data_;
};

}  // namespace spead2::send
