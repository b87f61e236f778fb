// SPDX-License-Identifier: Apache-2.0
// The limit of receiving: takes what the kernel has for a socket and throws it away.
//
// Usage: receive_limit udp|pausing|tcp HEADER_SIZE PACKET_SIZE SECONDS
//   udp      UDP_GRO, recvmmsg into buffers of a datagram run each
//   pausing  the same, but when there is nothing it looks again 50 us later, so that the sender has
//            nobody to wake
//   tcp      read into one buffer: one copy
// Prints the port, waits for the first bytes, warms up, then measures; prints one line of JSON: bytes
// of payload per second, processor seconds per byte of payload, packets per second. Of each
// PACKET_SIZE bytes that arrive HEADER_SIZE are no payload.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { messages = 4, run_size = 1 << 16, tcp_buffer = 256 * 1024 };

static const double warm_up = 0.2;

static void die(const char* what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int bound_socket(int type) {
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr*)&address, &length) != 0) die("getsockname");
    const int size = type == SOCK_DGRAM ? 8 << 20 : 208 * 1024;  // the packages' own
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) != 0) die("SO_RCVBUF");
    const int on = 1;
    if (type == SOCK_DGRAM && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0)
        die("UDP_GRO");
    if (type == SOCK_STREAM && listen(fd, 1) != 0) die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static struct mmsghdr headers[messages];
static struct iovec pieces[messages];

static double take_udp(int fd) {
    const int n = recvmmsg(fd, headers, messages, MSG_WAITFORONE, NULL);
    if (n < 0) die("recvmmsg");
    double bytes = 0;
    for (int i = 0; i < n; i++) bytes += headers[i].msg_len;
    return bytes;
}

static double take_pausing(int fd) {
    for (;;) {
        const int n = recvmmsg(fd, headers, messages, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN) die("recvmmsg");
        double bytes = 0;
        for (int i = 0; i < n; i++) bytes += headers[i].msg_len;
        if (n < messages) {
            const struct timespec pause = {.tv_nsec = 50000};
            nanosleep(&pause, NULL);
        }
        if (n > 0) return bytes;
    }
}

static char* tcp_memory;

static double take_tcp(int fd) {
    const ssize_t n = read(fd, tcp_memory, tcp_buffer);
    if (n <= 0) die("read");
    return (double)n;
}

int main(int argc, char** argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: receive_limit udp|pausing|tcp HEADER_SIZE PACKET_SIZE SECONDS\n");
        return 2;
    }
    const int udp = strcmp(argv[1], "tcp") != 0, pausing = strcmp(argv[1], "pausing") == 0;
    const double packet = atof(argv[3]), payload = 1.0 - atof(argv[2]) / packet;
    const double seconds = atof(argv[4]);
    int fd = bound_socket(udp ? SOCK_DGRAM : SOCK_STREAM);
    char* memory = aligned_alloc(4096, udp ? messages * run_size : tcp_buffer);
    if (memory == NULL) die("aligned_alloc");
    memset(memory, 1, udp ? messages * run_size : tcp_buffer);
    for (int i = 0; i < messages && udp; i++) {
        pieces[i] = (struct iovec){memory + i * run_size, run_size};
        headers[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    tcp_memory = memory;
    if (!udp) {
        const int peer = accept(fd, NULL, NULL);
        if (peer < 0) die("accept");
        fd = peer;
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    double (*const take)(int) = !udp ? take_tcp : pausing ? take_pausing : take_udp;
    take(fd);
    for (const double end = now() + warm_up; now() < end;) take(fd);
    double bytes = 0;
    const clock_t cpu = clock();
    const double start = now();
    while (now() < start + seconds) bytes += take(fd);
    const double took = now() - start;
    printf("{\"value\": %.6g, \"cpu\": %.6g, \"packets\": %.6g}\n", bytes * payload / took,
           (double)(clock() - cpu) / CLOCKS_PER_SEC / (bytes * payload), bytes / packet / took);
    return 0;
}
