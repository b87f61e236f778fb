// SPDX-License-Identifier: Apache-2.0
// Raw packet queue pairs of the software verbs device: frames leave and arrive through AF_PACKET
// sockets on the device's interface. Reading a work request's memory is put off to a thread, as a
// device's DMA would be, unless SOFTVERBS_THREAD=0.
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

#include "softverbs.h"

namespace softverbs {
namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t ipv4_header = 20;
constexpr std::size_t transmit_batch = 64;

queue_pair& from_base(ibv_qp* base) { return *reinterpret_cast<queue_pair*>(base); }

/// Set the checksum of an IPv4 header without options; frames of other kinds stay as they are.
void insert_checksum(std::vector<std::uint8_t>& frame) {
    if (frame.size() < ethernet_header + ipv4_header || frame[12] != 0x08 || frame[13] != 0x00 ||
        frame[ethernet_header] != 0x45) {
        return;
    }
    std::uint8_t* header = frame.data() + ethernet_header;
    header[10] = header[11] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < ipv4_header; i += 2) {
        sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    header[10] = static_cast<std::uint8_t>(~sum >> 8);
    header[11] = static_cast<std::uint8_t>(~sum);
}

ibv_wc_status send_frame(const queue_pair& qp, const std::vector<std::uint8_t>& frame) {
    while (::send(qp.packet_socket, frame.data(), frame.size(), 0) < 0) {
        if (errno == ENOBUFS || errno == EAGAIN) {
            // The interface's queue is full; a device would hold the frame back as well.
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        } else if (errno != EINTR) {
            return errno == EMSGSIZE ? IBV_WC_LOC_LEN_ERR : IBV_WC_GENERAL_ERR;
        }
    }
    return IBV_WC_SUCCESS;
}

/// Count a send; whether it is one that the settings want to fail.
bool is_to_fail(context& self) {
    const settings& options = self.options;
    const std::uint64_t number = ++self.sends;
    if (number != options.fail_wr && (options.fail_wr_every == 0 || number < options.fail_wr ||
                                      (number - options.fail_wr) % options.fail_wr_every != 0)) {
        return false;
    }
    log_event(options, "failed_send", "\"number\": " + std::to_string(number));
    return true;
}

/// Do what one work request asks for: check it, read its memory, put the frame on the wire.
ibv_wc_status perform(queue_pair& qp, const ibv_sge* elements, std::size_t count, unsigned flags,
                      const std::vector<std::uint8_t>* inline_data,
                      std::vector<std::uint8_t>& frame) {
    context& self = qp.device_context();
    const settings& options = self.options;
    if (options.fail_wr != 0 && is_to_fail(self)) {
        return options.fail_status;
    }
    if (options.gone != 0 && ++self.sends_before_gone >= options.gone) {
        if (!self.is_gone.exchange(true)) {
            log_event(options, "gone", "");
        }
        return IBV_WC_FATAL_ERR;
    }
    if (!options.discard) {
        frame.clear();
    }
    std::size_t length = 0;
    if (inline_data != nullptr && (flags & IBV_SEND_INLINE) != 0) {
        length = inline_data->size();
        if (!options.discard) {
            frame = *inline_data;
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t* data = self.translate(elements[i]);
            if (data == nullptr) {
                return IBV_WC_LOC_PROT_ERR;
            }
            length += elements[i].length;
            if (!options.discard) {
                frame.insert(frame.end(), data, data + elements[i].length);
            }
        }
    }
    qp.total_bytes += length;
    qp.total_elements += count;
    if (length < ethernet_header || length > ethernet_header + static_cast<std::size_t>(self.mtu)) {
        return IBV_WC_LOC_LEN_ERR;
    }
    if ((flags & IBV_SEND_IP_CSUM) != 0) {
        ++qp.total_checksums;
    }
    if (options.discard) {
        return IBV_WC_SUCCESS;
    }
    if ((flags & IBV_SEND_IP_CSUM) != 0) {
        insert_checksum(frame);
    }
    return send_frame(qp, frame);
}

/// Report the outcome of send number `number`. Called with the queue pair's mutex held.
void conclude(queue_pair& qp, std::uint64_t wr_id, unsigned flags, std::uint64_t number,
              ibv_wc_status status) {
    const bool signaled = qp.signal_all || (flags & IBV_SEND_SIGNALED) != 0;
    qp.total_signaled += signaled;
    qp.processed = number;
    if (status != IBV_WC_SUCCESS && status != IBV_WC_WR_FLUSH_ERR) {
        qp.state = IBV_QPS_ERR;
        qp.base.state = IBV_QPS_ERR;
    }
    if (!signaled && status == IBV_WC_SUCCESS) {
        return;
    }
    completion item;
    item.entry.wr_id = wr_id;
    item.entry.status = status;
    item.entry.opcode = IBV_WC_SEND;
    item.entry.qp_num = qp.base.qp_num;
    item.owner = &qp;
    item.retires = number;
    if (!qp.send_cq->push(item) && qp.state != IBV_QPS_ERR) {
        qp.state = IBV_QPS_ERR;
        qp.base.state = IBV_QPS_ERR;
        ibv_async_event event{};
        event.element.qp = &qp.base;
        event.event_type = IBV_EVENT_QP_FATAL;
        qp.device_context().raise_async(event);
    }
}

bool is_held(const settings& options) {
    return !options.hold.empty() && ::access(options.hold.c_str(), F_OK) == 0;
}

/// The device thread: takes sends off the ring in order, paced when a rate is set.
void run_sender(queue_pair& qp) {
    using clock = std::chrono::steady_clock;
    const settings& options = qp.device_context().options;
    std::vector<std::uint8_t> frame;
    auto due = clock::now();
    std::unique_lock lock(qp.mutex);
    while (true) {
        qp.work.wait(lock, [&] { return qp.stopping || qp.processed < qp.posted; });
        if (qp.stopping) {
            return;
        }
        for (bool first = true; is_held(options) && !qp.stopping; first = false) {
            if (first) {
                log_event(options, "held", "");
            }
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            lock.lock();
        }
        if (qp.stopping || qp.processed >= qp.posted) {
            continue;
        }
        if (qp.rate_kbps != 0) {
            const auto now = clock::now();
            if (due > now) {
                qp.work.wait_until(lock, due, [&] { return qp.stopping; });
                continue;
            }
            if (due < now - std::chrono::milliseconds(1)) {
                due = now;
            }
        }
        const std::uint64_t number = qp.processed + 1;
        const std::uint64_t generation = qp.generation;
        const queued_send& item = qp.sends[qp.processed % qp.sends.size()];
        ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
        if (qp.state == IBV_QPS_RTS) {
            const std::uint64_t bytes_before = qp.total_bytes;
            qp.busy = true;
            lock.unlock();  // posting goes on while the device works; a reset waits for it
            status = perform(qp, item.elements.data(), item.elements.size(), item.flags,
                             &item.inline_data, frame);
            lock.lock();
            qp.busy = false;
            qp.idle.notify_all();
            if (qp.rate_kbps != 0) {
                const double bits = static_cast<double>(qp.total_bytes - bytes_before) * 8;
                due += std::chrono::duration_cast<clock::duration>(
                    std::chrono::duration<double>(bits / (qp.rate_kbps * 1000.0)));
            }
        }
        if (generation == qp.generation) {
            conclude(qp, item.wr_id, item.flags, number, status);
        }
    }
}

int post_send(ibv_qp* base, ibv_send_wr* wr, ibv_send_wr** bad) {
    queue_pair& qp = from_base(base);
    context& self = qp.device_context();
    const settings& options = self.options;
    const std::lock_guard lock(qp.mutex);
    ++qp.post_calls;
    std::vector<std::uint8_t>& frame = qp.scratch;
    const bool threaded = qp.sender.joinable();
    int error = 0;
    for (; wr != nullptr; wr = wr->next) {
        if (qp.state != IBV_QPS_RTS && qp.state != IBV_QPS_ERR && qp.state != IBV_QPS_SQE) {
            error = EINVAL;
        } else if (self.is_gone) {
            error = EIO;
        } else if (qp.posted - qp.retired.load(std::memory_order_acquire) >= qp.cap.max_send_wr) {
            error = ENOMEM;
        } else if (wr->opcode != IBV_WR_SEND || wr->num_sge < 0 ||
                   static_cast<std::uint32_t>(wr->num_sge) > qp.cap.max_send_sge ||
                   ((wr->send_flags & IBV_SEND_IP_CSUM) != 0 && !options.ip_checksum)) {
            error = EINVAL;
        }
        if (options.fail_post != 0 && error == 0 && ++self.posted == options.fail_post) {
            error = ENOMEM;
            log_event(options, "refused_post", "");
        }
        if (error != 0) {
            *bad = wr;
            break;
        }
        ++qp.total_sends;
        const std::uint64_t number = ++qp.posted;
        if (!threaded && (wr->send_flags & IBV_SEND_INLINE) == 0) {
            ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
            if (qp.state == IBV_QPS_RTS) {
                status = perform(qp, wr->sg_list, static_cast<std::size_t>(wr->num_sge),
                                 wr->send_flags, nullptr, frame);
            }
            conclude(qp, wr->wr_id, wr->send_flags, number, status);
            continue;
        }
        queued_send item;
        queued_send& slot = threaded ? qp.sends[(number - 1) % qp.sends.size()] : item;
        slot.wr_id = wr->wr_id;
        slot.flags = wr->send_flags;
        slot.elements.assign(wr->sg_list, wr->sg_list + wr->num_sge);
        slot.inline_data.clear();
        if ((wr->send_flags & IBV_SEND_INLINE) != 0) {
            for (const ibv_sge& sge : slot.elements) {
                const auto* data = reinterpret_cast<const std::uint8_t*>(sge.addr);
                slot.inline_data.insert(slot.inline_data.end(), data, data + sge.length);
            }
            if (slot.inline_data.size() > qp.cap.max_inline_data) {
                --qp.posted;
                --qp.total_sends;
                *bad = wr;
                error = EINVAL;
                break;
            }
        }
        if (!threaded) {
            ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
            if (qp.state == IBV_QPS_RTS) {
                status = perform(qp, slot.elements.data(), slot.elements.size(), slot.flags,
                                 &slot.inline_data, frame);
            }
            conclude(qp, slot.wr_id, slot.flags, number, status);
        }
    }
    if (threaded) {
        qp.work.notify_one();
    }
    return error;
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
    return 0;
}

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

int open_packet_socket(const context& self, int protocol) {
    const int fd =
        ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(static_cast<uint16_t>(protocol)));
    if (fd < 0) {
        return -1;
    }
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(static_cast<uint16_t>(protocol));
    address.sll_ifindex = self.owner->interface_index;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        const int error = errno;
        ::close(fd);
        errno = error;
        return -1;
    }
    return fd;
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

