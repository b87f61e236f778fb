// SPDX-License-Identifier: Apache-2.0
// Raw packet queue pairs of the software verbs device: frames leave (sending.cc) and arrive
// (receiving.cc) through AF_PACKET sockets on the device's interface.
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
    if (options.granted_qp_wr != 0 && std::max(cap.max_send_wr, cap.max_recv_wr) >
                                          static_cast<std::uint32_t>(options.granted_qp_wr)) {
        log_event(options, "create_qp_refused",
                  "\"max_send_wr\": " + std::to_string(cap.max_send_wr) +
                      ", \"max_recv_wr\": " + std::to_string(cap.max_recv_wr));
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
        if (to == IBV_QPS_ERR) {
            flush_receives(qp);
        }
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
        if (cq->replays_to == qp.get()) {
            cq->replays_to = nullptr;
        }
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
                  ", \"receives\": " + std::to_string(qp->total_receives) +
                  ", \"overflows\": " + std::to_string(qp->total_overflows) +
                  ", \"outstanding\": " + std::to_string(qp->posted - qp->processed));
    return 0;
}
