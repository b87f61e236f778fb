// SPDX-License-Identifier: Apache-2.0
// Devices, contexts, queries, protection domains and memory regions of the software verbs device.
// Every Ethernet-like network interface is a device called soft_<interface> with one port.
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "softverbs.h"

namespace softverbs {
namespace {

std::mutex devices_mutex;

void release(device* item) {
    const std::lock_guard lock(devices_mutex);
    if (--item->references == 0) {
        delete item;
    }
}

std::vector<std::unique_ptr<device>> discover(const settings& options) {
    std::vector<std::unique_ptr<device>> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return found;
    }
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) {
            continue;
        }
        sockaddr_ll link{};
        std::memcpy(&link, entry->ifa_addr, sizeof(link));
        if (link.sll_hatype != ARPHRD_ETHER && link.sll_hatype != ARPHRD_LOOPBACK) {
            continue;
        }
        const auto& names = options.interfaces;
        if (!names.empty() &&
            std::find(names.begin(), names.end(), entry->ifa_name) == names.end()) {
            continue;
        }
        auto item = std::make_unique<device>();
        item->interface_name = entry->ifa_name;
        item->interface_index = link.sll_ifindex;
        std::copy_n(link.sll_addr, 6, item->mac.begin());
        item->base.node_type = IBV_NODE_CA;
        item->base.transport_type = IBV_TRANSPORT_IB;
        const std::string name = "soft_" + item->interface_name;
        std::strncpy(item->base.name, name.c_str(), IBV_SYSFS_NAME_MAX - 1);
        std::strncpy(item->base.dev_name, name.c_str(), IBV_SYSFS_NAME_MAX - 1);
        found.push_back(std::move(item));
    }
    ::freeifaddrs(list);
    return found;
}

__be64 guid_of(const device& item) {
    // An EUI-64 made from the MAC address, as Ethernet devices do.
    const auto& mac = item.mac;
    const std::array<std::uint8_t, 8> bytes{
        static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
    __be64 result;
    std::memcpy(&result, bytes.data(), sizeof(result));
    return result;
}

void fill_attributes(const context& self, ibv_device_attr& attr) {
    const settings& options = self.options;
    attr = {};
    std::strcpy(attr.fw_ver, "softverbs");
    attr.node_guid = attr.sys_image_guid = guid_of(*self.owner);
    attr.max_mr_size = ~std::uint64_t{0};
    attr.page_size_cap = 4096;
    attr.max_qp = 1024;
    attr.max_qp_wr = options.max_qp_wr;
    attr.device_cap_flags = IBV_DEVICE_RAW_MULTI | IBV_DEVICE_MANAGED_FLOW_STEERING;
    if (options.ip_checksum) {
        attr.device_cap_flags |= IBV_DEVICE_RAW_IP_CSUM;
    }
    attr.max_sge = options.max_sge;
    attr.max_sge_rd = options.max_sge;
    attr.max_cq = 1024;
    attr.max_cqe = options.max_cqe;
    attr.max_mr = options.max_mr;
    attr.max_pd = 1024;
    attr.max_raw_ethy_qp = 1024;
    attr.max_mcast_grp = 1024;
    attr.max_pkeys = 1;
    attr.phys_port_cnt = 1;
}

int query_device_ex(ibv_context* verbs, const ibv_query_device_ex_input*, ibv_device_attr_ex* attr,
                    std::size_t size) {
    const context& self = *from_verbs(verbs);
    ibv_device_attr_ex full{};
    fill_attributes(self, full.orig_attr);
    full.device_cap_flags_ex = full.orig_attr.device_cap_flags;
    if (self.options.ip_checksum) {
        full.raw_packet_caps = IBV_RAW_PACKET_CAP_IP_CSUM;
    }
    if (self.options.pacing_max_kbps != 0) {
        full.packet_pacing_caps = {self.options.pacing_min_kbps, self.options.pacing_max_kbps,
                                   1U << IBV_QPT_RAW_PACKET};
    }
    full.phys_port_cnt_ex = 1;
    std::memcpy(attr, &full, std::min(size, sizeof(full)));
    return 0;
}

int query_port(ibv_context* verbs, std::uint8_t port, ibv_port_attr* attr, std::size_t size) {
    if (port != 1) {
        return EINVAL;
    }
    const context& self = *from_verbs(verbs);
    ibv_port_attr full{};
    full.state = IBV_PORT_ACTIVE;
    full.max_mtu = IBV_MTU_4096;
    full.active_mtu = self.mtu >= 4096   ? IBV_MTU_4096
                      : self.mtu >= 2048 ? IBV_MTU_2048
                                         : IBV_MTU_1024;
    full.gid_tbl_len = 1;
    full.max_msg_sz = 0x40000000;
    full.pkey_tbl_len = 1;
    full.max_vl_num = 1;
    full.active_width = 2;  // 4x
    full.active_speed = 32;
    full.phys_state = 5;  // link up
    full.link_layer = IBV_LINK_LAYER_ETHERNET;
    std::memcpy(attr, &full, std::min(size, sizeof(full)));
    return 0;
}

int interface_mtu(const std::string& name) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    int result = 1500;
    if (fd >= 0 && ::ioctl(fd, SIOCGIFMTU, &request) == 0) {
        result = request.ifr_mtu;
    }
    ::close(fd);
    return result;
}

