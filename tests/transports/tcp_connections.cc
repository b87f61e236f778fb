// SPDX-License-Identifier: Apache-2.0
// What the TCP transport does when its connection is lost, when it may connect again and when not, and
// when the kernel is short of memory. The peer is a thread with a real socket; sendmsg stands before
// the C library's to refuse as a kernel without memory does.
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/send/heap.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/tcp.h>

namespace {
std::atomic<int> refusals{0};  // of sendmsg that are left
int refuse_with = 0;
}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    if (refusals > 0) {
        --refusals;
        errno = refuse_with;
        return -1;
    }
    return ::syscall(SYS_sendmsg, fd, message, flags);
}

namespace {

const char* current_case = "";

void check(bool held, const char* what) {
    if (held) return;
    std::printf("%s: %s\n", current_case, what);
    std::exit(1);
}

class listener {
public:
    listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        check(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                  ::listen(fd_, 8) == 0 &&
                  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0,
              "no socket to listen on");
        where_ = spead2::endpoint(reinterpret_cast<sockaddr*>(&address), length);
    }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    ~listener() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    [[nodiscard]] int accept() const {
        const int fd = ::accept(fd_, nullptr, nullptr);
        check(fd >= 0, "no connection came");
        return fd;
    }
    [[nodiscard]] const spead2::endpoint& where() const { return where_; }

private:
    int fd_;
    spead2::endpoint where_;
};

/// Close such that the other side is told at once that nothing is taken any more.
void reset(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(fd);
}

/// Read until there is nothing for a while or \a bytes have come.
std::vector<std::uint8_t> read(int fd, std::size_t bytes) {
    std::vector<std::uint8_t> data(bytes);
    std::size_t got = 0;
    while (got < bytes) {
        const ssize_t n = ::recv(fd, data.data() + got, bytes - got, 0);
        check(n > 0, "the connection ended too early");
        got += static_cast<std::size_t>(n);
    }
    return data;
}

struct sender {
    sender(const listener& peer, double reconnect) {
        spead2::send::tcp_options options;
        options.endpoints = {peer.where()};
        options.reconnect = reconnect;
        auto carrier = std::make_unique<spead2::send::tcp_transport>(options);
        transport = carrier.get();
        stream = std::make_unique<spead2::send::stream>(std::make_shared<spead2::thread_pool>(1),
                                                        spead2::send::stream_config(),
                                                        std::move(carrier));
        heap.add_item(0x1000, payload.data(), payload.size(), true);
    }
    /// \return the error of one heap
    std::error_code send() {
        try {
            size = stream->send_heap(heap);
            return {};
        } catch (const std::system_error& e) {
            return e.code();
        }
    }
    std::vector<std::uint8_t> payload = std::vector<std::uint8_t>(1000, 7);
    spead2::send::heap heap;
    spead2::send::tcp_transport* transport = nullptr;
    std::unique_ptr<spead2::send::stream> stream;
    std::size_t size = 0;
};

/// Send until the loss is noticed: the first heap may still go into the kernel's buffer.
std::error_code lose(sender& s) {
    for (int i = 0; i < 1000; ++i)
        if (const std::error_code error = s.send()) return error;
    check(false, "the loss was never noticed");
    return {};
}

void a_peer_that_restarts() {
    current_case = "a peer that restarts";
    const listener peer;
    sender s(peer, 60.0);
    int connection = peer.accept();
    check(!s.send(), "the first heap failed");
    static_cast<void>(read(connection, s.size));
    for (std::uint64_t times = 1; times <= 3; ++times) {
        reset(connection);
        const std::error_code error = lose(s);
        check(error == std::errc::connection_reset || error == std::errc::broken_pipe,
              "the loss is told as something else");
        check(!s.send(), "the heap after it failed");
        connection = peer.accept();
        // From the beginning of a packet on.
        const std::vector<std::uint8_t> data = read(connection, s.size);
        check(data[0] == 0x53 && data[1] == 4, "the new connection begins within a packet");
        check(s.transport->reconnections() == times, "it was not counted");
    }
    ::close(connection);
}

void a_peer_that_is_gone() {
    current_case = "a peer that is gone";
    listener peer;
    sender s(peer, 0.3);
    const int connection = peer.accept();
    peer.close();
    reset(connection);
    static_cast<void>(lose(s));
    const std::error_code first = s.send();
    check(static_cast<bool>(first), "a heap went to nobody");
    check(s.send() == first, "the next heap has another error");
    check(s.transport->reconnections() == 0, "what did not happen was counted");
}

void not_asked_to_connect_again() {
    current_case = "not asked to connect again";
    const listener peer;
    sender s(peer, 0.0);
    reset(peer.accept());
    const std::error_code error = lose(s);
    for (int i = 0; i < 3; ++i) check(s.send() == error, "the error has changed");
    check(s.transport->reconnections() == 0, "it connected again");
}

void memory_that_is_short_for_a_while() {
    for (const int error : {ENOBUFS, ENOMEM}) {
        current_case = "a kernel that is short of memory for a while";
        const listener peer;
        sender s(peer, 0.0);
        const int connection = peer.accept();
        refuse_with = error;
        refusals = 20;
        check(!s.send(), "the heap failed");
        check(refusals == 0, "nothing was refused");
        static_cast<void>(read(connection, s.size));
        ::close(connection);
    }
}

void memory_that_is_short_for_long() {
    current_case = "a kernel that is short of memory for long";
    const listener peer;
    sender s(peer, 0.0);
    const int connection = peer.accept();
    refuse_with = ENOBUFS;
    refusals = 1'000'000'000;
    check(s.send() == std::errc::no_buffer_space, "the error was not reported");
    refusals = 0;
    check(!s.send(), "the connection is broken for good");
    static_cast<void>(read(connection, s.size));
    ::close(connection);
}

}  // namespace

int main() {
    spead2::set_log_sink([](spead2::log_level, const std::string&) {});
    a_peer_that_restarts();
    a_peer_that_is_gone();
    not_asked_to_connect_again();
    memory_that_is_short_for_a_while();
    memory_that_is_short_for_long();
    std::puts("all held");
}
