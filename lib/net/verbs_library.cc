// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "verbs_library.h"

#include <dlfcn.h>

#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

namespace spead2 {
namespace {

[[noreturn]] void fail(const std::string& reason) {
    throw std::runtime_error(
        "ibverbs is not usable on this machine: " + reason +
        ". Install libibverbs.so.1 and librdmacm.so.1 with the device's driver (Debian, Ubuntu: "
        "libibverbs1 librdmacm1 ibverbs-providers; Fedora, RHEL: libibverbs librdmacm rdma-core; "
        "or NVIDIA's DOCA-OFED)");
}

void* open_library(const char* name) {
    // Never closed: the device's driver, which the library loads, does not stand being unloaded.
    void* const handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* const reason = ::dlerror();
        fail(reason != nullptr ? reason : name);
    }
    return handle;
}

template <typename T>
void find(void* handle, const char* name, T& function) {
    function = reinterpret_cast<T>(::dlsym(handle, name));
    if (function == nullptr) fail(std::string("the library there has no function ") + name);
}

verbs_library load() {
    void* const ibverbs = open_library("libibverbs.so.1");
    void* const rdmacm = open_library("librdmacm.so.1");
    verbs_library lib{};
    find(ibverbs, "ibv_ack_cq_events", lib.ack_cq_events);
    find(ibverbs, "ibv_alloc_pd", lib.alloc_pd);
    find(ibverbs, "ibv_create_comp_channel", lib.create_comp_channel);
    find(ibverbs, "ibv_create_cq", lib.create_cq);
    find(ibverbs, "ibv_create_qp", lib.create_qp);
    find(ibverbs, "ibv_dealloc_pd", lib.dealloc_pd);
    find(ibverbs, "ibv_dereg_mr", lib.dereg_mr);
    find(ibverbs, "ibv_destroy_comp_channel", lib.destroy_comp_channel);
    find(ibverbs, "ibv_destroy_cq", lib.destroy_cq);
    find(ibverbs, "ibv_destroy_qp", lib.destroy_qp);
    find(ibverbs, "ibv_get_cq_event", lib.get_cq_event);
    find(ibverbs, "ibv_modify_qp", lib.modify_qp);
    find(ibverbs, "ibv_query_device", lib.query_device);
    find(ibverbs, "ibv_reg_mr", lib.reg_mr);
    find(ibverbs, "ibv_wc_status_str", lib.wc_status_str);
    find(rdmacm, "rdma_bind_addr", lib.bind_addr);
    find(rdmacm, "rdma_create_event_channel", lib.create_event_channel);
    find(rdmacm, "rdma_create_id", lib.create_id);
    find(rdmacm, "rdma_destroy_event_channel", lib.destroy_event_channel);
    find(rdmacm, "rdma_destroy_id", lib.destroy_id);
    return lib;
}

}  // namespace

const verbs_library& verbs_library::get() {
    // A failure is not remembered: the libraries may be installed while the program runs.
    static std::mutex mutex;
    static std::optional<verbs_library> instance;
    const std::lock_guard lock(mutex);
    if (!instance) instance = load();
    return *instance;
}

}  // namespace spead2

#endif
