// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "udp_ibv_sender.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <spead2/base/log.h>

namespace spead2::send {
namespace {

// SPEAD headers then begin on a cache line.
constexpr std::size_t cache_line = 64;
constexpr std::size_t header_offset = cache_line - frame_header::size;
static_assert(frame_header::size < cache_line);

// Of one batch. Copying 8972-byte packets took 507 ns each with 128 KiB, 463 ns with 64 KiB, since
// more of the slots stays in the first cache; smaller ones gain nothing from less.
constexpr std::size_t batch_bytes = 65536;

// From this size on glibc copies with `rep movsb` where the processor recommends it. Unaligned, as
// it is here, this took 500 ns for the payload of 8972-byte packets, and 436 ns in two pieces.
constexpr std::size_t slow_copy = 8192;
constexpr std::size_t copy_piece = 4096;

// Polls before the stream has a turn, however large max_poll is: it may have been told to stop.
constexpr int polls_a_turn = 1000;

// When to look for completions although no interrupt has come.
constexpr std::chrono::milliseconds event_patience{100};
// Completions that are found after so long a wait should have woken it.
constexpr std::chrono::milliseconds event_lag{10};
// This many in a row that did not are not an accident.
constexpr int max_missed_events = 3;
// Stopping a queue is a matter of microseconds.
constexpr std::chrono::milliseconds drain_patience{100};
// A device that completes nothing for this long is stuck.
constexpr std::chrono::seconds device_patience{5};

[[noreturn]] void fail_with_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

struct interface_properties {
    std::string name;
    mac_address mac{};
    int mtu = 0;
};

[[nodiscard]] interface_properties find_interface(const in_addr& address, int any_socket) {
    interface_properties found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) fail_with_errno("getifaddrs failed");
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
    for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next)
        if (i->ifa_addr != nullptr && i->ifa_addr->sa_family == AF_INET &&
            reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr == address.s_addr)
            found.name = i->ifa_name;
    if (found.name.empty()) {
        errno = EADDRNOTAVAIL;
        fail_with_errno("no interface has the interface address");
    }
    ifreq request{};
    std::strncpy(request.ifr_name, found.name.c_str(), IFNAMSIZ - 1);
    if (::ioctl(any_socket, SIOCGIFHWADDR, &request) != 0)
        fail_with_errno("the MAC address of " + found.name + " cannot be had");
    std::memcpy(found.mac.data(), request.ifr_hwaddr.sa_data, found.mac.size());
    if (::ioctl(any_socket, SIOCGIFMTU, &request) == 0) found.mtu = request.ifr_mtu;
    return found;
}

/// \return the end of what was written
std::uint8_t* copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length) noexcept {
    for (; length >= slow_copy; length -= copy_piece, from += copy_piece, to += copy_piece)
        std::memcpy(to, from, copy_piece);
    std::memcpy(to, from, length);
    return to + length;
}

[[nodiscard]] std::error_code error_of(ibv_wc_status status) noexcept {
    switch (status) {
        case IBV_WC_LOC_LEN_ERR:
            return std::make_error_code(std::errc::message_size);
        case IBV_WC_LOC_PROT_ERR:
            return std::make_error_code(std::errc::bad_address);
        default:
            return std::make_error_code(std::errc::io_error);
    }
}

}  // namespace

udp_ibv_sender::descriptor::~descriptor() { reset(-1); }

void udp_ibv_sender::descriptor::reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

void udp_ibv_sender::unmapper::operator()(std::uint8_t* p) const noexcept { ::munmap(p, length); }

