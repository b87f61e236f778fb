// SPDX-License-Identifier: Apache-2.0
// What the UDP transport does when the kernel refuses or takes less: every case ends with the same
// datagrams, in the same order, as if nothing had been. The system calls below stand before the C
// library's, answer as the kernels and devices named do, and else do the real thing.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/inproc.h>
#include <spead2/send/transports/udp.h>

namespace {

/// Errno for a message, or 0 to send it. \a segment is its segment size, or else the socket's (0: none).
std::function<int(const msghdr& message, std::size_t segment)> refuse;
bool knows_option = true;
unsigned most_messages = 1024;  // that one sendmmsg takes
int refuse_many = 0;            // errno for every sendmmsg
std::size_t offloaded = 0;      // messages
std::vector<int> options;       // segment sizes that sockets were given
int refuse_option = 0;          // errno for those
std::size_t calls = 0;
std::chrono::seconds ahead{0};  // that the clock is

std::size_t bytes_of(const msghdr& message) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) bytes += message.msg_iov[i].iov_len;
    return bytes;
}

std::size_t segment_of(const msghdr& message) {
    if (message.msg_controllen == 0) return 0;
    std::uint16_t segment;
    std::memcpy(&segment, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof segment);
    return segment;
}

int send_one(int fd, const msghdr& message, int flags) {
    const std::size_t segment = segment_of(message);
    const std::size_t any =
        segment != 0 || options.empty() ? segment : static_cast<std::size_t>(options.back());
    if (const int error = refuse ? refuse(message, any) : 0; error != 0) {
        errno = error;
        return -1;
    }
    offloaded += segment != 0;
    return static_cast<int>(::syscall(SYS_sendmsg, fd, &message, flags));
}

}  // namespace

extern "C" {

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    ++calls;
    return send_one(fd, *message, flags);
}

int sendmmsg(int fd, mmsghdr* messages, unsigned n, int flags) {
    ++calls;
    if (refuse_many != 0) {
        errno = refuse_many;
        return -1;
    }
    for (unsigned i = 0; i < n; ++i) {
        if (i == most_messages) return static_cast<int>(i);
        const int sent = send_one(fd, messages[i].msg_hdr, flags);
        if (sent < 0) return i == 0 ? -1 : static_cast<int>(i);
        messages[i].msg_len = static_cast<unsigned>(sent);
    }
    return static_cast<int>(n);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
    if (level == SOL_UDP && name == UDP_SEGMENT && !knows_option) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_getsockopt, fd, level, name, value, length));
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
    if (level == SOL_UDP && name == UDP_SEGMENT) {
        if (refuse_option != 0) {
            errno = refuse_option;
            return -1;
        }
        options.push_back(*static_cast<const int*>(value));
    }
    return static_cast<int>(::syscall(SYS_setsockopt, fd, level, name, value, length));
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, time);
    time->tv_sec += ahead.count();
    return static_cast<int>(result);
}

}  // extern "C"

namespace {

using spead2::inproc_queue;
using datagrams = std::vector<inproc_queue::packet_bytes>;

std::string current_case;
std::function<void(int round)> before_round;
std::vector<std::string> logged;

void check(bool held, const char* what) {
    if (held) return;
    std::printf("%s: %s\n", current_case.c_str(), what);
    std::exit(1);
}

/// A socket that receives, with room for all of a case.
class receiver {
public:
    receiver() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        check(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0,
              "no socket to receive with");
        where_ = spead2::endpoint(reinterpret_cast<sockaddr*>(&address), length);
    }
    receiver(const receiver&) = delete;
    receiver& operator=(const receiver&) = delete;
    ~receiver() { ::close(fd_); }
    [[nodiscard]] const spead2::endpoint& where() const { return where_; }
    /// Take what has arrived.
    void take(datagrams& into) const {
        inproc_queue::packet_bytes buffer(65536);
        for (;;) {
            const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (n < 0) return;
            into.emplace_back(buffer.begin(), buffer.begin() + n);
        }
    }

private:
    int fd_;
    spead2::endpoint where_;
};

struct outcome {
    datagrams received[2];  // by substream
    std::error_code error;
    bool offload = false;  // still in use at the end
};

