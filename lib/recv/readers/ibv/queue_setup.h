// SPDX-License-Identifier: Apache-2.0
// What everyone who receives frames through ibverbs makes of the options: checked, and as a queue wants
// them.
#pragma once

#include <netinet/in.h>

#include <string>

#include <spead2/recv/readers/udp_ibv.h>

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS
#include "receive_queue.h"
#endif

namespace spead2::recv::detail {

/// Check the options. \return the interface's address \throw as udp_ibv_reader
[[nodiscard]] in_addr interface_of(const udp_ibv_reader_options& options);

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

[[nodiscard]] receive_queue::parameters queue_parameters(const udp_ibv_reader_options& options,
                                                         const in_addr& local);
/// For people: what is received, and on which device.
[[nodiscard]] std::string queue_name(const udp_ibv_reader_options& options,
                                     const verbs_device& device);
/// New queues in a row that receive nothing before it is given up.
inline constexpr int most_mended = 10;

#else

/// \throw std::runtime_error  always
[[noreturn]] void no_ibverbs();

#endif

}  // namespace spead2::recv::detail
