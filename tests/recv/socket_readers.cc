// SPDX-License-Identifier: Apache-2.0
// Readers with sockets, over loopback: whole heaps, packets that are cut up or run together, packets
// that are too large, nonsense between packets, connections that break.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/readers/tcp.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/stream.h>

#include "../expect.h"
#include "packets.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace {

using namespace spead2::recv;
using spead2::endpoint;
using spead2::stopped_error;
using spead2::thread_pool;

/// A socket of the kernel's port on loopback, closed at the end.
class socket_at_loopback {
public:
    socket_at_loopback(int family, int type) : fd_(::socket(family, type, 0)) {
        endpoint at = endpoint::resolve(family == AF_INET ? "127.0.0.1" : "::1", 0);
        if (::bind(fd_, at.address(), at.length()) != 0) std::abort();
    }
    socket_at_loopback(const socket_at_loopback&) = delete;
    socket_at_loopback& operator=(const socket_at_loopback&) = delete;
    ~socket_at_loopback() { ::close(fd_); }
    int fd() const { return fd_; }
    endpoint name() const {
        sockaddr_storage address;
        socklen_t length = sizeof address;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
        return endpoint(reinterpret_cast<const sockaddr*>(&address), length);
    }

private:
    int fd_;
};

/// A port that nobody has right now.
endpoint free_port(int family, int type) { return socket_at_loopback(family, type).name(); }

bool holds_count(const heap& h, std::size_t size) {
    if (!h.complete() || h.payload().size() != size) return false;
    for (std::size_t i = 0; i < size; ++i)
        if (h.payload()[i] != static_cast<std::uint8_t>(i)) return false;
    return true;
}

std::vector<heap_ptr> take_all(ring_stream& s) {
    std::vector<heap_ptr> all;
    try {
        for (;;) all.push_back(s.pop());
    } catch (const stopped_error&) {
        return all;
    }
}

bytes stop_packet() {
    packet_fields f;
    f.cnt = 1'000'000;
    f.heap_length = 0;
    f.pointers.push_back(
        spead2::flavour().immediate(spead2::stream_ctrl_id, spead2::ctrl_stream_stop));
    return make_packet(f);
}

void send_datagram(int fd, const endpoint& to, const bytes& data, int segment = 0) {
    iovec iov{const_cast<std::uint8_t*>(data.data()), data.size()};
    msghdr m{};
    m.msg_name = const_cast<sockaddr*>(to.address());
    m.msg_namelen = to.length();
    m.msg_iov = &iov;
    m.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(std::uint16_t))] = {};
    if (segment != 0) {
        m.msg_control = control;
        m.msg_controllen = sizeof control;
        cmsghdr* const c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto size = static_cast<std::uint16_t>(segment);
        std::memcpy(CMSG_DATA(c), &size, sizeof size);
    }
    if (::sendmsg(fd, &m, 0) < 0) {
        std::perror("sendmsg");
        std::abort();
    }
}

void datagrams_make_heaps() {
    for (const int family : {AF_INET, AF_INET6}) {
        for (const bool own : {false, true}) {
            for (const bool coalesced : {false, true}) {
                socket_at_loopback source(family, SOCK_DGRAM);
                const socket_at_loopback theirs(family, SOCK_DGRAM);
                udp_reader_options o;
                o.address = own ? theirs.name() : free_port(family, SOCK_DGRAM);
                if (own) o.socket = theirs.fd();
                o.buffer_size = 0;
                const endpoint to = o.address;
                ring_stream s(std::make_shared<thread_pool>(), {},
                              ring_stream_config().set_heaps(2));
                s.add_reader<udp_reader>(o);
                constexpr std::size_t n = 200;
                for (std::size_t i = 1; i <= n; ++i) {
                    const auto packets = make_heap(i, 5000, 1000);
                    if (coalesced) {
                        // The first has one pointer more; the others are equal.
                        send_datagram(source.fd(), to, packets[0]);
                        send_datagram(source.fd(), to, join({packets.begin() + 1, packets.end()}),
                                      1040);
                    } else {
                        for (const bytes& p : packets) send_datagram(source.fd(), to, p);
                    }
                    const heap_ptr h = s.pop();
                    EXPECT(h->cnt() == i && holds_count(*h, 5000));
                }
                send_datagram(source.fd(), to, stop_packet());
                EXPECT(take_all(s).empty());
                EXPECT(s.stats()[stat_index::packets] == 5 * n + 1);
            }
        }
    }
}

