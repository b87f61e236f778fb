// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "verbs_queue.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include <spead2/base/log.h>

namespace spead2::send {
namespace {

[[noreturn]] void fail(int code, const std::string& what) {
    throw std::system_error(code != 0 ? code : EIO, std::generic_category(), what);
}

[[nodiscard]] std::string text(const in_addr& address) {
    char buffer[INET_ADDRSTRLEN];
    return ::inet_ntop(AF_INET, &address, buffer, sizeof buffer);
}

}  // namespace

verbs_queue::verbs_queue(const in_addr& interface, int comp_vector)
    : lib_(verbs_library::get()), comp_vector_(comp_vector) {
    const std::string address = text(interface);
    cm_channel_.reset(lib_.create_event_channel());
    if (!cm_channel_)
        fail(errno, "rdma_create_event_channel failed (is the kernel module rdma_ucm loaded?)");
    rdma_cm_id* id = nullptr;
    if (lib_.create_id(cm_channel_.get(), &id, nullptr, RDMA_PS_UDP) != 0)
        fail(errno, "rdma_create_id failed");
    id_.reset(id);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr = interface;
    if (lib_.bind_addr(id, reinterpret_cast<sockaddr*>(&local)) != 0)
        fail(errno, "no verbs device could be bound to interface address " + address);
    if (id->verbs == nullptr)
        fail(ENODEV, "interface address " + address + " does not belong to a verbs device");
    query_device();
    pd_.reset(lib_.alloc_pd(id->verbs));
    if (!pd_) fail(errno, "ibv_alloc_pd failed");
    if (comp_vector_ >= 0 && id->verbs->num_comp_vectors > 0) {
        comp_vector_ %= id->verbs->num_comp_vectors;
        channel_.reset(lib_.create_comp_channel(id->verbs));
        if (!channel_) fail(errno, "ibv_create_comp_channel failed");
        const int flags = ::fcntl(channel_->fd, F_GETFL);
        if (::fcntl(channel_->fd, F_SETFL, flags | O_NONBLOCK) != 0)
            fail(errno, "the completion channel cannot be made non-blocking");
    } else {
        comp_vector_ = 0;
    }
}

verbs_queue::~verbs_queue() = default;

void verbs_queue::query_device() {
    ibv_context* const context = id_->verbs;
    // What ibv_query_device_ex() does; that is inline and would need the library when linking.
    const verbs_context* const extended = verbs_get_ctx(context);
    if (extended == nullptr ||
        extended->sz < sizeof(verbs_context) - offsetof(verbs_context, query_device_ex) ||
        extended->query_device_ex == nullptr ||
        extended->query_device_ex(context, nullptr, &attributes_, sizeof attributes_) != 0) {
        attributes_ = {};
        if (const int code = lib_.query_device(context, &attributes_.orig_attr))
            fail(code, "ibv_query_device failed");
    }
    checksum_offload_ = (attributes_.raw_packet_caps & IBV_RAW_PACKET_CAP_IP_CSUM) != 0 ||
                        (attributes_.orig_attr.device_cap_flags & IBV_DEVICE_RAW_IP_CSUM) != 0;
}

void verbs_queue::open(std::size_t work_requests, std::size_t elements) {
    const ibv_device_attr& limits = attributes_.orig_attr;
    elements_ = elements;
    if (elements_ > static_cast<std::size_t>(std::max(limits.max_sge, 1))) {
        elements_ = static_cast<std::size_t>(std::max(limits.max_sge, 1));
        log_message(log_level::warning,
                    std::string(device_name()) + ": max_sge is " + std::to_string(elements_) +
                        ", so payload in memory regions is copied where a packet needs more "
                        "than that");
    }
    // Every work request can come back with a completion of its own, when an earlier one fails.
    work_requests_ =
        std::min({work_requests, static_cast<std::size_t>(std::max(limits.max_qp_wr, 1)),
                  static_cast<std::size_t>(std::max(limits.max_cqe, 1))});
    if (work_requests_ < work_requests)
        log_message(log_level::warning, std::string(device_name()) + ": max_qp_wr is " +
                                            std::to_string(limits.max_qp_wr) + " and max_cqe is " +
                                            std::to_string(limits.max_cqe) + ", so only " +
                                            std::to_string(work_requests_) +
                                            " packets can be in flight, not the " +
                                            std::to_string(work_requests) + " of buffer_size");
    create_completion_queue();
    const std::size_t wanted = work_requests_;
    // Devices advertise more than they have memory for when gather lists are long.
    while (!(qp_ = try_create_queue_pair(work_requests_))) {
        const int code = errno;
        if (code == EPERM)
            fail(code, "the device gives a raw packet queue only to processes with CAP_NET_RAW");
        if (work_requests_ == 1 || (code != ENOMEM && code != EINVAL))
            fail(code, "creating a raw packet queue pair failed");
        work_requests_ = work_requests_ / 2;
    }
    if (work_requests_ < wanted)
        log_message(log_level::warning, std::string(device_name()) + ": a queue of " +
                                            std::to_string(wanted) +
                                            " packets was refused, so only " +
                                            std::to_string(work_requests_) + " can be in flight");
    if (const std::error_code error = start())
        throw std::system_error(error, "ibv_modify_qp failed");
}

void verbs_queue::create_completion_queue() {
    cq_.reset(lib_.create_cq(id_->verbs, static_cast<int>(work_requests_), nullptr, channel_.get(),
                             comp_vector_));
    if (!cq_)
        fail(errno, "creating a completion queue of " + std::to_string(work_requests_) +
                        " entries failed");
}

verbs_ptr<ibv_qp> verbs_queue::try_create_queue_pair(std::size_t work_requests) const noexcept {
    ibv_qp_init_attr attributes{};
    attributes.send_cq = cq_.get();
    attributes.recv_cq = cq_.get();
    attributes.qp_type = IBV_QPT_RAW_PACKET;
    attributes.cap.max_send_wr = static_cast<std::uint32_t>(work_requests);
    attributes.cap.max_send_sge = static_cast<std::uint32_t>(elements_);
    return verbs_ptr<ibv_qp>(lib_.create_qp(pd_.get(), &attributes));
}

std::error_code verbs_queue::start() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_INIT;
    change.port_num = id_->port_num;
    int code = lib_.modify_qp(qp_.get(), &change, IBV_QP_STATE | IBV_QP_PORT);
    for (const ibv_qp_state next : {IBV_QPS_RTR, IBV_QPS_RTS}) {
        if (code != 0) break;
        change = {};
        change.qp_state = next;
        code = lib_.modify_qp(qp_.get(), &change, IBV_QP_STATE);
    }
    if (code == 0 && rate_kbps_ != 0) code = apply_rate(rate_kbps_);
    return {code, std::generic_category()};
}