int set_rate(queue_pair& qp, std::uint32_t kbps) {
    const settings& options = qp.device_context().options;
    if (options.pacing_max_kbps == 0) {
        return EOPNOTSUPP;
    }
    if (kbps != 0 && (kbps < options.pacing_min_kbps || kbps > options.pacing_max_kbps)) {
        return EINVAL;
    }
    qp.rate_kbps = kbps;
    log_event(options, "rate_limit", "\"kbps\": " + std::to_string(kbps));
    return 0;
}

int modify_rate_limit(ibv_qp* base, ibv_qp_rate_limit_attr* attr) {
    queue_pair& qp = from_base(base);
    const std::lock_guard lock(qp.mutex);
    return qp.state == IBV_QPS_RTS ? set_rate(qp, attr->rate_limit) : EINVAL;
}

}  // namespace

void install_queue_pair_operations(context& target) {
    target.extended.context.ops.post_send = &post_send;
    target.extended.context.ops.post_recv = &post_recv;
    target.extended.ibv_create_flow = &create_flow;
    target.extended.ibv_destroy_flow = &destroy_flow;
    target.extended.modify_qp_rate_limit = &modify_rate_limit;
    target.extended.create_qp_ex = [](ibv_context*, ibv_qp_init_attr_ex* attr) -> ibv_qp* {
        if ((attr->comp_mask & ~std::uint32_t{IBV_QP_INIT_ATTR_PD}) != 0 &&
            (attr->comp_mask != (IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_CREATE_FLAGS) ||
             attr->create_flags != 0)) {
            errno = EOPNOTSUPP;
            return nullptr;
        }
        return ibv_create_qp(attr->pd, reinterpret_cast<ibv_qp_init_attr*>(attr));
    };
}

}  // namespace softverbs

