// SPDX-License-Identifier: Apache-2.0
// The functions of libibverbs and librdmacm, found at run time, and owners for what they make. What
// verbs.h defines inline (posting, polling) goes through the device and needs no library here.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include <memory>

namespace spead2 {

struct verbs_library {
    decltype(&::ibv_ack_cq_events) ack_cq_events;
    decltype(&::ibv_alloc_pd) alloc_pd;
    decltype(&::ibv_create_comp_channel) create_comp_channel;
    decltype(&::ibv_create_cq) create_cq;
    decltype(&::ibv_create_qp) create_qp;
    decltype(&::ibv_dealloc_pd) dealloc_pd;
    decltype(&::ibv_dereg_mr) dereg_mr;
    decltype(&::ibv_destroy_comp_channel) destroy_comp_channel;
    decltype(&::ibv_destroy_cq) destroy_cq;
    decltype(&::ibv_destroy_qp) destroy_qp;
    decltype(&::ibv_get_cq_event) get_cq_event;
    decltype(&::ibv_modify_qp) modify_qp;
    decltype(&::ibv_query_device) query_device;
    decltype(&::ibv_reg_mr) reg_mr;
    decltype(&::ibv_wc_status_str) wc_status_str;
    decltype(&::rdma_bind_addr) bind_addr;
    decltype(&::rdma_create_event_channel) create_event_channel;
    decltype(&::rdma_create_id) create_id;
    decltype(&::rdma_destroy_event_channel) destroy_event_channel;
    decltype(&::rdma_destroy_id) destroy_id;

    /// Load both libraries, the first time; they stay loaded.
    /// \throw std::runtime_error that says what is missing and what to install
    [[nodiscard]] static const verbs_library& get();
};

struct verbs_deleter {
    void operator()(ibv_pd* p) const { verbs_library::get().dealloc_pd(p); }
    void operator()(ibv_mr* p) const { verbs_library::get().dereg_mr(p); }
    void operator()(ibv_comp_channel* p) const { verbs_library::get().destroy_comp_channel(p); }
    void operator()(ibv_cq* p) const { verbs_library::get().destroy_cq(p); }
    void operator()(ibv_qp* p) const { verbs_library::get().destroy_qp(p); }
    void operator()(ibv_flow* p) const { ibv_destroy_flow(p); }  // inline
    void operator()(rdma_event_channel* p) const { verbs_library::get().destroy_event_channel(p); }
    void operator()(rdma_cm_id* p) const { verbs_library::get().destroy_id(p); }
};

template <typename T>
using verbs_ptr = std::unique_ptr<T, verbs_deleter>;

}  // namespace spead2
