// SPDX-License-Identifier: Apache-2.0
// The far end of the pacing benchmark: notes the kernel's time stamp and size of every datagram, and
// says at the end of its input how even they came. Payload is never copied.
//
// Usage: pacing_sink; prints its port; after the end of its input prints one line of JSON.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64 };

struct arrival {
    int64_t nanoseconds;
    int64_t bytes;
};

static struct arrival* arrivals;
static size_t n_arrivals, capacity;
static uint32_t dropped;  // datagrams (after offload: groups of datagrams) without room

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void note(struct msghdr* message, int64_t bytes) {
    struct arrival a = {.bytes = bytes};
    for (struct cmsghdr* c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            a.nanoseconds = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
        }
    }
    if (n_arrivals == capacity) {
        capacity = capacity > 0 ? 2 * capacity : 1 << 20;
        arrivals = realloc(arrivals, capacity * sizeof(*arrivals));
        if (arrivals == NULL) die("realloc");
    }
    arrivals[n_arrivals++] = a;
}

static int drain(int fd) {
    static char control[batch][256];
    struct mmsghdr messages[batch];
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < batch; i++) {
        messages[i].msg_hdr.msg_control = control[i];
        messages[i].msg_hdr.msg_controllen = sizeof(control[i]);
    }
    const int n = recvmmsg(fd, messages, batch, MSG_TRUNC | MSG_DONTWAIT, NULL);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return 0;
        die("recvmmsg");
    }
    for (int i = 0; i < n; i++) note(&messages[i].msg_hdr, messages[i].msg_len);
    return n;
}

static int by_time(const void* a, const void* b) {
    const int64_t x = ((const struct arrival*)a)->nanoseconds;
    const int64_t y = ((const struct arrival*)b)->nanoseconds;
    return (x > y) - (x < y);
}

// Most bytes in any window of so many nanoseconds.
static int64_t worst_window(int64_t nanoseconds) {
    int64_t worst = 0, sum = 0;
    size_t first = 0;
    for (size_t i = 0; i < n_arrivals; i++) {
        sum += arrivals[i].bytes;
        while (arrivals[i].nanoseconds - arrivals[first].nanoseconds >= nanoseconds)
            sum -= arrivals[first++].bytes;
        if (sum > worst) worst = sum;
    }
    return worst;
}

int main(void) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int on = 1, size = 512 << 20;
    // Everything must be seen: as much buffer as there is to be had.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0) die("UDP_GRO");
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) die("SO_TIMESTAMPNS");
    if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0) die("SO_RXQ_OVFL");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr*)&address, &length) != 0) die("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    char rest[256];
    for (;;) {
        if (poll(ready, 2, -1) < 0) die("poll");
        if (ready[1].revents != 0) drain(fd);
        if (ready[0].revents != 0 && read(STDIN_FILENO, rest, sizeof(rest)) <= 0) break;
    }
    while (drain(fd) > 0) {
    }
    qsort(arrivals, n_arrivals, sizeof(*arrivals), by_time);
    // The first tenth is left out of the average: it holds the burst that a stream may start with.
    const size_t from = n_arrivals / 10;
    int64_t all = 0, counted = 0;
    for (size_t i = 0; i < n_arrivals; i++) {
        all += arrivals[i].bytes;
        if (i > from) counted += arrivals[i].bytes;
    }
    const double seconds =
        n_arrivals > 0 ? (arrivals[n_arrivals - 1].nanoseconds - arrivals[from].nanoseconds) * 1e-9
                       : 0.0;
    printf(
        "{\"messages\": %zu, \"bytes\": %lld, \"dropped\": %u, \"rate\": %.1f, "
        "\"worst_window\": %lld}\n",
        n_arrivals, (long long)all, dropped, seconds > 0 ? counted / seconds : 0.0,
        (long long)worst_window(1000000));
    return 0;
}
