// SPDX-License-Identifier: Apache-2.0
// Programs that know nothing of ibverbs receive through it when the environment says so:
// SPEAD2_IBV_INTERFACE is the IPv4 address of the interface, SPEAD2_IBV_COMP_VECTOR the interrupt.
#pragma once

#include <optional>

#include <spead2/recv/readers/udp.h>
#include <spead2/recv/readers/udp_ibv.h>

namespace spead2::python {

/// Look at the environment that the process has now; what is set later has no effect.
void read_ibv_environment();

/// What to receive through ibverbs in place of a UDP reader; nothing if the environment does not say
/// so, the reader is not of IPv4, or its interface was chosen.
[[nodiscard]] std::optional<recv::udp_ibv_reader_options> ibv_in_place_of(
    const recv::udp_reader_options& options);

}  // namespace spead2::python
