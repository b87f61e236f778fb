// SPDX-License-Identifier: Apache-2.0
// A heap: items that reference memory, descriptors and control items, in the order they were added.
// How it becomes packets is the packetiser's matter.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include <spead2/send/heap_part.h>
#include <spead2/wire/descriptor.h>
#include <spead2/wire/flavour.h>

namespace spead2::send {

/// Something that a heap keeps alive: release(object) is called once, from whichever thread lets go
/// last.
struct heap_owner {
    void* object;
    void (*release)(void*) noexcept;
};

/// What only unusual heaps have: parts, and heaps whose item pointers are chosen.
struct heap_form;

/// One item of a heap, as it goes on the wire.
struct heap_item {
    std::uint64_t pointer;     ///< item pointer in network order; its value may be read_late()
    const std::uint8_t* data;  ///< referenced memory; null for a plain immediate, or held in part
    std::uint64_t length;      ///< bytes of data

    [[nodiscard]] bool is_immediate() const noexcept {
        constexpr bool little = std::endian::native == std::endian::little;
        return (pointer & (little ? 0x80U : std::uint64_t{1} << 63)) != 0;
    }
    /// Whether the pointer still lacks its value, which is in data and read when a packet is made.
    [[nodiscard]] bool read_late() const noexcept { return data != nullptr && is_immediate(); }
    /// Bytes that the heap's payload has of it.
    [[nodiscard]] std::uint64_t payload_length() const noexcept {
        return is_immediate() ? 0 : length;
    }
};

namespace detail {
struct heap_kind;
}

/// What a heap holds, shared between the heap and the streams that are sending it. While anything
/// but the heap holds it, it does not change: heap::add_* then makes a new one.
class heap_contents {
public:
    explicit heap_contents(flavour f) noexcept;
    heap_contents(const heap_contents&) = delete;
    heap_contents& operator=(const heap_contents&) = delete;
    ~heap_contents();

    [[nodiscard]] const flavour& get_flavour() const noexcept { return flavour_; }
    [[nodiscard]] std::span<const heap_item> items() const noexcept { return items_; }
    /// Bytes of all addressed items together; of a part, those of the whole heap without padding.
    [[nodiscard]] std::uint64_t payload_size() const noexcept { return payload_size_; }
    [[nodiscard]] bool repeat_pointers() const noexcept { return repeat_pointers_; }
    /// Null for most heaps.
    [[nodiscard]] const heap_form* form() const noexcept { return form_.get(); }

private:
    friend class heap;
    friend struct detail::heap_kind;
    static constexpr unsigned items_shift = 8;
    /// In the kind of what has a form(): more items than any packet takes.
    static constexpr std::uint64_t kind_of_form = std::uint64_t{1} << 63;
    void add(const heap_item& item) {
        items_.push_back(item);
        kind_ += std::uint64_t{1} << items_shift;
    }

    flavour flavour_;
    bool repeat_pointers_ = false;
    std::uint64_t kind_;  ///< for those who make packets
    std::uint64_t payload_size_ = 0;
    /// Room for what small heaps have, which is not asked for piece by piece then.
    alignas(std::uint64_t) std::array<std::byte, 192> room_;
    std::pmr::monotonic_buffer_resource memory_;  ///< after that room ordinary memory
    std::pmr::vector<heap_item> items_{&memory_};
    std::pmr::vector<heap_owner> owners_{&memory_};
    std::unique_ptr<heap_form> form_;
};

/// A heap under construction. Not safe for use by several threads at once; may be changed or
/// destroyed at any time after it was handed to a stream, which sends what it held then.
class heap {
public:
    explicit heap(flavour f = flavour());

    [[nodiscard]] const flavour& get_flavour() const noexcept { return contents_->get_flavour(); }

    /// Whether every packet carries all item pointers. Default: false.
    [[nodiscard]] bool repeat_pointers() const noexcept { return contents_->repeat_pointers(); }
    void set_repeat_pointers(bool repeat);