using namespace softverbs;

SOFTVERBS_EXPORT ibv_qp* ibv_create_qp(ibv_pd* pd, ibv_qp_init_attr* attr) {
    context& self = *from_verbs(pd->context);
    const settings& options = self.options;
    const ibv_qp_cap& cap = attr->cap;
    const auto limit = static_cast<std::uint32_t>(options.max_qp_wr);
    const auto elements = static_cast<std::uint32_t>(options.max_sge);
    if (self.is_gone) {
        errno = EIO;
        return nullptr;
    }
    if (attr->qp_type != IBV_QPT_RAW_PACKET || attr->srq != nullptr) {
        errno = EOPNOTSUPP;
        return nullptr;
    }
    if (attr->send_cq == nullptr || attr->recv_cq == nullptr || cap.max_send_wr > limit ||
        cap.max_recv_wr > limit || cap.max_send_sge > elements || cap.max_recv_sge > elements ||
        cap.max_inline_data > static_cast<std::uint32_t>(options.max_inline)) {
        errno = EINVAL;
        return nullptr;
    }
    if (options.granted_qp_wr != 0 &&
        cap.max_send_wr > static_cast<std::uint32_t>(options.granted_qp_wr)) {
        log_event(options, "create_qp_refused",
                  "\"max_send_wr\": " + std::to_string(cap.max_send_wr));
        errno = ENOMEM;
        return nullptr;
    }
    auto qp = std::make_unique<queue_pair>();
    if (!options.discard) {
        qp->packet_socket = open_packet_socket(self, 0);
        if (qp->packet_socket < 0) {
            return nullptr;  // EPERM without CAP_NET_RAW, like a real device
        }
    }
    qp->base.context = pd->context;
    qp->base.qp_context = attr->qp_context;
    qp->base.pd = pd;
    qp->base.send_cq = attr->send_cq;
    qp->base.recv_cq = attr->recv_cq;
    qp->base.qp_type = attr->qp_type;
    qp->base.qp_num = self.next_number++;
    qp->base.state = IBV_QPS_RESET;
    qp->cap = cap;
    qp->cap.max_send_wr = std::max<std::uint32_t>(cap.max_send_wr, 1);
    qp->signal_all = attr->sq_sig_all != 0;
    qp->send_cq = reinterpret_cast<completion_queue*>(attr->send_cq);
    qp->receive_cq = reinterpret_cast<completion_queue*>(attr->recv_cq);
    for (auto* cq : {qp->send_cq, qp->receive_cq}) {
        const std::lock_guard lock(cq->mutex);
        ++cq->users;
    }
    ++reinterpret_cast<protection_domain*>(pd)->users;
    self.add_object(1);
    if (options.device_thread || options.pacing_max_kbps != 0) {
        qp->sends.resize(qp->cap.max_send_wr);
        qp->sender = std::thread([target = qp.get()] { run_sender(*target); });
    }
    attr->cap = qp->cap;
    log_event(options, "create_qp",
              "\"max_send_wr\": " + std::to_string(qp->cap.max_send_wr) +
                  ", \"max_send_sge\": " + std::to_string(qp->cap.max_send_sge) +
                  ", \"max_recv_wr\": " + std::to_string(qp->cap.max_recv_wr));
    return &qp.release()->base;
}