/// Whether every page of the range is mapped; a real device pins the pages and finds out.
bool is_mapped(const void* address, std::size_t length) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    auto start = reinterpret_cast<std::uintptr_t>(address) & ~(page - 1);
    const auto end = reinterpret_cast<std::uintptr_t>(address) + length;
    std::array<unsigned char, 1024> present;
    while (start < end) {
        const auto step = std::min<std::uintptr_t>(end - start, page * present.size());
        if (::mincore(reinterpret_cast<void*>(start), step, present.data()) != 0) {
            return false;
        }
        start += step;
    }
    return true;
}

ibv_mr* register_memory(ibv_pd* pd, void* address, std::size_t length, std::uint64_t iova) {
    context& self = *from_verbs(pd->context);
    const auto refuse = [&](int error) -> ibv_mr* {
        log_event(
            self.options, "reg_mr_refused",
            "\"length\": " + std::to_string(length) + ", \"errno\": " + std::to_string(error));
        errno = error;
        return nullptr;
    };
    if (length == 0) {
        return refuse(EINVAL);
    }
    if (length > self.options.max_mr_bytes) {
        return refuse(ENOMEM);
    }
    if (!is_mapped(address, length)) {
        return refuse(EFAULT);
    }
    const std::lock_guard lock(self.mutex);
    if (self.region_count >= self.options.max_mr) {
        return refuse(ENOMEM);
    }
    const auto slot = std::find_if(self.regions.begin(), self.regions.end(),
                                   [](const auto& entry) { return entry.load() == nullptr; });
    auto region = std::make_unique<memory_region>();
    const auto index = static_cast<std::uint32_t>(slot - self.regions.begin());
    region->base.context = pd->context;
    region->base.pd = pd;
    region->base.addr = address;
    region->base.length = length;
    region->base.handle = index;
    region->base.lkey = region->base.rkey = (index << 8) | key_tag;
    region->iova = iova;
    ++self.region_count;
    ++reinterpret_cast<protection_domain*>(pd)->users;
    log_event(self.options, "reg_mr", "\"length\": " + std::to_string(length));
    ibv_mr* result = &region->base;
    slot->store(region.release(), std::memory_order_release);
    return result;
}

}  // namespace

void context::raise_async(ibv_async_event event) const {
    // Nobody need be reading: a full pipe loses the event, as a full queue in the kernel would.
    [[maybe_unused]] const auto written = ::write(async_pipe[1], &event, sizeof(event));
}

void context::add_object(int change) {
    const std::lock_guard lock(mutex);
    object_count += change;
}

}  // namespace softverbs

using namespace softverbs;

SOFTVERBS_EXPORT ibv_device** ibv_get_device_list(int* count) {
    auto found = discover(settings::from_environment());
    auto** list = new ibv_device*[found.size() + 1];
    for (std::size_t i = 0; i < found.size(); ++i) {
        list[i] = &found[i].release()->base;
    }
    list[found.size()] = nullptr;
    if (count != nullptr) {
        *count = static_cast<int>(found.size());
    }
    return list;
}

SOFTVERBS_EXPORT void ibv_free_device_list(ibv_device** list) {
    for (ibv_device** entry = list; *entry != nullptr; ++entry) {
        release(reinterpret_cast<device*>(*entry));
    }
    delete[] list;
}

SOFTVERBS_EXPORT const char* ibv_get_device_name(ibv_device* item) { return item->name; }

SOFTVERBS_EXPORT int ibv_get_device_index(ibv_device* item) {
    return reinterpret_cast<device*>(item)->interface_index;
}

SOFTVERBS_EXPORT __be64 ibv_get_device_guid(ibv_device* item) {
    return guid_of(*reinterpret_cast<device*>(item));
}

SOFTVERBS_EXPORT const char* ibv_get_sysfs_path(void) { return "/sys"; }