    /// Add an item whose \a length bytes at \a data are referenced, not copied; they are read when
    /// the heap is sent. Goes as an immediate if \a allow_immediate and it fits.
    /// \throw std::invalid_argument for an ID out of range
    void add_item(std::uint64_t id, const void* data, std::size_t length, bool allow_immediate);
    /// The same, keeping \a owner alive as long as the memory is needed.
    void add_item(std::uint64_t id, std::shared_ptr<const void> owner, const void* data,
                  std::size_t length, bool allow_immediate);
    /// The same; takes \a owner over, and leaves null in its place, unless it throws.
    void add_item(std::uint64_t id, heap_owner& owner, const void* data, std::size_t length,
                  bool allow_immediate);
    /// The same, but copies the bytes at once, and never goes as an immediate.
    void add_copy(std::uint64_t id, const void* data, std::size_t length);
    /// Add an item that is a number of at most heap_address_bits bits.
    /// \throw std::invalid_argument for an ID or value out of range
    void add_immediate(std::uint64_t id, std::uint64_t value);
    /// Add the description of an item (encoded at once, so \a d need not live on).
    void add_descriptor(const descriptor& d);
    /// Add a start-of-stream or end-of-stream item.
    void add_start();
    void add_end();

    /// Make this a part of a heap that several processes send: the packets have the offsets of the
    /// whole, and only bytes that are held here. All processes add the same items in the same order
    /// and use the same cnt. An item that is added in any other way than by add_item_part() is held
    /// here in full; its value as an immediate must be the same everywhere.
    void set_part(part_pointers pointers);
    [[nodiscard]] bool is_part() const noexcept;
    /// Add an item of \a length bytes, which the heap's payload has room for, whoever holds them.
    /// \param held  what is held here, in order; nothing of an item that is held elsewhere
    /// \throw std::invalid_argument for blocks that overlap or leave the item, or no part
    void add_item_part(std::uint64_t id, std::uint64_t length, std::span<const item_blocks> held);
    /// The same; takes \a owner over, and leaves null in its place, unless it throws.
    void add_item_part(std::uint64_t id, heap_owner& owner, std::uint64_t length,
                       std::span<const item_blocks> held);
    /// Have so many zero bytes behind the items, announced by a NULL item pointer; see
    /// send::part_padding().
    /// \param held  whether this process sends them, which one must
    /// \throw std::invalid_argument  no part
    void set_part_padding(std::uint64_t bytes, bool held);
    /// Bytes of the payload that are held here: all, unless this is a part.
    [[nodiscard]] std::uint64_t held_size() const noexcept;

    /// Write exactly these item pointers, in this order, as some receivers in hardware want it: the
    /// IDs of all items of the heap, and those of the four that SPEAD adds (heap cnt, heap length,
    /// payload offset, payload length) which are to be there. An ID that several items have stands
    /// as many times. Packets after the first have only the chosen ones of the four, unless
    /// pointers are repeated. An empty list: as SPEAD says.
    /// \param missing_ok  the receiver is known to do without heap cnt, payload offset or length
    /// \throw std::invalid_argument  one of these is missing and not \a missing_ok
    void set_pointer_order(std::vector<std::uint64_t> ids, bool missing_ok = false);
    [[nodiscard]] std::span<const std::uint64_t> pointer_order() const noexcept;

    /// Keep something alive as long as the heap's memory is needed.
    void keep_alive(heap_owner owner);
    void keep_alive(std::shared_ptr<const void> owner);

    /// Make room for \a n more items.
    void reserve(std::size_t n);

    /// What a stream takes.
    [[nodiscard]] std::shared_ptr<const heap_contents> contents() const noexcept {
        return contents_;
    }
    /// The same, as long as the heap is neither changed nor destroyed.
    [[nodiscard]] const heap_contents& view() const noexcept { return *contents_; }

private:
    static void keep_in(heap_contents& contents, std::shared_ptr<const void> owner);
    heap_contents& writable() { return contents_.use_count() > 1 ? separate() : *contents_; }
    heap_contents& separate();
    static void add_to(heap_contents& contents, std::uint64_t id, const void* data,
                       std::size_t length, bool allow_immediate);
    template <typename Add>
    void add_owned(heap_owner& owner, Add&& add);
    heap_form& writable_form();
    void check_is_part() const;
    std::shared_ptr<heap_contents> contents_;
};

}  // namespace spead2::send