SOFTVERBS_EXPORT int ibv_modify_qp(ibv_qp* base, ibv_qp_attr* attr, int mask) {
    queue_pair& qp = from_base(base);
    context& self = qp.device_context();
    if (self.is_gone) {
        return EIO;
    }
    if (++self.modifications == self.options.fail_modify) {
        log_event(self.options, "refused_modify", "");
        return EIO;
    }
    std::unique_lock lock(qp.mutex);
    if ((mask & IBV_QP_STATE) != 0) {
        const ibv_qp_state to = attr->qp_state;
        const bool legal =
            to == IBV_QPS_RESET || to == IBV_QPS_ERR ||
            (to == IBV_QPS_INIT && qp.state == IBV_QPS_RESET && (mask & IBV_QP_PORT) != 0 &&
             attr->port_num == 1) ||
            (to == IBV_QPS_INIT && qp.state == IBV_QPS_INIT) ||
            (to == IBV_QPS_RTR && qp.state == IBV_QPS_INIT) ||
            (to == IBV_QPS_RTS &&
             (qp.state == IBV_QPS_RTR || qp.state == IBV_QPS_RTS || qp.state == IBV_QPS_SQE));
        if (!legal) {
            return EINVAL;
        }
        if (to == IBV_QPS_RESET) {
            // After this the device touches none of the memory that it was given.
            ++qp.generation;
            qp.idle.wait(lock, [&] { return !qp.busy; });
            qp.posted = qp.processed = 0;
            qp.retired = 0;
            qp.receives.clear();
            qp.send_cq->purge(&qp);
            qp.receive_cq->purge(&qp);
        }
        qp.state = base->state = to;
        log_event(self.options, "modify_qp", "\"state\": " + std::to_string(to));
        qp.work.notify_one();  // on ERR the rest is flushed
    }
    if ((mask & IBV_QP_RATE_LIMIT) != 0) {
        if (qp.state != IBV_QPS_RTS) {
            return EINVAL;
        }
        return set_rate(qp, attr->rate_limit);
    }
    return 0;
}

