// SPDX-License-Identifier: Apache-2.0
// The far end of the UDP benchmarks: bound sockets with UDP_GRO that nobody reads, so that a
// datagram costs the kernel what it must and nothing else. Prints the ports, ends with its input.
#include <arpa/inet.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char* what) {
    perror(what);
    exit(1);
}

int main(int argc, char** argv) {
    const int sockets = argc > 1 ? atoi(argv[1]) : 1;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
    for (int i = 0; i < sockets; i++) {
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) die("socket");
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
        const int on = 1;  // without it the kernel would cut offloaded sends apart for this socket
        if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0) die("UDP_GRO");
        socklen_t length = sizeof(address);
        if (getsockname(fd, (struct sockaddr*)&address, &length) != 0) die("getsockname");
        printf("%s%d", i > 0 ? " " : "", ntohs(address.sin_port));
    }
    printf("\n");
    fflush(stdout);
    char rest[256];
    while (read(STDIN_FILENO, rest, sizeof(rest)) > 0) {
    }
    return 0;
}