SOFTVERBS_EXPORT ibv_context* ibv_open_device(ibv_device* item) {
    auto self = std::make_unique<context>();
    self->owner = reinterpret_cast<device*>(item);
    self->options = settings::from_environment();
    if (!self->options.replay.empty()) {
        self->replayed = read_capture(self->options.replay);
    }
    self->mtu = self->options.discard ? 65535 : interface_mtu(self->owner->interface_name);
    if (::pipe2(self->async_pipe.data(), O_CLOEXEC) != 0) {
        return nullptr;
    }
    ::fcntl(self->async_pipe[1], F_SETFL, O_NONBLOCK);
    {
        const std::lock_guard lock(devices_mutex);
        ++self->owner->references;
    }
    verbs_context& extended = self->extended;
    extended.sz = sizeof(extended);
    extended.query_port = &query_port;
    if (self->options.extended_query) {
        extended.query_device_ex = &query_device_ex;
    }
    extended.context.device = item;
    extended.context.cmd_fd = -1;
    extended.context.async_fd = self->async_pipe[0];
    extended.context.num_comp_vectors = self->options.comp_vectors;
    extended.context.abi_compat = __VERBS_ABI_IS_EXTENDED;
    pthread_mutex_init(&extended.context.mutex, nullptr);
    install_completion_operations(*self);
    install_queue_pair_operations(*self);
    log_event(self->options, "open", "\"device\": \"" + std::string(item->name) + '"');
    return &self.release()->extended.context;
}

SOFTVERBS_EXPORT int ibv_close_device(ibv_context* verbs) {
    const std::unique_ptr<context> self(from_verbs(verbs));
    log_event(self->options, "close",
              "\"regions_left\": " + std::to_string(self->region_count) +
                  ", \"objects_left\": " + std::to_string(self->object_count));
    for (auto& entry : self->regions) {
        delete entry.load();
    }
    ::close(self->async_pipe[0]);
    ::close(self->async_pipe[1]);
    release(self->owner);
    return 0;
}

SOFTVERBS_EXPORT int ibv_query_device(ibv_context* verbs, ibv_device_attr* attr) {
    fill_attributes(*from_verbs(verbs), *attr);
    return 0;
}

SOFTVERBS_EXPORT int ibv_query_port(ibv_context* verbs, std::uint8_t port,
                                    _compat_ibv_port_attr* attr) {
    // The structure of old programs ends before port_cap_flags2.
    return query_port(verbs, port, reinterpret_cast<ibv_port_attr*>(attr),
                      offsetof(ibv_port_attr, port_cap_flags2));
}

SOFTVERBS_EXPORT int ibv_query_gid(ibv_context* verbs, std::uint8_t port, int index, ibv_gid* gid) {
    if (port != 1 || index != 0) {
        errno = EINVAL;
        return -1;
    }
    gid->global.subnet_prefix = htobe64(0xfe80000000000000);
    gid->global.interface_id = guid_of(*from_verbs(verbs)->owner);
    return 0;
}

SOFTVERBS_EXPORT int _ibv_query_gid_ex(ibv_context* verbs, std::uint32_t port, std::uint32_t index,
                                       ibv_gid_entry* entry, std::uint32_t, std::size_t size) {
    ibv_gid_entry full{};
    if (port != 1 || index != 0) {
        return ENODATA;
    }
    ibv_query_gid(verbs, 1, 0, &full.gid);
    full.port_num = 1;
    full.gid_type = IBV_GID_TYPE_ROCE_V2;
    full.ndev_ifindex = static_cast<std::uint32_t>(from_verbs(verbs)->owner->interface_index);
    std::memcpy(entry, &full, std::min(size, sizeof(full)));
    return 0;
}

SOFTVERBS_EXPORT ssize_t _ibv_query_gid_table(ibv_context* verbs, ibv_gid_entry* entries,
                                              std::size_t count, std::uint32_t flags,
                                              std::size_t size) {
    if (count == 0) {
        return -EINVAL;
    }
    return _ibv_query_gid_ex(verbs, 1, 0, entries, flags, size) == 0 ? 1 : 0;
}

SOFTVERBS_EXPORT int ibv_query_pkey(ibv_context*, std::uint8_t, int index, __be16* pkey) {
    if (index != 0) {
        errno = EINVAL;
        return -1;
    }
    *pkey = htobe16(0xffff);
    return 0;
}

SOFTVERBS_EXPORT int ibv_get_pkey_index(ibv_context*, std::uint8_t, __be16 pkey) {
    return pkey == htobe16(0xffff) ? 0 : -1;
}

SOFTVERBS_EXPORT int ibv_get_async_event(ibv_context* verbs, ibv_async_event* event) {
    const auto got = ::read(verbs->async_fd, event, sizeof(*event));
    return got == static_cast<ssize_t>(sizeof(*event)) ? 0 : -1;
}

SOFTVERBS_EXPORT void ibv_ack_async_event(ibv_async_event*) {}

SOFTVERBS_EXPORT ibv_pd* ibv_alloc_pd(ibv_context* verbs) {
    auto* pd = new protection_domain;
    pd->base.context = verbs;
    from_verbs(verbs)->add_object(1);
    return &pd->base;
}

