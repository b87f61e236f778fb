// SPDX-License-Identifier: Apache-2.0
// The description of an item, and its encoding as the content of a DESCRIPTOR item.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spead2/wire/flavour.h>
#include <spead2/wire/number.h>

namespace spead2 {

/// In a shape, a dimension whose size is only known from the data.
inline constexpr std::int64_t variable_dimension = -1;

/// What a receiver must know to decode an item. Either format or numpy_header is set.
struct descriptor {
    std::uint64_t id = 0;
    std::string name;         ///< ASCII
    std::string description;  ///< ASCII
    std::vector<std::int64_t> shape;
    std::vector<format_field> format;
    std::string numpy_header;  ///< as made by make_numpy_header()
};

/// Text of a .npy header: "{'descr': DESCR, 'fortran_order': False, 'shape': (..)}" without
/// padding. \param descr          Python literal of the dtype, quotes included, e.g. "'<c8'" \param
/// fortran_order  whether the first index runs fastest \param shape          dimensions, none of
/// them variable
[[nodiscard]] std::string make_numpy_header(std::string_view descr, bool fortran_order,
                                            std::span<const std::int64_t> shape);

/// Content of the DESCRIPTOR item: one whole packet in the flavour \a f (wire-format rules of the
/// protocol document, with the flavour's bug compatibility).
/// \throw std::invalid_argument for an ID out of range, a text that is not ASCII, a field of the format
/// that there is not (see number_types) or that is too wide.
/// Out of range are also IDs above f.max_address(): the descriptor holds its ID as an immediate.
[[nodiscard]] std::vector<std::uint8_t> encode_descriptor(const descriptor& d, const flavour& f);

/// Told what is wrong with what is read, for the log.
using note_function = std::function<void(const std::string&)>;

/// Read the content of a DESCRIPTOR item: packets back to back, one descriptor a heap. Ends at the
/// first packet that cannot be read; heaps that are not complete give nothing.
/// \param bug_compat  bits bug_compat_*
[[nodiscard]] std::vector<descriptor> decode_descriptors(std::span<const std::uint8_t> item,
                                                         unsigned bug_compat,
                                                         const note_function& note);

}  // namespace spead2