udp_ibv_sender::udp_ibv_sender(parameters&& p)
    : kept_regions_(std::move(p.regions)),
      queue_(p.interface, p.comp_vector),
      max_packet_size_(p.max_packet_size),
      max_poll_(p.max_poll),
      polling_(queue_.event_fd() < 0),
      stall_limit_(device_patience) {
    open_source_socket(p.interface);
    const interface_properties interface = find_interface(p.interface, source_socket_.get());
    if (interface.mtu != 0 && max_packet_size_ + frame_header::ipv4_size + frame_header::udp_size >
                                  static_cast<std::size_t>(interface.mtu))
        log_message(log_level::warning, "max_packet_size " + std::to_string(max_packet_size_) +
                                            " makes packets that are longer than the MTU of " +
                                            interface.name + ", " + std::to_string(interface.mtu) +
                                            ", which leaves " + std::to_string(interface.mtu - 28) +
                                            " bytes");
    open_wait_descriptors();
    queue_.open(std::max<std::size_t>(p.buffer_size / (max_packet_size_ + frame_header::size), 1),
                kept_regions_.empty() ? 1 : max_elements);
    for (const ibv_memory_region& r : kept_regions_) {
        const auto* const begin = static_cast<const std::uint8_t*>(r.data);
        regions_.push_back(
            {begin, begin + r.length, queue_.register_memory(begin, r.length, "a memory region")});
    }
    make_slots(p);

    sockaddr_in local{};
    socklen_t length = sizeof local;
    if (::getsockname(source_socket_.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0)
        fail_with_errno("getsockname failed");
    for (const ipv4_endpoint& destination : p.destinations)
        headers_.emplace_back(interface.mac, ipv4_endpoint{p.interface, local.sin_port},
                              destination, p.ttl, !queue_.checksum_offload());

    description_ = "udp_ibv";
    for (const ipv4_endpoint& d : p.destinations) {
        char text[INET_ADDRSTRLEN];
        ::inet_ntop(AF_INET, &d.address, text, sizeof text);
        description_ += std::string(" ") + text + ":" + std::to_string(ntohs(d.port));
    }
    description_ += " on " + interface.name + " (" + queue_.device_name() + ")";
}

udp_ibv_sender::~udp_ibv_sender() { quiesce(); }

void udp_ibv_sender::open_source_socket(const in_addr& interface) {
    // Reserves a port, so that the frames cannot be taken for those of another socket.
    source_socket_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (source_socket_.get() < 0) fail_with_errno("a UDP socket cannot be made");
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr = interface;
    if (::bind(source_socket_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
        fail_with_errno("a UDP socket cannot be bound to the interface address");
}

void udp_ibv_sender::open_wait_descriptors() {
    if (polling_) return;
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    wait_fd_.reset(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (timer_.get() < 0 || wait_fd_.get() < 0 ||
        ::epoll_ctl(wait_fd_.get(), EPOLL_CTL_ADD, timer_.get(), &interest) != 0 ||
        ::epoll_ctl(wait_fd_.get(), EPOLL_CTL_ADD, queue_.event_fd(), &interest) != 0)
        fail_with_errno("the descriptor to wait on cannot be made");
}

void udp_ibv_sender::make_slots(const parameters& p) {
    const std::size_t n = queue_.work_requests();
    const std::size_t stride =
        (cache_line + p.max_packet_size + cache_line - 1) & ~(cache_line - 1);
    void* const memory = ::mmap(nullptr, n * stride, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        fail_with_errno(std::to_string(n * stride) + " bytes of memory for packets cannot be had");
    memory_ = std::unique_ptr<std::uint8_t, unmapper>(static_cast<std::uint8_t*>(memory),
                                                      unmapper{n * stride});
    memory_key_ = queue_.register_memory(memory, n * stride, "the packet buffer");
    if (queue_.checksum_offload()) request_flags_ |= IBV_SEND_IP_CSUM;
    // So small that the device has work while the next batch is made ready.
    batch_size_ = std::max<std::size_t>(std::min(n / 4, batch_bytes / stride), 1);

    slots_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        slot& s = slots_[i];
        s.frame = memory_.get() + i * stride + header_offset;
        s.elements[0].addr = reinterpret_cast<std::uintptr_t>(s.frame);
        s.elements[0].lkey = memory_key_;
        s.request.wr_id = i;
        s.request.next = &slots_[next(i)].request;
        s.request.sg_list = s.elements;
        s.request.num_sge = 1;
        s.request.opcode = IBV_WR_SEND;
    }
}

// ---- Filling slots

/// The region that \a data is in, or null. \a run is cut to what is in that region, or to what
/// comes before the next.
const udp_ibv_sender::region* udp_ibv_sender::find_region(const std::uint8_t* data,
                                                          std::size_t& run) noexcept {
    const region* found = &regions_[last_region_];
    if (data < found->begin || data >= found->end) {
        const auto after =
            std::upper_bound(regions_.begin(), regions_.end(), data,
                             [](const std::uint8_t* d, const region& r) { return d < r.begin; });
        if (after != regions_.end())
            run = std::min(run, static_cast<std::size_t>(after->begin - data));
        if (after == regions_.begin() || data >= std::prev(after)->end) return nullptr;
        found = &*std::prev(after);
        last_region_ = static_cast<std::size_t>(found - regions_.data());
    }
    run = std::min(run, static_cast<std::size_t>(found->end - data));
    return found;
}

/// Copy what is not in a region, list what is.
void udp_ibv_sender::gather(slot& s, const packet& p, const iovec* iovs) noexcept {
    const std::size_t max = queue_.elements();
    std::uint8_t* to = s.frame + frame_header::size;
    std::size_t left = p.size;
    ibv_sge* element = s.elements;
    std::size_t n = 1;
    bool copying = true;  // the last element is of the slot's own memory
    element->length = frame_header::size;
    for (std::uint32_t i = 0; i < p.n_iov; ++i) {
        const auto* data = static_cast<const std::uint8_t*>(iovs[i].iov_base);
        std::size_t length = iovs[i].iov_len;
        while (length > 0) {
            std::size_t run = length;
            const region* const r = i == 0 ? nullptr : find_region(data, run);
            if (r != nullptr && !copying && element->lkey == r->key &&
                element->addr + element->length == reinterpret_cast<std::uintptr_t>(data)) {
                element->length += static_cast<std::uint32_t>(run);
            } else if (r != nullptr && (n + 1 < max || (n + 1 == max && run == left))) {
                // One element stays for what may have to be copied after this.
                element = &s.elements[n++];
                *element = {reinterpret_cast<std::uintptr_t>(data), static_cast<std::uint32_t>(run),
                            r->key};
                copying = false;
            } else {
                if (!copying) {
                    element = &s.elements[n++];
                    *element = {reinterpret_cast<std::uintptr_t>(to), 0, memory_key_};
                    copying = true;
                }
                to = copy(to, data, run);
                element->length += static_cast<std::uint32_t>(run);
            }
            data += run;
            length -= run;
            left -= run;
        }
    }
    s.request.num_sge = static_cast<int>(n);
}

void udp_ibv_sender::fill(slot& s, const packet& p, const iovec* iovs) noexcept {
    if (s.substream != p.substream) {
        headers_[p.substream].write(s.frame, p.size);
        s.substream = p.substream;
        s.size = p.size;
    } else if (s.size != p.size) {
        headers_[p.substream].write_size(s.frame, p.size);
        s.size = p.size;
    }
    s.request.send_flags = request_flags_;
    if (!regions_.empty()) {
        gather(s, p, iovs);
        return;
    }
    std::uint8_t* to = s.frame + frame_header::size;
    for (std::uint32_t i = 0; i < p.n_iov; ++i) {
        to = copy(to, static_cast<const std::uint8_t*>(iovs[i].iov_base), iovs[i].iov_len);
    }
    s.elements[0].length = static_cast<std::uint32_t>(to - s.frame);
}

/// Fill free slots and post them, a batch at a time. \return packets accepted
std::size_t udp_ibv_sender::accept(packet_span packets) noexcept {
    const std::size_t n =
        std::min({packets.packets.size(), slots_.size() - outstanding_, batch_size_});
    if (n == 0) return 0;
    polls_ = 0;
    if (outstanding_ == 0) head_ = tail_ = 0;  // these slots are the likeliest to be in the cache
    const std::size_t first = outstanding_;
    for (std::size_t i = 0; i < n; ++i) {
        const packet& p = packets.packets[i];
        fill(slots_[head_], p, packets.iovs + p.first_iov);
        head_ = next(head_);
    }
    outstanding_ += n;
    post(first, n);
    return n;
}

/// Post the \a n slots in flight from \a first on as one batch. If the device refuses one, that
/// packet has failed, and those behind it are posted as a batch of their own.
void udp_ibv_sender::post(std::size_t first, std::size_t n) noexcept {
    slot& last = in_flight(first + n - 1);
    last.request.send_flags |= IBV_SEND_SIGNALED;
    ibv_send_wr* const after = std::exchange(last.request.next, nullptr);
    const std::size_t end = first + n;
    while (first != end) {
        ibv_send_wr* bad = nullptr;
        const int code = queue_.post(&in_flight(first).request, bad);
        if (code == 0) {
            unsignaled_ = 0;
            break;
        }
        // What was taken before it went without asking for a completion.
        const std::size_t refused =
            bad != nullptr ? position(static_cast<std::size_t>(bad->wr_id)) : first;
        const std::error_code error(code, std::generic_category());
        log_failure("a packet was refused: " + error.message());
        mark_failed(refused, error);
        unsignaled_ += refused + 1 - first;
        first = refused + 1;
    }
    last.request.next = after;
}

// ---- Completions

/// Packet \a i of those in flight has failed. That is reported when its turn comes.
void udp_ibv_sender::mark_failed(std::size_t i, const std::error_code& error) noexcept {
    slot& s = in_flight(i);
    if (!s.error) ++marked_;
    s.error = error;
}

/// Report what is done, up to the first packets that failed: what was sent behind those has to wait
/// for the next call.
void udp_ibv_sender::report() noexcept {
    if (marked_ == 0) {
        leave(completed_);
        return;
    }
    std::size_t n = 0;
    while (n != completed_ && !in_flight(n).error) ++n;
    leave(n);
    for (; completed_ != 0 && in_flight(0).error; --marked_, --sent_, ++failed_) {
        slot& s = in_flight(0);
        if (failed_ != 0 && s.error != failure_) break;
        failure_ = std::exchange(s.error, {});
        leave(1);
    }
}

/// The \a n oldest packets in flight have been sent; their slots are free.
void udp_ibv_sender::leave(std::size_t n) noexcept {
    if (n == 0) return;
    tail_ = (tail_ + n) % slots_.size();
    outstanding_ -= n;
    completed_ -= n;
    unsignaled_ = std::min(unsignaled_, outstanding_);
    sent_ += n;
    polls_ = 0;
    waiting_since_ = {};
}

void udp_ibv_sender::poll() noexcept {
    if (failed_ != 0) return;
    if (completed_ != 0) report();
    if (outstanding_ == 0 || failed_ != 0) return;
    ibv_wc completions[16];
    int n = 0;
    do {
        n = queue_.poll(completions);
        if (n < 0) {
            log_message(log_level::error,
                        description_ + ": the completion queue is broken; starting a new one");
            fail_outstanding(std::make_error_code(std::errc::io_error));
            return;
        }
        // All of them before anything is reported: they are off the queue and do not come again.
        for (int i = 0; i < n; ++i) {
            // Completions come in order, so this one stands for all before it.
            const std::size_t at = position(static_cast<std::size_t>(completions[i].wr_id));
            completed_ = at + 1;
            if (completions[i].status != IBV_WC_SUCCESS) {
                fail_request(at, completions[i]);
                return;  // the restart has dropped what is behind it
            }
        }
        report();
    } while (n == static_cast<int>(std::size(completions)) && failed_ == 0);
}

/// Packet \a i of those in flight failed, and with it the queue stopped; nothing after it was sent.
void udp_ibv_sender::fail_request(std::size_t i, const ibv_wc& completion) noexcept {
    log_failure(std::string("a packet could not be sent: ") +
                verbs_library::get().wc_status_str(completion.status) + " (vendor error " +
                std::to_string(completion.vendor_err) + ")");
    mark_failed(i, error_of(completion.status));
    restart();
    report();
}

/// After a failure: start the queue again and post what the device has not done. Packets that have
/// failed are left out.
void udp_ibv_sender::restart() noexcept {
    armed_ = false;
    std::error_code error = queue_.restart();
    if (error) error = queue_.rebuild();
    if (error) {
        give_up(error);
        return;
    }
    const std::size_t end = outstanding_;
    unsignaled_ = 0;
    for (std::size_t i = completed_; i != end;) {
        std::size_t n = 0;
        while (i + n != end && !in_flight(i + n).error) ++n;
        if (n != 0) post(i, n);
        i += n;
        for (; i != end && in_flight(i).error; ++i) ++unsignaled_;
    }
}

/// No completion will come for the packets in flight, since the device refused those that asked for
/// one. In the error state it completes whatever it has not sent with an error, then the marker.
void udp_ibv_sender::drain() noexcept {
    const std::size_t n = outstanding_;
    bool known = marked_ == n;  // it took none
    const bool stopped = !known;
    std::size_t sent = n;
    if (stopped && !queue_.stop()) {
        slot& marker = in_flight(n - 1);  // one that was refused
        marker.request.send_flags |= IBV_SEND_SIGNALED;
        ibv_send_wr* const after = std::exchange(marker.request.next, nullptr);
        ibv_send_wr* bad = nullptr;
        const bool posted = queue_.post(&marker.request, bad) == 0;
        marker.request.next = after;
        const clock::time_point limit = clock::now() + drain_patience;
        while (posted && !known && clock::now() < limit) {
            ibv_wc completion;
            const int got = queue_.poll({&completion, 1});
            if (got < 0) break;
            if (got == 0) continue;
            const std::size_t at = position(static_cast<std::size_t>(completion.wr_id));
            known = at == n - 1;
            if (!known) sent = std::min(sent, at);
        }
    }
    for (std::size_t i = 0; i != n && !known; ++i)
        if (!in_flight(i).error) mark_failed(i, std::make_error_code(std::errc::io_error));
    completed_ = known ? sent : n;
    if (stopped) restart();
    report();
}

/// Nobody knows what became of the packets in flight.
void udp_ibv_sender::fail_outstanding(const std::error_code& reason) noexcept {
    for (std::size_t i = completed_; i != outstanding_; ++i) mark_failed(i, reason);
    completed_ = outstanding_;
    armed_ = false;
    if (const std::error_code error = queue_.rebuild()) give_up(error);
    report();
}

/// The device does not recover. Whatever is in flight has failed, and so will all that follows.
void udp_ibv_sender::give_up(const std::error_code& error) noexcept {
    log_message(log_level::error,
                description_ + ": the device does not recover: " + error.message());
    broken_ = error;
    queue_.close();
    for (std::size_t i = completed_; i != outstanding_; ++i) mark_failed(i, error);
    completed_ = outstanding_;
    unsignaled_ = 0;
}

/// Log an error, at most one a second: every packet may fail.
void udp_ibv_sender::log_failure(const std::string& text) noexcept {
    const clock::time_point now = clock::now();
    if (now - last_failure_log_ < std::chrono::seconds(1)) {
        ++unlogged_failures_;
        return;
    }
    std::string line = description_ + ": " + text;
    if (unlogged_failures_ != 0)
        line +=
            " (" + std::to_string(unlogged_failures_) + " other failures since the last report)";
    log_message(log_level::error, line);
    last_failure_log_ = now;
    unlogged_failures_ = 0;
}

// ---- Face

send_result udp_ibv_sender::send(packet_span packets) noexcept {
    send_result result;
    const bool waited = std::exchange(waited_, false);
    for (int turn = 0; !broken_;) {
        poll();
        if (armed_ && polls_ == 0 && (waited || sent_ != 0)) take_event(waited);
        if (failed_ != 0) break;
        const std::size_t n = accept(packets);
        result.accepted += n;
        packets.packets = packets.packets.subspan(n);
        if (n != 0 && !packets.packets.empty()) continue;
        if (outstanding_ != 0 && unsignaled_ == outstanding_) drain();
        // Where there is progress, the stream may have more to do than to wait.
        if (outstanding_ == 0 || sent_ != 0 || failed_ != 0 || result.accepted != 0) break;
        if (++polls_ >= max_poll_) {
            polls_ = 0;
            wait(result);
            break;
        }
        if (++turn == polls_a_turn) {
            static_cast<void>(check_patience(clock::now()));
            break;
        }
    }
    if (broken_ && failed_ == 0) {
        report();
        if (outstanding_ == 0 && failed_ == 0 && !packets.packets.empty()) {
            failed_ = packets.packets.size();
            failure_ = broken_;
            result.accepted += failed_;
            packets.packets = {};
        }
    }
    result.released = std::exchange(sent_, 0);
    result.failed = std::exchange(failed_, 0);
    if (result.failed != 0) result.error = failure_;
    if (result.wait == wait_for::nothing && (!packets.packets.empty() || outstanding_ != 0))
        result.wait = wait_for::again;
    return result;
}

/// Take the event that arm() asked for, if it is there.
void udp_ibv_sender::take_event(bool waited) noexcept {
    if (queue_.take_event()) {
        armed_ = false;
        missed_events_ = 0;
    } else if (waited && sent_ + failed_ != 0 && clock::now() - wait_start_ > event_lag &&
               ++missed_events_ == max_missed_events) {
        polling_ = true;
        armed_ = false;
        log_message(log_level::warning,
                    description_ +
                        ": packets complete, but the completion interrupt does not come; polling "
                        "from now on");
    }
}

/// Give up what is in flight if nothing has completed for long. \return whether it still waits
bool udp_ibv_sender::check_patience(clock::time_point now) noexcept {
    if (waiting_since_ == clock::time_point{}) {
        waiting_since_ = now;
    } else if (now - waiting_since_ > stall_limit_) {
        log_message(log_level::error,
                    description_ + ": the device has completed nothing for " +
                        std::to_string(
                            std::chrono::duration_cast<std::chrono::seconds>(now - waiting_since_)
                                .count()) +
                        " s; giving its packets up");
        fail_outstanding(std::make_error_code(std::errc::timed_out));
        return false;
    }
    return true;
}

/// Say how to wait for completions.
void udp_ibv_sender::wait(send_result& result) noexcept {
    result.wait = wait_for::again;
    const clock::time_point now = clock::now();
    if (!check_patience(now)) return;
    if (polling_ || queue_.arm() != 0) return;
    armed_ = true;
    poll();  // what came before arm() makes no event
    if (sent_ != 0 || failed_ != 0) return;
    if (now >= timer_end_) {
        itimerspec time{};
        time.it_value.tv_nsec = std::chrono::nanoseconds(event_patience).count();
        ::timerfd_settime(timer_.get(), 0, &time, nullptr);
        timer_end_ = now + event_patience;
    }
    waited_ = true;
    wait_start_ = now;
    result.wait = wait_for::readable;
}

bool udp_ibv_sender::set_rate(double bytes_per_second) noexcept {
    // The stream's rate is of packets, the device's of frames.
    const double frame_size = static_cast<double>(max_packet_size_ + frame_header::size);
    const double frame_rate = bytes_per_second * frame_size / static_cast<double>(max_packet_size_);
    if (!queue_.set_rate(frame_rate * 8)) return false;
    // A full queue takes this long to leave; only far longer is suspicious.
    const double seconds = 4 * frame_size * static_cast<double>(slots_.size()) / frame_rate;
    stall_limit_ += std::chrono::duration_cast<clock::duration>(
        std::chrono::duration<double>(std::min(seconds, 1e6)));
    return true;
}

void udp_ibv_sender::quiesce() noexcept {
    queue_.close();
    outstanding_ = completed_ = marked_ = unsignaled_ = sent_ = failed_ = 0;
    broken_ = std::make_error_code(std::errc::operation_canceled);
}

std::string udp_ibv_sender::describe() const { return description_; }

}  // namespace spead2::send

#endif
