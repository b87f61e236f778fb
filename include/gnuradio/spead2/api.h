// SPDX-License-Identifier: GPL-3.0-or-later
// Visibility of the symbols of the block library, and the blocks' name for the engine.
#pragma once

#include <gnuradio/attributes.h>

#ifdef gnuradio_spead2_EXPORTS
#define SPEAD2_GR_API __GR_ATTR_EXPORT
#else
#define SPEAD2_GR_API __GR_ATTR_IMPORT
#endif

namespace spead2 {}

namespace gr::spead2 {
/// Within gr::spead2, `spead2` is that namespace itself.
namespace engine = ::spead2;
}  // namespace gr::spead2
