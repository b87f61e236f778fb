// SPDX-License-Identifier: Apache-2.0
// Receiving: frames from the wire that a flow steers to a queue pair go to the memory that was posted.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "queue_pair.h"

namespace softverbs {
namespace {

template <typename T>
bool masked_equal(const T& value, const T& wanted, const T& mask) {
    const auto* a = reinterpret_cast<const std::uint8_t*>(&value);
    const auto* b = reinterpret_cast<const std::uint8_t*>(&wanted);
    const auto* m = reinterpret_cast<const std::uint8_t*>(&mask);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        if (((a[i] ^ b[i]) & m[i]) != 0) {
            return false;
        }
    }
    return true;
}

/// Whether a frame is one that the flow steers to its queue pair. Rules of unknown kinds match
/// nothing: create_flow has refused them.
bool matches(const flow& steering, const std::uint8_t* frame, std::size_t length) {
    const std::uint8_t* at = steering.rules.data();
    for (int i = 0; i < steering.rule_count; ++i) {
        ibv_flow_spec rule{};
        std::memcpy(&rule.hdr, at, sizeof(rule.hdr));
        std::memcpy(&rule, at, std::min<std::size_t>(rule.hdr.size, sizeof(rule)));
        at += rule.hdr.size;
        if (rule.hdr.type == IBV_FLOW_SPEC_ETH) {
            ibv_flow_eth_filter value{};
            std::memcpy(value.dst_mac, frame, 6);
            std::memcpy(value.src_mac, frame + 6, 6);
            std::memcpy(&value.ether_type, frame + 12, 2);
            if (!masked_equal(value, rule.eth.val, rule.eth.mask)) {
                return false;
            }
            continue;
        }
        if (length < 42 || frame[12] != 0x08 || frame[13] != 0x00 || frame[14] != 0x45) {
            return false;
        }
        if (rule.hdr.type == IBV_FLOW_SPEC_IPV4) {
            ibv_flow_ipv4_filter value{};
            std::memcpy(&value.src_ip, frame + 26, 4);
            std::memcpy(&value.dst_ip, frame + 30, 4);
            if (!masked_equal(value, rule.ipv4.val, rule.ipv4.mask)) {
                return false;
            }
        } else {
            ibv_flow_tcp_udp_filter value{};
            std::memcpy(&value.src_port, frame + 34, 2);
            std::memcpy(&value.dst_port, frame + 36, 2);
            if (frame[23] != IPPROTO_UDP ||
                !masked_equal(value, rule.tcp_udp.val, rule.tcp_udp.mask)) {
                return false;
            }
        }
    }
    return true;
}

void deliver(queue_pair& qp, const std::uint8_t* frame, std::size_t length) {
    context& self = qp.device_context();
    const std::lock_guard lock(qp.mutex);
    const bool wanted = std::any_of(qp.flows.begin(), qp.flows.end(), [&](const flow* steering) {
        return matches(*steering, frame, length);
    });
    if (!wanted || qp.receives.empty() || qp.state < IBV_QPS_RTR || qp.state == IBV_QPS_ERR) {
        return;
    }
    const queued_receive request = std::move(qp.receives.front());
    qp.receives.pop_front();
    completion item;
    item.entry.wr_id = request.wr_id;
    item.entry.opcode = IBV_WC_RECV;
    item.entry.qp_num = qp.base.qp_num;
    item.entry.byte_len = static_cast<std::uint32_t>(length);
    item.owner = &qp;
    for (const ibv_sge& sge : request.elements) {
        std::uint8_t* memory = self.translate(sge);
        if (memory == nullptr) {
            item.entry.status = IBV_WC_LOC_PROT_ERR;
            break;
        }
        const std::size_t step = std::min<std::size_t>(length, sge.length);
        std::memcpy(memory, frame, step);
        frame += step;
        length -= step;
    }
    if (item.entry.status == IBV_WC_SUCCESS && length != 0) {
        item.entry.status = IBV_WC_LOC_LEN_ERR;
    }
    qp.receive_cq->push(item);
}

void run_receiver(queue_pair& qp) {
    std::vector<std::uint8_t> frame(65536 + ethernet_header);
    std::array<pollfd, 2> waits{pollfd{qp.receive_socket, POLLIN, 0},
                                pollfd{qp.receive_stop, POLLIN, 0}};
    while (true) {
        ::poll(waits.data(), waits.size(), -1);
        if (waits[1].revents != 0) {
            return;
        }
        sockaddr_ll from{};
        socklen_t from_length = sizeof(from);
        const auto got = ::recvfrom(qp.receive_socket, frame.data(), frame.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from), &from_length);
        if (got >= static_cast<ssize_t>(ethernet_header) && from.sll_pkttype != PACKET_OUTGOING) {
            deliver(qp, frame.data(), static_cast<std::size_t>(got));
        }
    }
}

}  // namespace