SOFTVERBS_EXPORT int ibv_query_qp(ibv_qp* base, ibv_qp_attr* attr, int, ibv_qp_init_attr* init) {
    queue_pair& qp = from_base(base);
    const std::lock_guard lock(qp.mutex);
    *attr = {};
    attr->qp_state = attr->cur_qp_state = qp.state;
    attr->port_num = 1;
    attr->cap = qp.cap;
    attr->rate_limit = qp.rate_kbps;
    *init = {};
    init->qp_context = base->qp_context;
    init->send_cq = base->send_cq;
    init->recv_cq = base->recv_cq;
    init->cap = qp.cap;
    init->qp_type = base->qp_type;
    init->sq_sig_all = qp.signal_all;
    return 0;
}

SOFTVERBS_EXPORT int ibv_destroy_qp(ibv_qp* base) {
    const std::unique_ptr<queue_pair> qp(&from_base(base));
    context& self = qp->device_context();
    {
        const std::lock_guard lock(qp->mutex);
        qp->stopping = true;
        ++qp->generation;
        qp->work.notify_all();
    }
    if (qp->sender.joinable()) {
        qp->sender.join();
    }
    if (qp->receiver.joinable()) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(qp->receive_stop, &one, sizeof(one));
        qp->receiver.join();
        ::close(qp->receive_stop);
        ::close(qp->receive_socket);
    }
    if (qp->packet_socket >= 0) {
        ::close(qp->packet_socket);
    }
    for (auto* cq : {qp->send_cq, qp->receive_cq}) {
        cq->purge(qp.get());
        const std::lock_guard lock(cq->mutex);
        --cq->users;
    }
    --reinterpret_cast<protection_domain*>(base->pd)->users;
    self.add_object(-1);
    log_event(self.options, "destroy_qp",
              "\"post_calls\": " + std::to_string(qp->post_calls) +
                  ", \"sends\": " + std::to_string(qp->total_sends) +
                  ", \"signaled\": " + std::to_string(qp->total_signaled) +
                  ", \"checksums\": " + std::to_string(qp->total_checksums) +
                  ", \"elements\": " + std::to_string(qp->total_elements) +
                  ", \"bytes\": " + std::to_string(qp->total_bytes) +
                  ", \"outstanding\": " + std::to_string(qp->posted - qp->processed));
    return 0;
}
