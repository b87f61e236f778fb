// SPDX-License-Identifier: Apache-2.0
// Items and descriptors as heaps take them: what a Python object becomes in a heap.
#pragma once

#include <array>
#include <cstdint>

#include <spead2/wire/heap.h>

#include "python.h"

namespace spead2::python {

/// An item that is encoded and not yet in a heap.
struct encoded_item {
    std::uint64_t id = 0;
    const std::uint8_t* data = nullptr;  ///< null: the bytes are in `small`
    std::size_t length = 0;
    std::array<std::uint8_t, 8> small{};
    bool allow_immediate = false;
    heap_owner owner{nullptr, nullptr};  ///< of data, if not null

    encoded_item() = default;
    encoded_item(const encoded_item&) = delete;
    encoded_item(encoded_item&& other) noexcept;
    encoded_item& operator=(const encoded_item&) = delete;
    ~encoded_item() {
        if (owner.object != nullptr) owner.release(owner.object);
    }
};

/// Encode the value of an Item, or of anything with id, to_buffer() and allow_immediate().
/// \throw py::error_already_set
void encode_item(PyObject* item, encoded_item& encoded);

/// Encode a Descriptor. \throw py::error_already_set
void encode_item_descriptor(PyObject* descriptor, const flavour& f, encoded_item& encoded);

/// Move an encoded item into a heap. \throw std::invalid_argument for an ID out of range
void add_encoded(heap& h, encoded_item& encoded);

/// \return false (with TypeError set) for anything but a Flavour
[[nodiscard]] bool to_flavour(PyObject* object, flavour& f) noexcept;

}  // namespace spead2::python