SOFTVERBS_EXPORT int ibv_dealloc_pd(ibv_pd* base) {
    auto* pd = reinterpret_cast<protection_domain*>(base);
    if (pd->users != 0) {
        return EBUSY;
    }
    from_verbs(base->context)->add_object(-1);
    delete pd;
    return 0;
}

SOFTVERBS_EXPORT ibv_mr* ibv_reg_mr(ibv_pd* pd, void* address, std::size_t length, int) {
    return register_memory(pd, address, length, reinterpret_cast<std::uintptr_t>(address));
}

SOFTVERBS_EXPORT ibv_mr* ibv_reg_mr_iova(ibv_pd* pd, void* address, std::size_t length,
                                         std::uint64_t iova, int) {
    return register_memory(pd, address, length, iova);
}

SOFTVERBS_EXPORT ibv_mr* ibv_reg_mr_iova2(ibv_pd* pd, void* address, std::size_t length,
                                          std::uint64_t iova, unsigned) {
    return register_memory(pd, address, length, iova);
}

SOFTVERBS_EXPORT int ibv_rereg_mr(ibv_mr*, int, ibv_pd*, void*, std::size_t, int) {
    errno = EOPNOTSUPP;
    return IBV_REREG_MR_ERR_INPUT;
}

SOFTVERBS_EXPORT int ibv_dereg_mr(ibv_mr* base) {
    auto* region = reinterpret_cast<memory_region*>(base);
    context& self = *from_verbs(base->context);
    {
        const std::lock_guard lock(self.mutex);
        self.regions[base->lkey >> 8].store(nullptr, std::memory_order_release);
        --self.region_count;
    }
    --reinterpret_cast<protection_domain*>(base->pd)->users;
    log_event(self.options, "dereg_mr", "\"length\": " + std::to_string(base->length));
    delete region;
    return 0;
}

SOFTVERBS_EXPORT int ibv_fork_init(void) { return 0; }
SOFTVERBS_EXPORT ibv_fork_status ibv_is_fork_initialized(void) { return IBV_FORK_UNNEEDED; }

SOFTVERBS_EXPORT const char* ibv_node_type_str(ibv_node_type type) {
    return type == IBV_NODE_CA ? "InfiniBand channel adapter" : "unknown";
}

SOFTVERBS_EXPORT const char* ibv_port_state_str(ibv_port_state state) {
    return state == IBV_PORT_ACTIVE ? "active" : "unknown";
}

SOFTVERBS_EXPORT const char* ibv_event_type_str(ibv_event_type event) {
    switch (event) {
        case IBV_EVENT_CQ_ERR:
            return "CQ error";
        case IBV_EVENT_QP_FATAL:
            return "local work queue catastrophic error";
        default:
            return "unknown";
    }
}

SOFTVERBS_EXPORT int ibv_rate_to_mbps(ibv_rate) { return 0; }

SOFTVERBS_EXPORT const char* ibv_wc_status_str(ibv_wc_status status) {
    switch (status) {
        case IBV_WC_SUCCESS:
            return "success";
        case IBV_WC_LOC_LEN_ERR:
            return "local length error";
        case IBV_WC_LOC_QP_OP_ERR:
            return "local QP operation error";
        case IBV_WC_LOC_PROT_ERR:
            return "local protection error";
        case IBV_WC_WR_FLUSH_ERR:
            return "Work Request Flushed Error";
        case IBV_WC_FATAL_ERR:
            return "fatal error";
        case IBV_WC_GENERAL_ERR:
            return "general error";
        default:
            return "unknown";
    }
}

// What no raw packet program uses is here, so that such a program still links, and says so.
SOFTVERBS_EXPORT ibv_srq* ibv_create_srq(ibv_pd*, ibv_srq_init_attr*) {
    errno = EOPNOTSUPP;
    return nullptr;
}
SOFTVERBS_EXPORT int ibv_destroy_srq(ibv_srq*) { return EOPNOTSUPP; }
SOFTVERBS_EXPORT ibv_ah* ibv_create_ah(ibv_pd*, ibv_ah_attr*) {
    errno = EOPNOTSUPP;
    return nullptr;
}
SOFTVERBS_EXPORT int ibv_destroy_ah(ibv_ah*) { return EOPNOTSUPP; }
SOFTVERBS_EXPORT int ibv_attach_mcast(ibv_qp*, const ibv_gid*, std::uint16_t) { return EOPNOTSUPP; }
SOFTVERBS_EXPORT int ibv_detach_mcast(ibv_qp*, const ibv_gid*, std::uint16_t) { return EOPNOTSUPP; }
SOFTVERBS_EXPORT ibv_qp_ex* ibv_qp_to_qp_ex(ibv_qp*) { return nullptr; }
