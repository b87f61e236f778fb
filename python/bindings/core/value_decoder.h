// SPDX-License-Identifier: Apache-2.0
// What can be known from an item's description alone of how its bytes become a value: worked out once,
// for decode.cc to follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/wire/number.h>

#include "item.h"

namespace spead2::python {

/// Dimensions that an array of numpy has at most.
constexpr std::size_t max_dimensions = 32;

/// How the bytes of one item become a value. It has all that is needed for that: while a value is
/// made, code may run that describes the item anew.
struct value_decoder {
    enum class kind : std::uint8_t {
        scalar,    ///< a number or the like of numpy
        array,     ///< one of numpy, of whole bytes an element
        text,      ///< characters that are to be a str
        element,   ///< one integer or truth value of any width, as Python object
        elements,  ///< an array of them
        other,     ///< left to Python
    };
    kind what = kind::other;
    py::object wire;    ///< dtype of the bytes
    py::object native;  ///< dtype of the value
    bool swapped = false;
    std::size_t swap_bytes = 0;  ///< of the numbers to swap; 0: numpy does it
    format_field field{};
    std::uint64_t bits = 0;        ///< of an element
    std::ptrdiff_t variable = -1;  ///< index of the variable dimension
    std::size_t known = 1;         ///< product of the others; huge if it is beyond size_t

    // As in the descriptor.
    encoding how = encoding::other;
    bool fortran_order = false;
    std::size_t element_size = 0;
    std::vector<Py_ssize_t> dimensions;
    py::object array_dtype;
    py::object plan;
};

/// An item's decoder, as long as its description stays.
[[nodiscard]] std::shared_ptr<const value_decoder> decoder_of(descriptor_object* d);

}  // namespace spead2::python
