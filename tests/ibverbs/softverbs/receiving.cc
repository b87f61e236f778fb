// SPDX-License-Identifier: Apache-2.0
// Receiving: frames from the wire, or from a capture, that a flow steers to a queue pair go to the
// memory that was posted.
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

constexpr std::size_t vlan_tag = 4;

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
    const bool by_mac = steering.owner->device_context().options.steer_by_mac;
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
        if (by_mac) {
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

void copy(std::uint8_t* to, const std::uint8_t* from, std::size_t n) {
    // In place of memcpy(), so that a profile shows what the device does as the device's.
    for (; n >= 64; n -= 64, to += 64, from += 64) {
        __builtin_memcpy(to, from, 64);
    }
    for (std::size_t i = 0; i < n; ++i) {
        to[i] = from[i];
    }
}

/// With the mutex of the queue pair held.
void deliver(queue_pair& qp, const std::uint8_t* frame, std::size_t length) {
    context& self = qp.device_context();
    const bool wanted = std::any_of(qp.flows.begin(), qp.flows.end(), [&](const flow* steering) {
        return matches(*steering, frame, length);
    });
    if (!wanted || qp.state < IBV_QPS_RTR || qp.state == IBV_QPS_ERR || self.is_gone) {
        return;
    }
    if (qp.receives.empty()) {
        if (qp.total_overflows++ == 0) {
            log_event(self.options, "overflow", "");
        }
        return;
    }
    ++qp.total_receives;
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
        copy(memory, frame, step);
        frame += step;
        length -= step;
    }
    if (item.entry.status == IBV_WC_SUCCESS && length != 0) {
        item.entry.status = IBV_WC_LOC_LEN_ERR;
    }
    const bool fails = ++self.receives == self.options.fail_receive;
    if (fails) {
        log_event(self.options, "failed_receive", "");
        item.entry.status = self.options.fail_status;
    }
    qp.receive_cq->push(item);
    if (fails) {
        qp.state = qp.base.state = IBV_QPS_ERR;
        flush_receives(qp);
    }
}

/// The next frame of the capture that is replayed; its end if there is none.
std::size_t next_frame(queue_pair& qp) {
    const std::vector<std::uint8_t>& capture = qp.device_context().replayed;
    if (qp.replay_at == capture.size() && qp.replays_left > 1) {
        --qp.replays_left;
        qp.replay_at = 0;
    }
    return qp.replay_at;
}

/// \return bytes of a frame, 0 if there is none; \a frame has room for a tag more
std::size_t receive_frame(int socket, std::vector<std::uint8_t>& frame, bool& outgoing) {
    sockaddr_ll from{};
    iovec piece{frame.data(), frame.size() - vlan_tag};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto got = ::recvmsg(socket, &message, MSG_DONTWAIT);
    outgoing = from.sll_pkttype == PACKET_OUTGOING;
    if (got < static_cast<ssize_t>(ethernet_header)) {
        return 0;
    }
    // The kernel has taken the tag out.
    const cmsghdr* extra = CMSG_FIRSTHDR(&message);
    if (extra == nullptr || extra->cmsg_type != PACKET_AUXDATA) {
        return static_cast<std::size_t>(got);
    }
    tpacket_auxdata auxiliary;
    std::memcpy(&auxiliary, CMSG_DATA(extra), sizeof(auxiliary));
    if ((auxiliary.tp_status & TP_STATUS_VLAN_VALID) == 0) {
        return static_cast<std::size_t>(got);
    }
    std::memmove(frame.data() + 12 + vlan_tag, frame.data() + 12,
                 static_cast<std::size_t>(got) - 12);
    const std::uint16_t tag[2] = {htons(ETH_P_8021Q), htons(auxiliary.tp_vlan_tci)};
    std::memcpy(frame.data() + 12, tag, sizeof(tag));
    return static_cast<std::size_t>(got) + vlan_tag;
}

void run_receiver(queue_pair& qp) {
    std::vector<std::uint8_t> frame(65536 + ethernet_header + vlan_tag);
    std::array<pollfd, 2> waits{pollfd{qp.receive_socket, POLLIN, 0},
                                pollfd{qp.receive_stop, POLLIN, 0}};
    while (true) {
        ::poll(waits.data(), waits.size(), -1);
        if (waits[1].revents != 0) {
            return;
        }
        bool outgoing = false;
        const std::size_t got = receive_frame(qp.receive_socket, frame, outgoing);
        if (got >= ethernet_header && !outgoing) {
            const std::lock_guard lock(qp.mutex);
            deliver(qp, frame.data(), got);
        }
    }
}

}  // namespace

void flush_receives(queue_pair& qp) {
    for (const queued_receive& flushed : qp.receives) {
        completion end;
        end.entry.wr_id = flushed.wr_id;
        end.entry.status = IBV_WC_WR_FLUSH_ERR;
        end.entry.qp_num = qp.base.qp_num;
        end.owner = &qp;
        qp.receive_cq->push(end);
    }
    qp.receives.clear();
}

void replay(queue_pair& qp, std::size_t frames) {
    const std::vector<std::uint8_t>& capture = qp.device_context().replayed;
    const std::lock_guard lock(qp.mutex);
    for (; frames != 0 && !qp.receives.empty() && qp.state == IBV_QPS_RTR; --frames) {
        const std::size_t at = next_frame(qp);
        if (at == capture.size()) {
            return;
        }
        std::uint32_t length = 0;
        std::memcpy(&length, capture.data() + at, sizeof(length));
        deliver(qp, capture.data() + at + sizeof(length), length);
        qp.replay_at = at + sizeof(length) + length;
    }
}

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
    if (qp.state == IBV_QPS_ERR) {
        flush_receives(qp);
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
    if (!self.replayed.empty()) {
        qp.receive_cq->replays_to = &qp;
        qp.replays_left = self.options.replay_times;
    } else if (!qp.receiver.joinable()) {
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
        const int on = 1;
        ::setsockopt(qp.receive_socket, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
        qp.receive_stop = ::eventfd(0, EFD_CLOEXEC);
        qp.receiver = std::thread([&qp] { run_receiver(qp); });
    }
    const std::lock_guard lock(qp.mutex);
    qp.flows.push_back(steering.get());
    self.add_object(1);
    log_event(self.options, "create_flow", "");
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