/// Send the same heaps by UDP, and into queues for comparison.
outcome run(const std::string& name, std::size_t packet_size, bool must_arrive = true) {
    current_case = name;
    logged.clear();
    options.clear();
    offloaded = calls = 0;
    const receiver receivers[2];
    const std::vector<std::shared_ptr<inproc_queue>> queues{std::make_shared<inproc_queue>(),
                                                            std::make_shared<inproc_queue>()};
    spead2::send::udp_options options;
    options.endpoints = {receivers[0].where(), receivers[1].where()};
    auto carrier = std::make_unique<spead2::send::udp_transport>(options);
    const spead2::send::udp_transport& udp = *carrier;
    const auto pool = std::make_shared<spead2::thread_pool>(1);
    spead2::send::stream_config config;
    config.set_max_packet_size(packet_size).set_max_heaps(16);
    spead2::send::stream stream(pool, config, std::move(carrier));
    spead2::send::stream expected(pool, config,
                                  std::make_unique<spead2::send::inproc_transport>(queues));

    std::vector<std::uint8_t> payload(20'000);
    std::mt19937 random(1);
    std::generate(payload.begin(), payload.end(), std::ref(random));
    outcome result;
    // In rounds, so that the receivers' buffers hold what is under way.
    int round = 0;
    for (const std::size_t length : {1u, 3000u, 12'000u, 20'000u}) {
        spead2::send::heap h;
        h.add_immediate(0x1000, length);
        h.add_item(0x1001, payload.data(), length, true);
        const std::vector<spead2::send::heap_reference> heaps{
            {h.contents(), -1, 0}, {h.contents(), -1, 1}, {h.contents(), -1, 0}};
        if (before_round) before_round(round++);
        for (const auto mode :
             {spead2::send::group_mode::serial, spead2::send::group_mode::round_robin}) {
            std::uint64_t bytes = 0;
            try {
                bytes = stream.send_heaps(heaps, mode);
            } catch (const std::system_error& e) {
                result.error = e.code();
            }
            const std::uint64_t all = expected.send_heaps(heaps, mode);
            if (must_arrive) check(bytes == all && !result.error, "not all was sent");
            for (std::size_t i = 0; i < 2; ++i) receivers[i].take(result.received[i]);
        }
    }
    for (std::size_t i = 0; i < 2; ++i) {
        datagrams all;
        while (queues[i]->size() != 0) all.push_back(*queues[i]->get_packet());
        if (must_arrive) check(result.received[i] == all, "other datagrams than without refusals");
    }
    result.offload = udp.segmentation_offload();
    return result;
}

void kernel_that_takes_all() {
    const outcome o = run("a kernel that takes all", 1472);
    check(o.offload && offloaded > 0 && logged.empty(), "offload is not used");
}

void kernel_without_the_option() {
    knows_option = false;
    const outcome o = run("a kernel without UDP_SEGMENT", 1472);
    knows_option = true;
    check(!o.offload && offloaded == 0 && logged.empty(), "offload is tried");
}

void device_without_checksums() {
    refuse = [](const msghdr&, std::size_t segment) { return segment != 0 ? EIO : 0; };
    const outcome o = run("a device without checksums", 1472);
    check(!o.offload && logged.size() == 1, "did not fall back once for all");
}

void kernel_with_64_segments() {
    refuse = [](const msghdr& m, std::size_t segment) {
        return segment != 0 && bytes_of(m) > 64 * segment ? EINVAL : 0;
    };
    const outcome o = run("a kernel that takes 64 segments", 256);
    check(o.offload && offloaded > 0 && logged.empty(), "gave up offload");
}

void route_with_small_packets(int error) {
    refuse = [error](const msghdr&, std::size_t segment) { return segment > 1472 ? error : 0; };
    const outcome o = run("a route with an MTU of 1500", 8972);
    check(o.offload && logged.size() == 1, "did not fall back once for large packets only");
    run("a route with an MTU of 1500, small packets", 1472);
    check(offloaded > 0 && logged.empty(), "gave up offload for small packets");
}

/// The socket has a segment size for packets that go alone, and none of them is cut up.
void packets_in_parts_of_pages() {
    using sizes = std::vector<int>;
    refuse = nullptr;
    run("packets of 1472 bytes", 1472);
    check(options.empty(), "the socket has a segment size for small packets");
    run("packets of 8972 bytes", 8972);
    check(options == sizes{8968}, "the socket does not have the packet's size");
    run("packets of 12 KB and more", 15'000);
    check(options == sizes({12'056, 15'000}), "the socket does not follow the size of packets");
    run("packets of 12 KB and 20 KB", 30'000);
    check(options == sizes({12'056, 0}), "the socket keeps a size that is too small");
    run("packets of 20 KB", 18'000);
    check(options == sizes({12'056, 0}), "the socket has a size for packets that need none");
    knows_option = false;
    run("a kernel without UDP_SEGMENT, large packets", 8972);
    knows_option = true;
    check(options.empty(), "the option is tried");
    refuse_option = EPERM;
    run("a filter that does not let the option be set", 8972);
    refuse_option = 0;
    for (const int error : {EINVAL, EMSGSIZE, EIO}) {
        refuse = [error](const msghdr&, std::size_t segment) { return segment > 8000 ? error : 0; };
        run("a way that does not take such segments", 8972);
        check(options == sizes({8968, 0}), "the socket keeps a size that is refused");
    }
    // Errors that have nothing to do with it do not end it.
    int left = 1;
    refuse = [&left](const msghdr&, std::size_t segment) {
        return segment != 0 && left-- > 0 ? ECONNREFUSED : 0;
    };
    run("an error of an older packet", 8972);
    check(options == sizes{8968}, "the size is given up for no reason");
    // Nor what is refused of several packets in a message.
    refuse = [](const msghdr& m, std::size_t) { return m.msg_controllen != 0 ? EIO : 0; };
    run("a way that does not take several packets in a message", 8972);
    check(options == sizes{8968}, "the size is given up, which was not to blame");
    refuse = nullptr;
}

/// Who does not want offload has none of it, to other destinations neither.
void offload_that_nobody_wants() {
    current_case = "offload that was disabled";
    options.clear();
    const receiver receivers[2];
    spead2::send::udp_options to_first;
    to_first.endpoints = {receivers[0].where()};
    spead2::send::udp_transport transport(to_first);
    std::vector<std::uint8_t> payload(9000, 1);
    iovec iov{payload.data(), payload.size()};
    const spead2::send::packet one{0, 1, 9000, 0};
    check(transport.send({{&one, 1}, &iov}).accepted == 1, "the packet did not go");
    check(options == std::vector<int>{9000}, "the socket does not have the packet's size");
    transport.disable_segmentation_offload();
    transport.set_destination(0, receivers[1].where());
    check(transport.send({{&one, 1}, &iov}).accepted == 1, "the packet did not go");
    check(options == std::vector<int>({9000, 0}), "the socket has a segment size again");
    datagrams received;
    for (const receiver& r : receivers) r.take(received);
    check(received == datagrams{payload, payload}, "other datagrams were received");
}

void kernel_that_takes_little_at_a_time() {
    // Interruptions, full buffers and full queues in every place, and never more than two messages.
    std::mt19937 random(2);
    refuse = [&random](const msghdr&, std::size_t) {
        static constexpr int errors[] = {EINTR, EAGAIN, ENOBUFS, ECONNREFUSED};
        static bool refused = false;
        refused = !refused && random() % 2 == 0;  // never the same message twice in a row
        return refused ? errors[random() % std::size(errors)] : 0;
    };
    most_messages = 2;
    for (const std::size_t packet_size : {256u, 1472u, 8972u})
        run("a kernel that takes little at a time", packet_size);
    check(offloaded > 0 && logged.empty(), "gave up offload");
    most_messages = 1024;
}

void destination_that_cannot_be_reached() {
    in_port_t unreachable = 0;
    refuse = [&unreachable](const msghdr& m, std::size_t) {
        const in_port_t port = static_cast<const sockaddr_in*>(m.msg_name)->sin_port;
        if (unreachable == 0) unreachable = port;  // substream 0
        return port == unreachable ? ENETUNREACH : 0;
    };
    const outcome o = run("a destination that cannot be reached", 1472, false);
    check(o.error == std::errc::network_unreachable, "the error was not reported");
    check(o.received[0].empty() && !o.received[1].empty(), "one substream stopped the other");
    check(o.offload, "gave up offload");
}

void buffer_that_never_has_room() {
    refuse = [](const msghdr&, std::size_t) { return ENOBUFS; };
    const outcome o = run("a socket buffer too small for one packet", 1472, false);
    check(o.error == std::errc::no_buffer_space, "the error was not reported");
}

void memory_that_is_short_for_a_while() {
    for (const int error : {ENOMEM, ENOBUFS}) {
        int left = 0;
        before_round = [&left](int) { left = 20; };
        refuse = [&left, error](const msghdr&, std::size_t) { return left-- > 0 ? error : 0; };
        const outcome o = run("a kernel that is short of memory for a while", 1472);
        check(o.offload && offloaded > 0 && logged.empty(), "gave up offload");
    }
    before_round = nullptr;
}

void route_that_is_a_black_hole_for_a_while() {
    bool hole = false;
    before_round = [&hole](int round) { hole = round == 1; };
    refuse = [&hole](const msghdr&, std::size_t) { return hole ? EINVAL : 0; };
    const outcome o = run("a route that is a black hole for a while", 256, false);
    before_round = nullptr;
    check(o.error == std::errc::invalid_argument, "the error was not reported");
    check(o.offload && logged.empty(), "offload was blamed");
    // Rounds 0, 2 and 3, as large as ever.
    std::size_t bytes = 0;
    for (const auto& datagram : o.received[1]) bytes += datagram.size();
    check(bytes > 2 * (1 + 12'000 + 20'000), "heaps after the hole are missing");
    check(calls < 1000, "what followed the hole went one by one");
}

void offload_that_comes_back() {
    bool broken = false;
    before_round = [&broken](int round) {
        broken = round == 1;
        if (round == 2) ahead += std::chrono::seconds(2);
        if (round == 3) offloaded = 0;
    };
    for (const int error : {EIO, EINVAL, EMSGSIZE}) {
        refuse = [&broken, error](const msghdr&, std::size_t segment) {
            return broken && segment != 0 ? error : 0;
        };
        const outcome o = run("offload that comes back", 256);
        check(o.offload && offloaded > 0, "offload did not come back");
        check(logged.size() == 3 && logged[0].find("for now") != std::string::npos &&
                  logged[1].find("again") != std::string::npos &&
                  logged[2].find("again") != std::string::npos,
              "not said once that it was lost, and of each substream that it is back");
    }
    before_round = nullptr;
    ahead = {};
}

void offload_that_is_tried_in_vain() {
    std::size_t tries = 0;
    before_round = [](int) { ahead += std::chrono::seconds(100); };
    refuse = [&tries](const msghdr&, std::size_t segment) {
        tries += segment != 0;
        return segment != 0 ? EIO : 0;
    };
    const outcome o = run("offload that is tried again in vain", 1472);
    before_round = nullptr;
    ahead = {};
    check(!o.offload && tries >= 4, "was not tried again");
    check(tries < 40, "was tried all the time");
    check(logged.size() == 1, "was told again and again");
}

void filters_of_containers() {
    for (const int error : {EPERM, ENOSYS}) {
        refuse = nullptr;
        refuse_many = error;
        for (const std::size_t packet_size : {256u, 8972u}) {
            const outcome o = run("a filter that does not know sendmmsg", packet_size);
            check(o.offload && offloaded > 0, "gave up offload");
        }
        refuse = [error](const msghdr&, std::size_t segment) { return segment != 0 ? error : 0; };
        const outcome neither = run("a filter that allows neither", 1472);
        check(!neither.offload && logged.size() == 1, "did not fall back");
        refuse_many = 0;
        const outcome o = run("a filter that does not allow UDP_SEGMENT", 1472);
        check(!o.offload && logged.size() == 1, "did not fall back");
    }
}

void packets_that_are_dropped_for_a_while() {
    bool dropped = false;
    before_round = [&dropped](int round) { dropped = round == 1; };
    refuse = [&dropped](const msghdr&, std::size_t) { return dropped ? EPERM : 0; };
    const outcome o = run("a filter that drops packets for a while", 1472, false);
    before_round = nullptr;
    check(o.error == std::errc::operation_not_permitted, "the error was not reported");
    check(o.offload && logged.empty(), "offload was blamed");
}

/// What the transport waits for; whether a stream that does not wait would spin cannot be seen.
void what_is_waited_for() {
    current_case = "what is waited for";
    const receiver to;
    spead2::send::udp_options options;
    options.endpoints = {to.where()};
    spead2::send::udp_transport transport(options);
    std::uint8_t byte = 0;
    iovec iov{&byte, 1};
    const spead2::send::packet one{0, 1, 1, 0};
    for (const auto& [error, wait] : {std::pair{EAGAIN, spead2::send::wait_for::writable},
                                      std::pair{ENOBUFS, spead2::send::wait_for::pause},
                                      std::pair{ENOMEM, spead2::send::wait_for::pause}}) {
        refuse = [refusal = error](const msghdr&, std::size_t) { return refusal; };
        const auto result = transport.send({{&one, 1}, &iov});
        check(result.accepted == 0 && !result.error, "a full buffer is an error");
        check(result.wait == wait, "does not say what to wait for");
        check(wait != spead2::send::wait_for::pause || result.pause.count() > 0,
              "does not say how long to wait");
    }
    refuse = nullptr;
    check(transport.send({{&one, 1}, &iov}).accepted == 1, "the packet did not go afterwards");
}

}  // namespace

int main() {
    spead2::set_log_sink([](spead2::log_level level, const std::string& text) {
        if (level == spead2::log_level::info) logged.push_back(text);
    });
    kernel_that_takes_all();
    kernel_without_the_option();
    device_without_checksums();
    kernel_with_64_segments();
    route_with_small_packets(EINVAL);
    route_with_small_packets(EMSGSIZE);
    packets_in_parts_of_pages();
    offload_that_nobody_wants();
    kernel_that_takes_little_at_a_time();
    destination_that_cannot_be_reached();
    buffer_that_never_has_room();
    memory_that_is_short_for_a_while();
    route_that_is_a_black_hole_for_a_while();
    offload_that_comes_back();
    offload_that_is_tried_in_vain();
    filters_of_containers();
    packets_that_are_dropped_for_a_while();
    what_is_waited_for();
    std::puts("all held");
}
