// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/udp_ibv.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

#include <spead2/base/errors.h>
#include <spead2/wire/limits.h>

#include "net/interface.h"

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS
#include "send/transports/ibv/udp_ibv_sender.h"
#endif

namespace spead2::send {
namespace {

[[nodiscard]] std::string text(const ibv_memory_region& region) {
    std::ostringstream out;
    out << region.length << " bytes at " << region.data;
    return out.str();
}

/// \return regions by address
[[nodiscard]] std::vector<ibv_memory_region> checked_regions(
    std::vector<ibv_memory_region> regions) {
    for (std::size_t i = 0; i < regions.size(); ++i)
        if (regions[i].length == 0)
            throw std::invalid_argument("memory region must have non-zero size, but number " +
                                        std::to_string(i) + " is empty");
    std::sort(regions.begin(), regions.end(),
              [](const auto& a, const auto& b) { return a.data < b.data; });
    for (std::size_t i = 1; i < regions.size(); ++i) {
        const auto* const before = static_cast<const std::uint8_t*>(regions[i - 1].data);
        if (before + regions[i - 1].length > regions[i].data)
            throw std::invalid_argument("memory regions overlap: " + text(regions[i - 1]) +
                                        " and " + text(regions[i]));
    }
    return regions;
}

}  // namespace

class udp_ibv_transport::impl {
public:
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS
    explicit impl(detail::udp_ibv_sender::parameters&& p) : sender(std::move(p)) {}
    detail::udp_ibv_sender sender;
#endif
};

udp_ibv_transport::udp_ibv_transport(const udp_ibv_options& options, std::size_t max_packet_size) {
    if (options.endpoints.empty()) throw std::invalid_argument("endpoints is empty");
    for (const endpoint& e : options.endpoints)
        if (e.family() != AF_INET || !e.is_multicast())
            throw std::invalid_argument("endpoint is not an IPv4 multicast address: " +
                                        e.to_string());
    std::vector<ibv_memory_region> regions = checked_regions(options.memory_regions);
    const in_addr local = network_interface::ipv4_address(options.interface_address, "send from");
    check_options(options);
    if (max_packet_size > max_udp_payload)
        throw std::invalid_argument("max_packet_size " + std::to_string(max_packet_size) +
                                    " is more than UDP can carry, " +
                                    std::to_string(max_udp_payload) + " bytes");
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS
    detail::udp_ibv_sender::parameters p;
    for (const endpoint& e : options.endpoints) p.destinations.push_back(ipv4_of(e));
    p.interface = local;
    p.regions = std::move(regions);
    p.buffer_size = options.buffer_bytes();
    p.max_packet_size = max_packet_size;
    p.ttl = static_cast<std::uint8_t>(options.ttl);
    p.traffic_class = traffic_class(options.dscp);
    p.comp_vector = options.comp_vector;
    p.max_poll = options.max_poll;
    impl_ = std::make_unique<impl>(std::move(p));
#else
    static_cast<void>(local);
    throw std::runtime_error(
        "ibverbs is not in this build: install the headers of libibverbs and librdmacm (Debian, "
        "Ubuntu: libibverbs-dev librdmacm-dev; Fedora, RHEL: rdma-core-devel) and build again");
#endif
}

udp_ibv_transport::~udp_ibv_transport() = default;

#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

std::size_t udp_ibv_transport::num_substreams() const noexcept {
    return impl_->sender.num_substreams();
}
send_result udp_ibv_transport::send(packet_span packets) noexcept {
    return impl_->sender.send(packets);
}
int udp_ibv_transport::wait_fd() const noexcept { return impl_->sender.wait_fd(); }
bool udp_ibv_transport::set_hardware_rate(double bytes_per_second) {
    return impl_->sender.set_rate(bytes_per_second);
}
void udp_ibv_transport::quiesce() noexcept { impl_->sender.quiesce(); }
std::string udp_ibv_transport::describe() const { return impl_->sender.describe(); }
std::string udp_ibv_transport::explain(const std::error_code& error, std::size_t substream) const {
    return impl_->sender.explain(error, substream);
}

#else  // no object was ever made

std::size_t udp_ibv_transport::num_substreams() const noexcept { return 0; }
send_result udp_ibv_transport::send(packet_span) noexcept { return {}; }
int udp_ibv_transport::wait_fd() const noexcept { return -1; }
bool udp_ibv_transport::set_hardware_rate(double) { return false; }
void udp_ibv_transport::quiesce() noexcept {}
std::string udp_ibv_transport::describe() const { return {}; }
std::string udp_ibv_transport::explain(const std::error_code&, std::size_t) const { return {}; }

#endif

}  // namespace spead2::send
