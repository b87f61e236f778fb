// SPDX-License-Identifier: GPL-3.0-or-later
// Elements of a heap as a uniform vector of pmt, which owns its memory: the one copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include <pmt/pmt.h>

namespace gr::spead2 {

/// \param kind    'u', 'i', 'f' or 'c'
/// \param size    bytes of an element
/// \param bytes   of all of them
/// \param unit    bytes that are turned round together on the way to this machine; 1: none
/// \return null if there are no vectors of this type
[[nodiscard]] pmt::pmt_t make_uniform_vector(char kind, std::size_t size, const std::uint8_t* data,
                                             std::size_t bytes, std::size_t unit);

}  // namespace gr::spead2
