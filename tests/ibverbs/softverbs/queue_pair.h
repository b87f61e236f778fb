// SPDX-License-Identifier: Apache-2.0
// The two directions of a queue pair, as the operations and threads that queue_pair.cc installs.
#pragma once

#include <cstddef>

#include "softverbs.h"

namespace softverbs {

inline constexpr std::size_t ethernet_header = 14;
inline constexpr std::size_t ipv4_header = 20;

inline queue_pair& from_base(ibv_qp* base) { return *reinterpret_cast<queue_pair*>(base); }

/// A socket for frames on the device's interface. \return -1 with errno set
int open_packet_socket(const context& self, int protocol);

// sending.cc
int post_send(ibv_qp* base, ibv_send_wr* wr, ibv_send_wr** bad);
/// The device thread: takes sends off the ring in order, paced when a rate is set.
void run_sender(queue_pair& qp);

// receiving.cc
int post_recv(ibv_qp* base, ibv_recv_wr* wr, ibv_recv_wr** bad);
ibv_flow* create_flow(ibv_qp* base, ibv_flow_attr* attr);
int destroy_flow(ibv_flow* base);
/// What was posted and not filled comes back. With the queue pair's mutex held.
void flush_receives(queue_pair& qp);

}  // namespace softverbs
