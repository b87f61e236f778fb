// SPDX-License-Identifier: Apache-2.0
// Counts the packets that come to a UDP socket, as fast as it can, and sees that each heap's cnt is the
// one after that of the packet before: every packet is to be a heap of its own.
//
// Usage: counting_sink PACKETS FILE; prints its port. While it counts, the number of packets is in
// the first eight bytes of the file, for a sender that must not be too far ahead. When all have come,
// or nothing for ten seconds, it prints one line of JSON.
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64, start = 16 };

static void die(const char* what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

// How many packets a message that the kernel put together has.
static uint64_t packets_of(struct msghdr* message, uint64_t bytes, uint32_t* dropped) {
    uint64_t packets = 1;
    for (struct cmsghdr* c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof(size));
            packets = (bytes + size - 1) / size;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(dropped, CMSG_DATA(c), sizeof(*dropped));
        }
    }
    return packets;
}

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: counting_sink PACKETS FILE\n");
        return 2;
    }
    const uint64_t wanted = strtoull(argv[1], NULL, 10);
    const int file = open(argv[2], O_RDWR | O_CLOEXEC);
    if (file < 0 || ftruncate(file, sizeof(uint64_t)) != 0) die(argv[2]);
    _Atomic uint64_t* shared =
        mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED) die("mmap");

    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int on = 1, size = 256 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0) die("UDP_GRO");
    if (setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0) die("SO_RXQ_OVFL");
    const struct timeval patience = {.tv_sec = 10};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) die("timeout");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr*)&address, &length) != 0) die("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    static char control[batch][256];
    static uint64_t begin[batch][start / sizeof(uint64_t)];
    struct mmsghdr messages[batch];
    struct iovec iovs[batch];
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < batch; i++) {
        iovs[i] = (struct iovec){.iov_base = begin[i], .iov_len = start};
        messages[i].msg_hdr.msg_iov = &iovs[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = control[i];
    }
    const uint64_t cnt_bits = 40;
    uint64_t packets = 0, bytes = 0, out_of_order = 0, next = 0;
    uint32_t dropped = 0;
    double first = 0, last = 0;
    while (packets < wanted) {
        for (int i = 0; i < batch; i++) messages[i].msg_hdr.msg_controllen = sizeof(control[i]);
        const int n = recvmmsg(fd, messages, batch, MSG_TRUNC | MSG_WAITFORONE, NULL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) break;
            die("recvmmsg");
        }
        if (packets == 0) first = now();
        for (int i = 0; i < n; i++) {
            const uint64_t cnt = be64toh(begin[i][1]) & ((UINT64_C(1) << cnt_bits) - 1);
            const uint64_t some = packets_of(&messages[i].msg_hdr, messages[i].msg_len, &dropped);
            if (packets != 0 && cnt != next) out_of_order++;
            next = cnt + some;
            packets += some;
            bytes += messages[i].msg_len;
        }
        atomic_store_explicit(shared, packets, memory_order_relaxed);
    }
    last = now();
    printf(
        "{\"packets\": %llu, \"bytes\": %llu, \"out_of_order\": %llu, \"dropped\": %u, "
        "\"seconds\": %.3f}\n",
        (unsigned long long)packets, (unsigned long long)bytes, (unsigned long long)out_of_order,
        dropped, last - first);
    return 0;
}
