// SPDX-License-Identifier: Apache-2.0
// The limit for TCP: header and payload of SPEAD-shaped packets, with as little between them and
// writev as there can be.
//
// Usage: tcp_limit PACKET_SIZE SECONDS PORT; prints one line of JSON:
// bytes per second and processor seconds per byte.
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { header_size = 40, packets = 16, heap_size = 4 << 20 };

static void die(const char* what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tcp_limit PACKET_SIZE SECONDS PORT\n");
        return 2;
    }
    const size_t payload = strtoul(argv[1], NULL, 10) - header_size;
    const double seconds = atof(argv[2]);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(atoi(argv[3])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int size = 208 * 1024;  // as TcpStream's; the system's default is slower
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0) die("SO_SNDBUF");
    if (connect(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("connect");
    char header[header_size] = "S";
    char* heap = aligned_alloc(2 << 20, heap_size);
    if (heap == NULL) die("aligned_alloc");
    madvise(heap, heap_size, MADV_HUGEPAGE);  // as numpy does with large arrays
    memset(heap, 1, heap_size);
    size_t offset = 0;
    for (int pass = 0; pass < 2; pass++) {  // the first warms up
        double bytes = 0;
        const clock_t cpu = clock();
        const double start = now(), end = start + (pass == 0 ? 0.05 : seconds);
        while (now() < end) {
            struct iovec pieces[2 * packets];
            for (int i = 0; i < packets; i++) {
                if (offset + payload > heap_size) offset = 0;
                pieces[2 * i] = (struct iovec){header, header_size};
                pieces[2 * i + 1] = (struct iovec){heap + offset, payload};
                offset += payload;
            }
            for (struct iovec* p = pieces; p < pieces + 2 * packets;) {
                ssize_t sent = writev(fd, p, pieces + 2 * packets - p);
                if (sent < 0) die("writev");
                bytes += sent;
                while (sent > 0 && (size_t)sent >= p->iov_len) sent -= (p++)->iov_len;
                if (sent > 0) {
                    p->iov_base = (char*)p->iov_base + sent;
                    p->iov_len -= sent;
                }
            }
        }
        if (pass > 0)
            printf("{\"value\": %.6g, \"cpu\": %.6g}\n", bytes / (now() - start),
                   (double)(clock() - cpu) / CLOCKS_PER_SEC / bytes);
    }
    return 0;
}
