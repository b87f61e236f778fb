// SPDX-License-Identifier: Apache-2.0
// The objects of the software verbs device and what its source files share. The public face is the
// real <infiniband/verbs.h>; README.md beside this file says how the device is used and configured.
#pragma once

#include <infiniband/verbs.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#define SOFTVERBS_EXPORT extern "C" __attribute__((visibility("default")))

// verbs.h wraps these in macros for its callers; this library defines the functions themselves.
#undef ibv_reg_mr
#undef ibv_reg_mr_iova
#undef ibv_query_port

namespace softverbs {

inline constexpr std::size_t max_memory_regions = 4096;
inline constexpr std::uint32_t key_tag = 0x5a;  // so that a forgotten lkey of 0, 1, ... is caught

/// Everything that the environment can change, read when a device is opened.
struct settings {
    bool discard = false;        ///< take the frames and drop them
    bool device_thread = true;   ///< read memory after posting, in a thread of the device's own
    bool ip_checksum = true;     ///< offer IPv4 header checksums
    bool extended_query = true;  ///< offer ibv_query_device_ex
    int max_qp_wr = 32768;       ///< as advertised
    int granted_qp_wr = 0;       ///< queue pairs above this are refused (0: max_qp_wr)
    int max_cqe = 4194303;
    int max_sge = 30;
    int max_inline = 64;
    int max_mr = static_cast<int>(max_memory_regions);
    int comp_vectors = 4;
    std::uint64_t max_mr_bytes = ~std::uint64_t{0};  ///< longer registrations are refused
    std::uint32_t pacing_min_kbps = 0;
    std::uint32_t pacing_max_kbps = 0;  ///< 0: no packet pacing
    std::uint64_t fail_wr = 0;          ///< number (from 1) of the send that fails; 0: none
    std::uint64_t fail_wr_every = 0;    ///< further failures, so many sends apart; 0: none
    ibv_wc_status fail_status = IBV_WC_LOC_QP_OP_ERR;
    std::uint64_t fail_post = 0;          ///< number of the send that ibv_post_send refuses
    std::uint64_t cq_overrun = 0;         ///< completion with which the queue overruns
    std::uint64_t lose_completion = 0;    ///< completion that never arrives
    std::uint64_t lose_events = 0;        ///< number of the first event of those that never come
    std::uint64_t complete_together = 1;  ///< completions arrive so many at a time
    std::uint64_t gone = 0;               ///< number of the send with which the device is gone
    std::uint64_t fail_receive = 0;       ///< number of the receive that fails; 0: none
    bool steer_by_mac = false;            ///< flows only look at the Ethernet header
    int fail_modify = 0;                  ///< number of the ibv_modify_qp call that fails
    std::string hold;                     ///< nothing is sent while this file exists
    std::string replay;                   ///< capture whose frames come instead of the wire's
    std::uint64_t replay_times = 1;       ///< how often
    std::string log;                      ///< file that gets a line of JSON an event
    std::vector<std::string> interfaces;  ///< interfaces that are devices; empty: all

    [[nodiscard]] static settings from_environment();
};

/// Append `{"event": name, body}` to the log, if there is one; body is JSON members or empty.
void log_event(const settings& options, const char* name, const std::string& body);

struct device {
    ibv_device base{};  // first, so that an ibv_device* is a device*
    int interface_index = 0;
    std::string interface_name;
    std::array<std::uint8_t, 6> mac{};
    int references = 1;  // the list, and each open context; under the list's mutex
};

struct memory_region {
    ibv_mr base{};
    std::uint64_t iova = 0;
};

/// What an open device is: verbs_context ends in the ibv_context that programs see.
struct context {
    verbs_context extended{};
    device* owner = nullptr;
    settings options;
    int mtu = 1500;
    std::vector<std::uint8_t> replayed;  ///< frames, each after its length in four bytes
    std::array<int, 2> async_pipe{-1, -1};
    std::mutex mutex;
    std::array<std::atomic<memory_region*>, max_memory_regions> regions{};
    int region_count = 0;
    int object_count = 0;  // protection domains, queues and channels that are alive
    std::atomic<std::uint64_t> sends{0};
    std::atomic<std::uint64_t> posted{0};
    std::atomic<std::uint64_t> completions{0};
    std::atomic<std::uint64_t> events{0};
    std::atomic<int> modifications{0};
    std::atomic<std::uint64_t> receives{0};
    std::atomic<std::uint64_t> sends_before_gone{0};
    std::atomic<bool> is_gone{false};
    std::atomic<std::uint32_t> next_number{0x100};