void odd_datagrams_are_dropped() {
    const collected_log log;
    socket_at_loopback source(AF_INET, SOCK_DGRAM);
    udp_reader_options o;
    o.address = free_port(AF_INET, SOCK_DGRAM);
    o.max_size = 100;
    o.buffer_size = 0;
    {
        ring_stream s(std::make_shared<thread_pool>());
        s.add_reader<udp_reader>(o);
        // 48 bytes of header and pointers, 52 of payload: exactly as large as allowed.
        send_datagram(source.fd(), o.address, make_heap(1, 52, 100)[0]);
        send_datagram(source.fd(), o.address, make_heap(2, 53, 100)[0]);
        send_datagram(source.fd(), o.address, {});
        bytes long_one = make_heap(3, 8, 100)[0];
        long_one.push_back(0);
        send_datagram(source.fd(), o.address, long_one);
        send_datagram(source.fd(), o.address, stop_packet());
        const auto heaps = take_all(s);
        EXPECT(heaps.size() == 1 && heaps[0]->cnt() == 1);
    }
    EXPECT(log.text() ==
           "INFO dropped packet due to truncation\n"
           "INFO discarding packet due to size mismatch (56 != 57)\n");
}

void an_explicit_start_binds() {
    const endpoint at = free_port(AF_INET, SOCK_DGRAM);
    udp_reader_options o;
    o.address = at;
    o.buffer_size = 0;
    ring_stream s(std::make_shared<thread_pool>(), stream_config().set_explicit_start(true));
    s.add_reader<udp_reader>(o);
    ring_stream other(std::make_shared<thread_pool>());
    other.add_reader<udp_reader>(o);
    for (int i = 0; i < 2; ++i) {
        std::string text;
        try {
            s.start();
        } catch (const spead2::socket_setup_error& e) {
            text = e.what();
        }
        EXPECT(text.find("cannot receive at " + at.to_string()) == 0);
    }
    other.stop();
    s.start();
    socket_at_loopback source(AF_INET, SOCK_DGRAM);
    send_datagram(source.fd(), at, make_heap(1, 8, 8)[0]);
    EXPECT(s.pop()->cnt() == 1);
}

template <typename Make>
bool is_refused(Make&& make, const std::string& part) {
    try {
        make();
    } catch (const std::invalid_argument& e) {
        if (std::string(e.what()).find(part) != std::string::npos) return true;
        std::fprintf(stderr, "refused with: %s\n", e.what());
    }
    return false;
}

void bad_options_are_refused() {
    const auto udp = [](const std::string& host, const std::string& interface_address) {
        udp_reader_options o;
        o.address = endpoint::resolve(host, 8888);
        o.interface_address = interface_address;
        udp_reader r(o);
    };
    EXPECT(is_refused([&] { udp("127.0.0.2", "127.0.0.1"); },
                      "endpoint is not multicast and does not match interface address"));
    EXPECT(is_refused([&] { udp("::1", "127.0.0.1"); }, "endpoint is not an IPv4 address"));
    EXPECT(
        is_refused([&] { udp("239.1.2.3", "::1"); }, "interface address is not an IPv4 address"));
    EXPECT(is_refused(
        [] {
            udp_reader_options o;
            o.address = endpoint::resolve("::1", 8888);
            o.interface_index = 1;
            udp_reader r(o);
        },
        "endpoint is not an IPv6 multicast address"));
    EXPECT(is_refused(
        [] {
            udp_reader_options o;
            const socket_at_loopback stream_socket(AF_INET, SOCK_STREAM);
            o.socket = stream_socket.fd();
            udp_reader r(o);
        },
        "is not a UDP socket"));
    EXPECT(is_refused(
        [] {
            tcp_reader_options o;
            o.max_size = 0;
            tcp_reader r(o);
        },
        "max_size"));
}

