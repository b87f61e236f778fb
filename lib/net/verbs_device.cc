// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "verbs_device.h"

#include <arpa/inet.h>

#include <cerrno>
#include <cstddef>

namespace spead2 {

void verbs_device::fail(int code, const std::string& what) {
    throw std::system_error(code != 0 ? code : EIO, std::generic_category(), what);
}

verbs_device::verbs_device(const in_addr& interface) : library_(verbs_library::get()) {
    char address[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &interface, address, sizeof address);
    channel_.reset(library_.create_event_channel());
    if (!channel_)
        fail(errno, "rdma_create_event_channel failed (is the kernel module rdma_ucm loaded?)");
    rdma_cm_id* id = nullptr;
    if (library_.create_id(channel_.get(), &id, nullptr, RDMA_PS_UDP) != 0)
        fail(errno, "rdma_create_id failed");
    id_.reset(id);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr = interface;
    if (library_.bind_addr(id, reinterpret_cast<sockaddr*>(&local)) != 0)
        fail(errno, std::string("no verbs device could be bound to interface address ") + address);
    if (id->verbs == nullptr)
        fail(ENODEV,
             std::string("interface address ") + address + " does not belong to a verbs device");
    query();
    domain_.reset(library_.alloc_pd(id->verbs));
    if (!domain_) fail(errno, "ibv_alloc_pd failed");
}

void verbs_device::query() {
    // What ibv_query_device_ex() does; that is inline and would need the library when linking.
    const verbs_context* const extended = verbs_get_ctx(context());
    if (extended == nullptr ||
        extended->sz < sizeof(verbs_context) - offsetof(verbs_context, query_device_ex) ||
        extended->query_device_ex == nullptr ||
        extended->query_device_ex(context(), nullptr, &attributes_, sizeof attributes_) != 0) {
        attributes_ = {};
        if (const int code = library_.query_device(context(), &attributes_.orig_attr))
            fail(code, "ibv_query_device failed");
    }
}

bool verbs_device::checksum_offload() const noexcept {
    return (attributes_.raw_packet_caps & IBV_RAW_PACKET_CAP_IP_CSUM) != 0 ||
           (attributes_.orig_attr.device_cap_flags & IBV_DEVICE_RAW_IP_CSUM) != 0;
}

verbs_ptr<ibv_mr> verbs_device::register_memory(const void* data, std::size_t length, int access,
                                                const std::string& what) const {
    verbs_ptr<ibv_mr> region(
        library_.reg_mr(domain_.get(), const_cast<void*>(data), length, access));
    if (!region) {
        const int code = errno;
        fail(code, "the device refuses to register " + what + " of " + std::to_string(length) +
                       " bytes" +
                       (code == ENOMEM || code == EAGAIN
                            ? " (the limit of locked memory, ulimit -l, may have to be raised)"
                            : ""));
    }
    return region;
}

}  // namespace spead2

#endif
