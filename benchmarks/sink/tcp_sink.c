// SPDX-License-Identifier: Apache-2.0
// The far end of the TCP benchmarks: accepts one connection after another and reads and discards
// what comes. Prints its port, ends with its input.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char* what) {
    perror(what);
    exit(1);
}

int main(void) {
    static char data[1 << 20];
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) die("socket");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
    if (listen(listener, 8) != 0) die("listen");
    socklen_t length = sizeof(address);
    if (getsockname(listener, (struct sockaddr*)&address, &length) != 0) die("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct pollfd ready[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = listener, .events = POLLIN}};
    for (;;) {
        if (poll(ready, 2, -1) < 0) die("poll");
        if (ready[0].revents != 0 && read(STDIN_FILENO, data, sizeof(data)) <= 0) return 0;
        if ((ready[1].revents & POLLIN) == 0) continue;
        const int connection = accept(listener, NULL, NULL);
        if (connection < 0) die("accept");
        while (read(connection, data, sizeof(data)) > 0) {
        }
        close(connection);
    }
}