std::error_code verbs_queue::stop() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_ERR;
    return {lib_.modify_qp(qp_.get(), &change, IBV_QP_STATE), std::generic_category()};
}

std::error_code verbs_queue::restart() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_RESET;
    if (const int code = lib_.modify_qp(qp_.get(), &change, IBV_QP_STATE))
        return {code, std::generic_category()};
    return start();
}

std::error_code verbs_queue::rebuild() noexcept {
    qp_.reset();
    if (channel_)
        while (take_event()) {
        }
    cq_.reset();
    try {
        create_completion_queue();
    } catch (const std::system_error& error) {
        return error.code();
    } catch (...) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    qp_ = try_create_queue_pair(work_requests_);
    if (!qp_) return {errno != 0 ? errno : EIO, std::generic_category()};
    return start();
}

std::uint32_t verbs_queue::register_memory(const void* data, std::size_t length,
                                           const std::string& what) {
    verbs_ptr<ibv_mr> region(lib_.reg_mr(pd_.get(), const_cast<void*>(data), length, 0));
    if (!region) {
        const int code = errno;
        fail(code, "the device refuses to register " + what + " of " + std::to_string(length) +
                       " bytes" +
                       (code == ENOMEM || code == EAGAIN
                            ? " (the limit of locked memory, ulimit -l, may have to be raised)"
                            : ""));
    }
    regions_.push_back(std::move(region));
    return regions_.back()->lkey;
}

bool verbs_queue::take_event() noexcept {
    ibv_cq* cq = nullptr;
    void* context = nullptr;
    if (lib_.get_cq_event(channel_.get(), &cq, &context) != 0) return false;
    lib_.ack_cq_events(cq, 1);
    return true;
}

int verbs_queue::apply_rate(std::uint32_t kbps) noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_RTS;
    change.rate_limit = kbps;
    return lib_.modify_qp(qp_.get(), &change, IBV_QP_STATE | IBV_QP_RATE_LIMIT);
}

bool verbs_queue::set_rate(double bits_per_second) noexcept {
    const ibv_packet_pacing_caps& pacing = attributes_.packet_pacing_caps;
    const double kbps = std::round(bits_per_second / 1000.0);
    if (pacing.qp_rate_limit_max == 0 ||
        (pacing.supported_qpts & (1U << IBV_QPT_RAW_PACKET)) == 0) {
        log_message(log_level::info, std::string(device_name()) +
                                         ": no packet pacing; the rate is kept by software");
        return false;
    }
    if (kbps < std::max(pacing.qp_rate_limit_min, 1U) || kbps > pacing.qp_rate_limit_max) {
        log_message(log_level::info, std::string(device_name()) + ": packet pacing goes from " +
                                         std::to_string(pacing.qp_rate_limit_min) + " to " +
                                         std::to_string(pacing.qp_rate_limit_max) +
                                         " kbit/s, not to " + std::to_string(kbps) +
                                         "; the rate is kept by software");
        return false;
    }
    if (const int code = apply_rate(static_cast<std::uint32_t>(kbps))) {
        log_message(log_level::warning,
                    std::string(device_name()) + ": packet pacing was refused: " +
                        std::generic_category().message(code) + "; the rate is kept by software");
        return false;
    }
    rate_kbps_ = static_cast<std::uint32_t>(kbps);
    return true;
}

}  // namespace spead2::send

#endif
