// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "send_queue.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string>

#include <spead2/base/log.h>

namespace spead2::send::detail {

send_queue::send_queue(const verbs_device& device, int interrupt, std::size_t work_requests,
                       std::size_t elements)
    : device_(device),
      work_requests_(work_requests),
      elements_(elements),
      completions_(device, interrupt) {
    const ibv_device_attr& limits = device.limits();
    if (elements_ > static_cast<std::size_t>(std::max(limits.max_sge, 1))) {
        elements_ = static_cast<std::size_t>(std::max(limits.max_sge, 1));
        log_message(log_level::warning,
                    std::string(device.name()) + ": max_sge is " + std::to_string(elements_) +
                        ", so payload in memory regions is copied where a packet needs more "
                        "than that");
    }
    // Every work request can come back with a completion of its own, when an earlier one fails.
    work_requests_ =
        std::min({work_requests, static_cast<std::size_t>(std::max(limits.max_qp_wr, 1)),
                  static_cast<std::size_t>(std::max(limits.max_cqe, 1))});
    if (work_requests_ < work_requests)
        log_message(log_level::warning, std::string(device.name()) + ": max_qp_wr is " +
                                            std::to_string(limits.max_qp_wr) + " and max_cqe is " +
                                            std::to_string(limits.max_cqe) + ", so only " +
                                            std::to_string(work_requests_) +
                                            " packets can be in flight, not the " +
                                            std::to_string(work_requests) + " of buffer_size");
    completions_.create(work_requests_);
    const std::size_t wanted = work_requests_;
    // Devices advertise more than they have memory for when gather lists are long.
    while (!(pair_ = try_create_pair())) {
        const int code = errno;
        if (code == EPERM)
            verbs_device::fail(
                code, "the device gives a raw packet queue only to processes with CAP_NET_RAW");
        if (work_requests_ == 1 || (code != ENOMEM && code != EINVAL))
            verbs_device::fail(code, "creating a raw packet queue pair failed");
        work_requests_ = work_requests_ / 2;
    }
    if (work_requests_ < wanted)
        log_message(log_level::warning, std::string(device.name()) + ": a queue of " +
                                            std::to_string(wanted) +
                                            " packets was refused, so only " +
                                            std::to_string(work_requests_) + " can be in flight");
    if (const std::error_code error = start())
        throw std::system_error(error, "ibv_modify_qp failed");
}

/// \return null with errno if the device refuses
verbs_ptr<ibv_qp> send_queue::try_create_pair() const noexcept {
    ibv_qp_init_attr attributes{};
    attributes.send_cq = completions_.get();
    attributes.recv_cq = completions_.get();
    attributes.qp_type = IBV_QPT_RAW_PACKET;
    attributes.cap.max_send_wr = static_cast<std::uint32_t>(work_requests_);
    attributes.cap.max_send_sge = static_cast<std::uint32_t>(elements_);
    return verbs_ptr<ibv_qp>(device_.library().create_qp(device_.protection_domain(), &attributes));
}

std::error_code send_queue::start() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_INIT;
    change.port_num = device_.port();
    int code = device_.library().modify_qp(pair_.get(), &change, IBV_QP_STATE | IBV_QP_PORT);
    for (const ibv_qp_state next : {IBV_QPS_RTR, IBV_QPS_RTS}) {
        if (code != 0) break;
        change = {};
        change.qp_state = next;
        code = device_.library().modify_qp(pair_.get(), &change, IBV_QP_STATE);
    }
    if (code == 0 && rate_kbps_ != 0) code = apply_rate(rate_kbps_);
    return {code, std::generic_category()};
}

std::error_code send_queue::stop() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_ERR;
    return {device_.library().modify_qp(pair_.get(), &change, IBV_QP_STATE),
            std::generic_category()};
}

std::error_code send_queue::restart() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_RESET;
    if (const int code = device_.library().modify_qp(pair_.get(), &change, IBV_QP_STATE))
        return {code, std::generic_category()};
    return start();
}

std::error_code send_queue::rebuild() noexcept {
    pair_.reset();
    try {
        completions_.create(work_requests_);
    } catch (const std::system_error& error) {
        return error.code();
    } catch (...) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    pair_ = try_create_pair();
    if (!pair_) return {errno != 0 ? errno : EIO, std::generic_category()};
    return start();
}

int send_queue::apply_rate(std::uint32_t kbps) noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_RTS;
    change.rate_limit = kbps;
    return device_.library().modify_qp(pair_.get(), &change, IBV_QP_STATE | IBV_QP_RATE_LIMIT);
}

bool send_queue::set_rate(double bits_per_second) noexcept {
    const ibv_packet_pacing_caps& pacing = device_.pacing();
    const std::string name = device_.name();
    const double kbps = std::round(bits_per_second / 1000.0);
    if (pacing.qp_rate_limit_max == 0 ||
        (pacing.supported_qpts & (1U << IBV_QPT_RAW_PACKET)) == 0) {
        log_message(log_level::info, name + ": no packet pacing; the rate is kept by software");
        return false;
    }
    if (kbps < std::max(pacing.qp_rate_limit_min, 1U) || kbps > pacing.qp_rate_limit_max) {
        log_message(log_level::info,
                    name + ": packet pacing goes from " + std::to_string(pacing.qp_rate_limit_min) +
                        " to " + std::to_string(pacing.qp_rate_limit_max) + " kbit/s, not to " +
                        std::to_string(kbps) + "; the rate is kept by software");
        return false;
    }
    if (const int code = apply_rate(static_cast<std::uint32_t>(kbps))) {
        log_message(log_level::warning,
                    name + ": packet pacing was refused: " + std::generic_category().message(code) +
                        "; the rate is kept by software");
        return false;
    }
    rate_kbps_ = static_cast<std::uint32_t>(kbps);
    return true;
}

}  // namespace spead2::send::detail

#endif
