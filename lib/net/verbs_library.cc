// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "verbs_library.h"

#include <stdexcept>
#include <string>

#include "dynamic_library.h"

namespace spead2 {
namespace {

[[noreturn]] void refuse_ibverbs(const std::string& reason) {
    throw std::runtime_error(
        "ibverbs is not usable on this machine: " + reason +
        ". Install libibverbs.so.1 and librdmacm.so.1 with the device's driver (Debian, Ubuntu: "
        "libibverbs1 librdmacm1 ibverbs-providers; Fedora, RHEL: libibverbs librdmacm rdma-core; "
        "or NVIDIA's DOCA-OFED)");
}

verbs_library load_verbs() {
    const dynamic_library ibverbs({"libibverbs.so.1"}, refuse_ibverbs);
    const dynamic_library rdmacm({"librdmacm.so.1"}, refuse_ibverbs);
    verbs_library lib{};
    ibverbs.find("ibv_ack_cq_events", lib.ack_cq_events);
    ibverbs.find("ibv_alloc_pd", lib.alloc_pd);
    ibverbs.find("ibv_create_comp_channel", lib.create_comp_channel);
    ibverbs.find("ibv_create_cq", lib.create_cq);
    ibverbs.find("ibv_create_qp", lib.create_qp);
    ibverbs.find("ibv_dealloc_pd", lib.dealloc_pd);
    ibverbs.find("ibv_dereg_mr", lib.dereg_mr);
    ibverbs.find("ibv_destroy_comp_channel", lib.destroy_comp_channel);
    ibverbs.find("ibv_destroy_cq", lib.destroy_cq);
    ibverbs.find("ibv_destroy_qp", lib.destroy_qp);
    ibverbs.find("ibv_get_cq_event", lib.get_cq_event);
    ibverbs.find("ibv_modify_qp", lib.modify_qp);
    ibverbs.find("ibv_query_device", lib.query_device);
    ibverbs.find("ibv_reg_mr", lib.reg_mr);
    ibverbs.find("ibv_wc_status_str", lib.wc_status_str);
    rdmacm.find("rdma_bind_addr", lib.bind_addr);
    rdmacm.find("rdma_create_event_channel", lib.create_event_channel);
    rdmacm.find("rdma_create_id", lib.create_id);
    rdmacm.find("rdma_destroy_event_channel", lib.destroy_event_channel);
    rdmacm.find("rdma_destroy_id", lib.destroy_id);
    return lib;
}

}  // namespace

const verbs_library& verbs_library::get() { return loaded_once(load_verbs); }

}  // namespace spead2

#endif
