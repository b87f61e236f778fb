// SPDX-License-Identifier: Apache-2.0
// Items and descriptors. The classes Descriptor and Item are Python; their attributes lie in an
// extension type, so that values are encoded (encode.h) and decoded (decode.h) without running
// Python code.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/wire/flavour.h>
#include <spead2/wire/number.h>

#include "support/python.h"

namespace spead2::python {

/// How received bytes become values; see value_decoder.h.
struct value_decoder;

/// How values become bytes. The numbers are used by the Python code.
enum class encoding : std::uint8_t {
    array = 0,    ///< the memory of a numpy array
    integer = 1,  ///< one integer of a whole number of bytes
    other = 2,    ///< what to_buffer() makes of it
};

/// A Descriptor, or an Item where `value` and `version` are of use.
struct descriptor_object {
    PyObject_HEAD PyObject* id;
    PyObject* name;
    PyObject* description;
    PyObject* shape;
    PyObject* dtype;
    PyObject* order;
    PyObject* format;         ///< null where it is that below, as long as nobody has seen it
    PyObject* shared_format;  ///< a tuple that many items have, or null
    PyObject* value;          ///< null: None
    std::int64_t version;
    std::uint64_t serial;  ///< no two objects have the same, ever

    // Made from the attributes by prepare(), and again after one is set.
    bool prepared;
    encoding how;
    char number;      ///< kind of a single number: u, i, f, b; 0: not one
    bool big_endian;  ///< byte order of the number
    bool fortran_order;
    bool allow_immediate;
    std::size_t element_size;  ///< bytes, where it is a whole number of them
    PyObject* array_dtype;     ///< dtype of the array that holds the value
    PyObject* itemsize_bits;
    PyObject* plan;                      ///< layout and fields, for what is left to Python
    std::vector<Py_ssize_t> dimensions;  ///< -1: variable

    // How received bytes become a value; made by value_decoder.cc, dropped by prepare().
    std::shared_ptr<const value_decoder> decoder;

    // The encoded description, for the flavour it was last asked for.
    std::shared_ptr<const std::vector<std::uint8_t>> encoded;
    flavour encoded_flavour;

    // Where a heap generator keeps its notes about the item.
    std::uint64_t note_owner;
    std::size_t note_index;
};

/// \return null if the object is neither a Descriptor nor an Item
[[nodiscard]] descriptor_object* to_descriptor(PyObject* object) noexcept;

/// \return null if the object is not an Item
[[nodiscard]] descriptor_object* to_item(PyObject* object) noexcept;

/// Whether the attributes of an Item are those of the extension type, not overridden in Python.
[[nodiscard]] bool is_plain(PyObject* item) noexcept;

/// Have the members worked out that follow from the attributes. \throw py::error_already_set
void prepare(descriptor_object* d);

/// The ID of an item as a number. \throw py::error_already_set if it is no unsigned 64-bit integer
[[nodiscard]] std::uint64_t to_item_id(PyObject* id);

/// ID of an Item, or of anything with an id. \throw py::error_already_set if it is no unsigned 64-bit integer
[[nodiscard]] std::uint64_t item_id(PyObject* item);

}  // namespace spead2::python
