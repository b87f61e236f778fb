// SPDX-License-Identifier: Apache-2.0
// The other end of what receives over TCP: heaps of 4 MiB in packets of a given size, as fast as they
// are taken, until the receiver has gone.
//
// Usage: tcp_source PACKET_SIZE PORT
// The packets of one heap are made once; each round of them only gets its heap count.
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { header_size = 48, heap_size = 4 << 20 };

static void die(const char* what) {
    perror(what);
    exit(1);
}

static uint64_t immediate(uint64_t id, uint64_t value) {
    return htobe64(UINT64_C(1) << 63 | id << 40 | value);
}

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: tcp_source PACKET_SIZE PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    const size_t room = strtoul(argv[1], NULL, 10) / 8 * 8 - header_size;
    const size_t packets = (heap_size + room - 1) / room;
    char* bytes = malloc(heap_size + packets * header_size);
    if (bytes == NULL) die("malloc");
    char* out = bytes;
    for (size_t offset = 0; offset < heap_size;) {
        const size_t payload = heap_size - offset < room ? heap_size - offset : room;
        const uint64_t words[header_size / 8] = {
            htobe64(UINT64_C(0x5304030500000005)),
            immediate(1, 1),
            immediate(2, heap_size),
            immediate(3, offset),
            immediate(4, payload),
            htobe64(UINT64_C(0x1000) << 40),
        };
        memcpy(out, words, header_size);
        memset(out + header_size, 1, payload);
        out += header_size + payload;
        offset += payload;
    }
    const size_t size = out - bytes;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(atoi(argv[2])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int buffer = 208 * 1024;  // as TcpStream's
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) != 0) die("SO_SNDBUF");
    if (connect(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("connect");
    for (uint64_t cnt = 1;; cnt++) {
        for (size_t at = 0; at < size; at += header_size + room) {
            const uint64_t word = immediate(1, cnt);
            memcpy(bytes + at + 8, &word, sizeof(word));
        }
        for (size_t sent = 0; sent < size;) {
            const ssize_t n = write(fd, bytes + sent, size - sent);
            if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return 0;
            if (n < 0 && errno != EINTR) die("write");
            if (n > 0) sent += n;
        }
    }
}
