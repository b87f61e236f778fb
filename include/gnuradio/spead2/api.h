// SPDX-License-Identifier: GPL-3.0-or-later
// Visibility of the symbols of the block library.
#pragma once

#include <gnuradio/attributes.h>

#ifdef gnuradio_spead2_EXPORTS
#define SPEAD2_GR_API __GR_ATTR_EXPORT
#else
#define SPEAD2_GR_API __GR_ATTR_IMPORT
#endif
