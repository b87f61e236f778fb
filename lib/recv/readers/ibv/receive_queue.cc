// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "receive_queue.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include <spead2/base/log.h>

namespace spead2::recv::detail {
namespace {

constexpr std::size_t cache_line = 64;

/// Steers the UDP packets for an endpoint, as one piece of memory that the device's driver reads.
struct udp_flow {
    ibv_flow_attr attributes{};
    ibv_flow_spec_eth ethernet{};
    ibv_flow_spec_ipv4 ipv4{};
    ibv_flow_spec_tcp_udp udp{};
};
static_assert(sizeof(udp_flow) == sizeof(ibv_flow_attr) + sizeof(ibv_flow_spec_eth) +
                                      sizeof(ibv_flow_spec_ipv4) + sizeof(ibv_flow_spec_tcp_udp));

}  // namespace

void unmapped::operator()(std::uint8_t* memory) const noexcept { ::munmap(memory, size); }

receive_queue::receive_queue(const verbs_device& device, parameters p)
    : device_(device),
      parameters_(std::move(p)),
      slot_size_((parameters_.frame_size + cache_line - 1) / cache_line * cache_line),
      frames_(std::max<std::size_t>(parameters_.buffer_size / slot_size_, 1)),
      completions_(device, parameters_.interrupt) {
    const ibv_device_attr& limits = device.limits();
    const std::size_t wanted = frames_;
    frames_ = std::min({frames_, static_cast<std::size_t>(std::max(limits.max_qp_wr, 1)),
                        static_cast<std::size_t>(std::max(limits.max_cqe, 1))});
    completions_.create(frames_);
    // Devices advertise more than they have memory for.
    while (!(pair_ = try_create_pair(frames_))) {
        const int code = errno;
        if (code == EPERM)
            verbs_device::fail(
                code, "the device gives a raw packet queue only to processes with CAP_NET_RAW");
        if (frames_ == 1 || (code != ENOMEM && code != EINVAL))
            verbs_device::fail(code, "creating a raw packet queue pair failed");
        frames_ /= 2;
    }
    if (frames_ < wanted)
        log_message(log_level::warning, std::string(device.name()) + ": only " +
                                            std::to_string(frames_) +
                                            " packets can wait in the queue, not the " +
                                            std::to_string(wanted) + " of buffer_size");
    allocate();
    if (const std::error_code error = start())
        throw std::system_error(error, "the receive queue cannot be started");
}

void receive_queue::allocate() {
    const std::size_t size = frames_ * slot_size_;
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        verbs_device::fail(errno,
                           "there is no memory for " + std::to_string(size) + " bytes of packets");
    memory_ = {static_cast<std::uint8_t*>(memory), unmapped{size}};
    region_ = device_.register_memory(memory, size, IBV_ACCESS_LOCAL_WRITE, "the receive buffer");
    slots_.resize(frames_);
    for (std::size_t i = 0; i < frames_; ++i) {
        slot& s = slots_[i];
        s.element.addr = reinterpret_cast<std::uintptr_t>(memory_.get() + i * slot_size_);
        s.element.length = static_cast<std::uint32_t>(parameters_.frame_size);
        s.element.lkey = region_->lkey;
        s.request.wr_id = i;
        s.request.sg_list = &s.element;
        s.request.num_sge = 1;
    }
}

/// \return null with errno if the device refuses
verbs_ptr<ibv_qp> receive_queue::try_create_pair(std::size_t frames) const noexcept {
    ibv_qp_init_attr attributes{};
    attributes.send_cq = completions_.get();
    attributes.recv_cq = completions_.get();
    attributes.qp_type = IBV_QPT_RAW_PACKET;
    attributes.cap.max_recv_wr = static_cast<std::uint32_t>(frames);
    attributes.cap.max_recv_sge = 1;
    attributes.cap.max_send_wr = 1;  // not used; there are devices that refuse none
    attributes.cap.max_send_sge = 1;
    return verbs_ptr<ibv_qp>(
        verbs_library::get().create_qp(device_.protection_domain(), &attributes));
}

/// Give all frames to the device, and have it be ready to receive.
std::error_code receive_queue::start() noexcept {
    ibv_qp_attr change{};
    change.qp_state = IBV_QPS_INIT;
    change.port_num = device_.port();
    int code = verbs_library::get().modify_qp(pair_.get(), &change, IBV_QP_STATE | IBV_QP_PORT);
    if (code == 0) {
        first_back_ = nullptr;
        last_back_ = &first_back_;
        for (slot& s : slots_) {
            *last_back_ = &s.request;
            last_back_ = &s.request.next;
        }
        code = flush().value();
    }
    if (code == 0) {
        change = {};
        change.qp_state = IBV_QPS_RTR;
        code = verbs_library::get().modify_qp(pair_.get(), &change, IBV_QP_STATE);
    }
    return {code, std::generic_category()};
}

/// \return null with errno if the device refuses
verbs_ptr<ibv_flow> receive_queue::make_flow(const ipv4_endpoint& e) const noexcept {
    udp_flow f;
    f.attributes.type = IBV_FLOW_ATTR_NORMAL;
    f.attributes.size = sizeof f;
    f.attributes.num_of_specs = 3;
    f.attributes.port = device_.port();
    const mac_address mac =
        IN_MULTICAST(ntohl(e.address.s_addr)) ? multicast_mac(e.address) : parameters_.mac;
    f.ethernet.type = IBV_FLOW_SPEC_ETH;
    f.ethernet.size = sizeof f.ethernet;
    std::copy(mac.begin(), mac.end(), f.ethernet.val.dst_mac);
    std::fill_n(f.ethernet.mask.dst_mac, mac.size(), std::uint8_t{0xff});
    f.ipv4.type = IBV_FLOW_SPEC_IPV4;
    f.ipv4.size = sizeof f.ipv4;
    f.ipv4.val.dst_ip = e.address.s_addr;
    f.ipv4.mask.dst_ip = 0xffffffff;
    f.udp.type = IBV_FLOW_SPEC_UDP;
    f.udp.size = sizeof f.udp;
    f.udp.val.dst_port = e.port;
    f.udp.mask.dst_port = 0xffff;
    return verbs_ptr<ibv_flow>(ibv_create_flow(pair_.get(), &f.attributes));
}

void receive_queue::steer() {
    flows_.clear();
    for (const ipv4_endpoint& e : parameters_.endpoints) {
        verbs_ptr<ibv_flow> made = make_flow(e);
        if (!made)
            verbs_device::fail(errno, "the device cannot steer the packets of an endpoint here");
        flows_.push_back(std::move(made));
    }
    steered_ = true;
}

std::error_code receive_queue::flush() noexcept {
    if (first_back_ == nullptr) return {};
    *last_back_ = nullptr;
    ibv_recv_wr* bad = nullptr;
    const int code = ibv_post_recv(pair_.get(), first_back_, &bad);
    first_back_ = nullptr;
    last_back_ = &first_back_;
    return {code, std::generic_category()};
}

std::error_code receive_queue::restart() noexcept {
    close();
    try {
        completions_.create(frames_);
        pair_ = try_create_pair(frames_);
        if (!pair_) return {errno != 0 ? errno : EIO, std::generic_category()};
        if (const std::error_code error = start()) return error;
        if (steered_) steer();
    } catch (const std::system_error& error) {
        return error.code();
    } catch (const std::exception&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}

void receive_queue::close() noexcept {
    flows_.clear();
    pair_.reset();
}

}  // namespace spead2::recv::detail

#endif
