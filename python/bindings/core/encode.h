// SPDX-License-Identifier: Apache-2.0
// Values and descriptions of items become the bytes that heaps take, without running Python code
// unless the format is an unusual one; python/spead2/_encoding.py has the rest.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include <spead2/send/heap.h>

#include "item.h"
#include "support/python.h"

namespace spead2::python {

/// An item that is encoded and not yet in a heap.
struct encoded_item {
    std::uint64_t id = 0;
    const std::uint8_t* data = nullptr;  ///< null: the bytes are in `small`
    std::size_t length = 0;
    std::array<std::uint8_t, 8> small{};
    bool allow_immediate = false;
    send::heap_owner owner{nullptr, nullptr};  ///< of data, if not null

    encoded_item() = default;
    encoded_item(const encoded_item&) = delete;
    encoded_item(encoded_item&& other) noexcept
        : id(other.id),
          data(other.data),
          length(other.length),
          small(other.small),
          allow_immediate(other.allow_immediate),
          owner(std::exchange(other.owner, {nullptr, nullptr})) {}
    encoded_item& operator=(const encoded_item&) = delete;
    /// Have `data` and `owner` instead of `small`.
    void move_to_memory();
    ~encoded_item() {
        if (owner.object != nullptr) owner.release(owner.object);
    }
};

/// Encode the value of an Item, or of anything with id, to_buffer() and allow_immediate().
/// \throw py::error_already_set
void encode_item(PyObject* item, encoded_item& encoded);

/// Encode a Descriptor. \throw py::error_already_set, std::invalid_argument
void encode_item_descriptor(PyObject* descriptor, const flavour& f, encoded_item& encoded);

/// Move an encoded item into a heap. \throw std::invalid_argument for an ID out of range
void add_encoded(send::heap& h, encoded_item& encoded);

}  // namespace spead2::python