/// A stream with a TCP reader, and a connection to it.
class connected {
public:
    explicit connected(std::size_t max_size = tcp_reader_options::default_max_size,
                       bool own_acceptor = false)
        : stream(std::make_shared<thread_pool>(), {}, ring_stream_config().set_heaps(2)),
          acceptor_(AF_INET, SOCK_STREAM) {
        tcp_reader_options o;
        o.max_size = max_size;
        o.address = own_acceptor ? acceptor_.name() : free_port(AF_INET, SOCK_STREAM);
        if (own_acceptor) {
            ::listen(acceptor_.fd(), 1);
            o.acceptor = acceptor_.fd();
        }
        stream.add_reader<tcp_reader>(o);
        fd = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(fd, o.address.address(), o.address.length()) != 0) std::abort();
    }
    ~connected() { close(); }
    void send(const bytes& data) {
        std::size_t done = 0;
        while (done < data.size()) {
            const ssize_t n = ::send(fd, data.data() + done, data.size() - done, MSG_NOSIGNAL);
            if (n < 0) return;
            done += static_cast<std::size_t>(n);
        }
    }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }

    ring_stream stream;
    int fd = -1;

private:
    socket_at_loopback acceptor_;
};

void a_connection_carries_packets_back_to_back() {
    for (const bool own : {false, true}) {
        connected c(tcp_reader_options::default_max_size, own);
        bytes data;
        for (std::uint64_t i = 1; i <= 300; ++i) {
            const bytes h = join(make_heap(i, 100'000, 1000 + 100 * i));
            data.insert(data.end(), h.begin(), h.end());
        }
        std::thread sender([&] {
            c.send(data);
            c.close();
        });
        const auto heaps = take_all(c.stream);
        sender.join();
        EXPECT(heaps.size() == 300);
        for (std::size_t i = 0; i < heaps.size(); ++i)
            EXPECT(heaps[i]->cnt() == i + 1 && holds_count(*heaps[i], 100'000));
        EXPECT(c.stream.stop_reason().empty());
    }
}

void packets_may_come_byte_by_byte() {
    connected c;
    const bytes whole = make_heap(1, 8, 8)[0];
    for (const std::uint8_t byte : whole) c.send({byte});
    EXPECT(holds_count(*c.stream.pop(), 8));
    bytes cut = make_heap(2, 8, 8)[0];
    cut.pop_back();
    c.send(cut);
    c.close();
    EXPECT(take_all(c.stream).empty());
}

void nonsense_between_packets_is_skipped() {
    const collected_log log;
    {
        connected c(1000);
        c.send(from_hex("0102030405060708"));
        c.send(make_heap(1, 8, 8)[0]);
        packet_fields large;  // larger than allowed, pointers and all there
        large.cnt = 2;
        large.payload = bytes(2000);
        c.send(make_packet(large));
        c.send(make_heap(3, 8, 8)[0]);
        large.payload = bytes(10);  // too many pointers
        large.pointers.assign(60'000, spead2::flavour().immediate(0x1000, 1));
        c.send(make_packet(large));
        c.send(make_heap(4, 8, 8)[0]);
        c.send(from_hex("5304030500000002 8000030000000000 8000040000000000"));  // no cnt
        c.send(make_heap(5, 8, 8)[0]);
        c.close();
        const auto heaps = take_all(c.stream);
        EXPECT(heaps.size() == 4);
    }
    EXPECT(log.text() ==
           "INFO packet rejected because magic or version did not match\n"
           "INFO discarding packet due to invalid header\n"
           "INFO dropping packet due to truncation\n"
           "INFO dropping packet due to truncation\n"
           "INFO packet rejected because it does not have required items\n");
}

void a_broken_connection_ends_the_stream_with_its_reason() {
    const collected_log log;
    {
        connected c;
        c.send(make_heap(1, 8, 8)[0]);
        EXPECT(holds_count(*c.stream.pop(), 8));
        c.reset();
        EXPECT(take_all(c.stream).empty());
        EXPECT(c.stream.stop_reason() == "Error in TCP receiver: Connection reset by peer");
        // An acceptor that does not listen.
        const socket_at_loopback deaf(AF_INET, SOCK_STREAM);
        tcp_reader_options o;
        o.acceptor = deaf.fd();
        ring_stream s(std::make_shared<thread_pool>());
        s.add_reader<tcp_reader>(o);
        EXPECT(take_all(s).empty());
    }
    EXPECT(log.text() ==
           "WARNING Error in TCP receiver: Connection reset by peer\n"
           "WARNING Error in TCP accept: Invalid argument\n");
}

}  // namespace

int main() {
    datagrams_make_heaps();
    odd_datagrams_are_dropped();
    an_explicit_start_binds();
    bad_options_are_refused();
    a_connection_carries_packets_back_to_back();
    packets_may_come_byte_by_byte();
    nonsense_between_packets_is_skipped();
    a_broken_connection_ends_the_stream_with_its_reason();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