int post_recv(ibv_qp* base, ibv_recv_wr* wr, ibv_recv_wr** bad) {
    queue_pair& qp = from_base(base);
    const std::lock_guard lock(qp.mutex);
    for (; wr != nullptr; wr = wr->next) {
        int error = 0;
        if (qp.state == IBV_QPS_RESET || wr->num_sge < 0 ||
            static_cast<std::uint32_t>(wr->num_sge) > qp.cap.max_recv_sge) {
            error = EINVAL;
        } else if (qp.receives.size() >= qp.cap.max_recv_wr) {
            error = ENOMEM;
        }
        if (error != 0) {
            *bad = wr;
            return error;
        }
        qp.receives.push_back({wr->wr_id, {wr->sg_list, wr->sg_list + wr->num_sge}});
    }
    return 0;
}

ibv_flow* create_flow(ibv_qp* base, ibv_flow_attr* attr) {
    queue_pair& qp = from_base(base);
    context& self = qp.device_context();
    auto steering = std::make_unique<flow>();
    const auto* at = reinterpret_cast<const std::uint8_t*>(attr + 1);
    for (int i = 0; i < attr->num_of_specs; ++i) {
        ibv_flow_spec rule{};
        std::memcpy(&rule.hdr, at, sizeof(rule.hdr));
        if (rule.hdr.type != IBV_FLOW_SPEC_ETH && rule.hdr.type != IBV_FLOW_SPEC_IPV4 &&
            rule.hdr.type != IBV_FLOW_SPEC_UDP) {
            errno = EOPNOTSUPP;
            return nullptr;
        }
        steering->rules.insert(steering->rules.end(), at, at + rule.hdr.size);
        at += rule.hdr.size;
    }
    steering->rule_count = attr->num_of_specs;
    steering->owner = &qp;
    steering->base.context = base->context;
    if (!qp.receiver.joinable()) {
        qp.receive_socket = open_packet_socket(self, ETH_P_ALL);
        if (qp.receive_socket < 0) {
            return nullptr;
        }
        constexpr int buffer = 64 << 20;
        ::setsockopt(qp.receive_socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
        // Multicast frames are steered by the flow alone, so the interface must let all in.
        packet_mreq request{};
        request.mr_ifindex = self.owner->interface_index;
        request.mr_type = PACKET_MR_ALLMULTI;
        ::setsockopt(qp.receive_socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request,
                     sizeof(request));
        qp.receive_stop = ::eventfd(0, EFD_CLOEXEC);
        qp.receiver = std::thread([&qp] { run_receiver(qp); });
    }
    const std::lock_guard lock(qp.mutex);
    qp.flows.push_back(steering.get());
    self.add_object(1);
    return &steering.release()->base;
}

int destroy_flow(ibv_flow* base) {
    const std::unique_ptr<flow> steering(reinterpret_cast<flow*>(base));
    const std::lock_guard lock(steering->owner->mutex);
    std::erase(steering->owner->flows, steering.get());
    from_verbs(base->context)->add_object(-1);
    return 0;
}

}  // namespace softverbs