    /// The memory behind a scatter/gather element, or null when the key or the range is wrong.
    [[nodiscard]] std::uint8_t* translate(const ibv_sge& sge) noexcept {
        const std::uint32_t index = sge.lkey >> 8;
        if ((sge.lkey & 0xff) != key_tag || index >= max_memory_regions) {
            return nullptr;
        }
        const memory_region* region = regions[index].load(std::memory_order_acquire);
        if (region == nullptr || sge.addr < region->iova ||
            sge.addr - region->iova > region->base.length ||
            sge.length > region->base.length - (sge.addr - region->iova)) {
            return nullptr;
        }
        return static_cast<std::uint8_t*>(region->base.addr) + (sge.addr - region->iova);
    }

    void raise_async(ibv_async_event event) const;
    void add_object(int change);
};

[[nodiscard]] inline context* from_verbs(ibv_context* verbs) {
    return reinterpret_cast<context*>(verbs_get_ctx(verbs));
}

struct protection_domain {
    ibv_pd base{};
    std::atomic<int> users{0};
};

struct channel {
    ibv_comp_channel base{};
    int write_end = -1;
};

struct queue_pair;

struct completion {
    ibv_wc entry{};
    queue_pair* owner = nullptr;
    std::uint64_t retires = 0;  ///< sends of the owner up to this number have left its queue
};

struct completion_queue {
    ibv_cq_ex base{};  // begins like ibv_cq
    channel* events = nullptr;
    std::mutex mutex;
    std::vector<completion> ring;
    std::size_t first = 0;
    std::size_t count = 0;
    std::size_t unseen = 0;  ///< of those, the last ones: they wait for others to arrive with
    bool armed = false;
    bool overrun = false;
    int users = 0;
    completion current{};              // of ibv_start_poll and ibv_next_poll
    queue_pair* replays_to = nullptr;  // has frames of a capture come when this is polled
    std::uint64_t polls = 0;
    std::uint64_t empty_polls = 0;
    std::uint64_t delivered = 0;
    std::uint64_t events_sent = 0;
    std::uint32_t events_acked = 0;
    std::condition_variable acked;

    [[nodiscard]] context& device_context() const { return *from_verbs(base.context); }
    /// Returns false when the queue is or gets overrun.
    bool push(const completion& item);
    void purge(const queue_pair* owner);
    [[nodiscard]] bool pop(completion& item);
};

struct queued_send {
    std::uint64_t wr_id = 0;
    unsigned flags = 0;
    std::vector<ibv_sge> elements;
    std::vector<std::uint8_t> inline_data;
};

struct queued_receive {
    std::uint64_t wr_id = 0;
    std::vector<ibv_sge> elements;
};

struct flow;

struct queue_pair {
    ibv_qp base{};
    ibv_qp_cap cap{};
    bool signal_all = false;
    completion_queue* send_cq = nullptr;
    completion_queue* receive_cq = nullptr;
    int packet_socket = -1;

    std::mutex mutex;
    std::condition_variable work;
    ibv_qp_state state = IBV_QPS_RESET;
    std::uint32_t rate_kbps = 0;
    std::uint64_t posted = 0;               // sends posted since the last reset
    std::atomic<std::uint64_t> retired{0};  // sends whose completion has been polled
    std::uint64_t processed = 0;            // sends that the device has dealt with
    std::vector<queued_send> sends;         // ring of max_send_wr, used with a device thread
    std::uint64_t generation = 0;           // counts resets
    bool stopping = false;
    bool busy = false;  // the device thread reads memory of a send
    std::condition_variable idle;
    std::thread sender;
    std::vector<std::uint8_t> scratch;  // a frame, without a device thread

    std::deque<queued_receive> receives;
    std::vector<flow*> flows;
    std::thread receiver;
    int receive_socket = -1;
    int receive_stop = -1;  // eventfd
    std::size_t replay_at = 0;
    std::uint64_t replays_left = 0;

    // Totals for the log.
    std::uint64_t post_calls = 0;
    std::uint64_t total_sends = 0;
    std::uint64_t total_signaled = 0;
    std::uint64_t total_checksums = 0;
    std::uint64_t total_elements = 0;
    std::uint64_t total_bytes = 0;
    std::uint64_t total_receives = 0;
    std::uint64_t total_overflows = 0;  ///< frames for which no receive was posted

    [[nodiscard]] context& device_context() const { return *from_verbs(base.context); }
};

struct flow {
    ibv_flow base{};
    queue_pair* owner = nullptr;
    std::vector<std::uint8_t> rules;  // the specs as given
    int rule_count = 0;
};

/// The frames of a capture file (pcap in this machine's byte order), as context::replayed has them.
std::vector<std::uint8_t> read_capture(const std::string& path);
/// Have so many frames of the capture come, if receives are posted for them.
void replay(queue_pair& qp, std::size_t frames);

/// Fill in the operations that programs reach through structures instead of symbols.
void install_completion_operations(context& target);
void install_queue_pair_operations(context& target);

}  // namespace softverbs
