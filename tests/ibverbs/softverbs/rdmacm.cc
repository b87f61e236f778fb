// SPDX-License-Identifier: Apache-2.0
// The part of librdmacm that raw packet programs use: which device owns an address. Connections
// are not offered.
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <rdma/rdma_cma.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#define SOFTVERBS_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

std::mutex contexts_mutex;
std::map<std::string, ibv_context*> contexts;  // by device name, open as long as the program runs

/// Open the devices that have appeared since the last call.
void open_devices() {
    int count = 0;
    ibv_device** list = ibv_get_device_list(&count);
    if (list == nullptr) {
        return;
    }
    for (int i = 0; i < count; ++i) {
        const std::string name = ibv_get_device_name(list[i]);
        if (contexts.count(name) == 0) {
            if (ibv_context* opened = ibv_open_device(list[i])) {
                contexts.emplace(name, opened);
            }
        }
    }
    ibv_free_device_list(list);
}

/// Name of the interface that has the address, or empty.
std::string interface_of(const sockaddr* address) {
    std::string result;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return result;
    }
    for (const ifaddrs* entry = list; entry != nullptr && result.empty(); entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != address->sa_family) {
            continue;
        }
        if (address->sa_family == AF_INET) {
            const auto* own = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
            const auto* asked = reinterpret_cast<const sockaddr_in*>(address);
            if (own->sin_addr.s_addr == asked->sin_addr.s_addr) {
                result = entry->ifa_name;
            }
        } else if (address->sa_family == AF_INET6) {
            const auto* own = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
            const auto* asked = reinterpret_cast<const sockaddr_in6*>(address);
            if (std::memcmp(&own->sin6_addr, &asked->sin6_addr, sizeof(in6_addr)) == 0) {
                result = entry->ifa_name;
            }
        }
    }
    ::freeifaddrs(list);
    return result;
}

bool is_wildcard(const sockaddr* address) {
    return address->sa_family == AF_INET &&
           reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

}  // namespace

SOFTVERBS_EXPORT rdma_event_channel* rdma_create_event_channel(void) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd < 0) {
        return nullptr;
    }
    return new rdma_event_channel{fd};
}

SOFTVERBS_EXPORT void rdma_destroy_event_channel(rdma_event_channel* channel) {
    ::close(channel->fd);
    delete channel;
}

SOFTVERBS_EXPORT int rdma_create_id(rdma_event_channel* channel, rdma_cm_id** id, void* user,
                                    rdma_port_space space) {
    auto* result = new rdma_cm_id{};
    result->channel = channel;
    result->context = user;
    result->ps = space;
    *id = result;
    return 0;
}

SOFTVERBS_EXPORT int rdma_destroy_id(rdma_cm_id* id) {
    delete id;
    return 0;
}

SOFTVERBS_EXPORT int rdma_bind_addr(rdma_cm_id* id, sockaddr* address) {
    const std::size_t length =
        address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (!is_wildcard(address)) {
        const std::string interface = interface_of(address);
        if (interface.empty()) {
            errno = EADDRNOTAVAIL;
            return -1;
        }
        const std::lock_guard lock(contexts_mutex);
        open_devices();
        const auto found = contexts.find("soft_" + interface);
        if (found == contexts.end()) {
            errno = ENODEV;
            return -1;
        }
        id->verbs = found->second;
        id->port_num = 1;
    }
    std::memcpy(&id->route.addr.src_storage, address, length);
    return 0;
}

SOFTVERBS_EXPORT ibv_context** rdma_get_devices(int* count) {
    const std::lock_guard lock(contexts_mutex);
    open_devices();
    auto** list = new ibv_context*[contexts.size() + 1];
    std::size_t at = 0;
    for (const auto& [name, opened] : contexts) {
        list[at++] = opened;
    }
    list[at] = nullptr;
    if (count != nullptr) {
        *count = static_cast<int>(at);
    }
    return list;
}

SOFTVERBS_EXPORT void rdma_free_devices(ibv_context** list) { delete[] list; }

SOFTVERBS_EXPORT int rdma_create_qp(rdma_cm_id* id, ibv_pd* pd, ibv_qp_init_attr* attr) {
    if (id->verbs == nullptr || pd == nullptr) {
        errno = EINVAL;
        return -1;
    }
    id->qp = ibv_create_qp(pd, attr);
    if (id->qp == nullptr) {
        return -1;
    }
    for (const ibv_qp_state state : {IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS}) {
        ibv_qp_attr change{};
        change.qp_state = state;
        change.port_num = id->port_num;
        if (const int error = ibv_modify_qp(id->qp, &change, IBV_QP_STATE | IBV_QP_PORT)) {
            ibv_destroy_qp(id->qp);
            id->qp = nullptr;
            errno = error;
            return -1;
        }
    }
    id->pd = pd;
    return 0;
}

SOFTVERBS_EXPORT void rdma_destroy_qp(rdma_cm_id* id) {
    ibv_destroy_qp(id->qp);
    id->qp = nullptr;
}

SOFTVERBS_EXPORT __be16 rdma_get_src_port(rdma_cm_id* id) {
    return id->route.addr.src_sin.sin_port;
}
SOFTVERBS_EXPORT __be16 rdma_get_dst_port(rdma_cm_id* id) {
    return id->route.addr.dst_sin.sin_port;
}

SOFTVERBS_EXPORT const char* rdma_event_str(rdma_cm_event_type) { return "unknown event"; }
