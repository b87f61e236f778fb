// SPDX-License-Identifier: Apache-2.0
// The verbs device that owns an address: looked up, its limits asked for, with a protection domain
// and registered memory. Queues on it are their users' matter.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "net/verbs_library.h"

namespace spead2 {

class verbs_device {
public:
    /// \param interface  IPv4 address that the device owns
    /// \throw std::runtime_error   no verbs libraries on this machine
    /// \throw std::system_error    no device owns the address, or it refuses something
    explicit verbs_device(const in_addr& interface);
    verbs_device(const verbs_device&) = delete;
    verbs_device& operator=(const verbs_device&) = delete;

    [[nodiscard]] const verbs_library& library() const noexcept { return library_; }
    [[nodiscard]] const char* name() const noexcept { return id_->verbs->device->name; }
    [[nodiscard]] ibv_context* context() const noexcept { return id_->verbs; }
    [[nodiscard]] std::uint8_t port() const noexcept { return id_->port_num; }
    [[nodiscard]] ibv_pd* protection_domain() const noexcept { return domain_.get(); }
    [[nodiscard]] const ibv_device_attr& limits() const noexcept { return attributes_.orig_attr; }
    [[nodiscard]] const ibv_packet_pacing_caps& pacing() const noexcept {
        return attributes_.packet_pacing_caps;
    }
    /// Whether it puts the checksum into IPv4 headers, and checks it in what it receives.
    [[nodiscard]] bool checksum_offload() const noexcept;

    /// Register memory, which must outlive the registration.
    /// \param access  of the device: 0 to read it only, IBV_ACCESS_LOCAL_WRITE
    /// \param what    names the memory in errors
    /// \throw std::system_error
    [[nodiscard]] verbs_ptr<ibv_mr> register_memory(const void* data, std::size_t length,
                                                    int access, const std::string& what) const;

    /// Fail as all of this does. \param code  errno; 0 counts as EIO
    [[noreturn]] static void fail(int code, const std::string& what);

private:
    void query();

    const verbs_library& library_;
    ibv_device_attr_ex attributes_{};
    // In the order in which they depend on each other.
    verbs_ptr<rdma_event_channel> channel_;
    verbs_ptr<rdma_cm_id> id_;
    verbs_ptr<ibv_pd> domain_;
};

}  // namespace spead2
