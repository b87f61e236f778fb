// SPDX-License-Identifier: Apache-2.0
// The limit for UDP: SPEAD-shaped packets of one heap after another, with as little between them and
// sendmmsg as there can be. No queue, no rate, no completion, no error handling worth the name.
//
// Usage: udp_limit MODE PACKET_SIZE HEAP_SIZE HEAPS SECONDS PORT...
//   HEAPS     how many different heaps each port gets in turn: as much memory as what it is compared
//             with reads
//   gather    segmentation offload, header and payload as two pieces of memory a packet
//   assemble  segmentation offload, packets put together in one buffer first
//   packets   one message a packet; heaps go to the ports in turn, packet by packet (round robin)
// Prints one line of JSON: bytes per second, processor seconds per byte, packets per second.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum {
    header_size = 40,  // of every packet; the first of a heap has an item pointer more
    max_message = 65507,
    max_header = 48,
    // Bytes of packets a sendmmsg. What is assembled should still be in the cache when it is sent;
    // what is gathered gains a little from fewer calls.
    assemble_batch = 128 * 1024,
    gather_batch = 2 * 1024 * 1024,
    max_messages = 1024,
    packets_batch = 64,  // messages a sendmmsg without offload: more is slower
    max_ports = 1024,
};

static int fd;
static size_t packet_size, heap_size, n_heaps;
static uint8_t* heap;  // the first of n_heaps
static int n_ports;
static struct sockaddr_in ports[max_ports];
static uint64_t n_packets, n_bytes;

static void die(const char* what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// Where a heap is being cut into packets.
struct position {
    uint64_t cnt, offset;
    size_t heap;
};

struct packet {
    size_t header, payload;
    const uint8_t* data;
};

static uint64_t immediate(uint64_t id, uint64_t value) {
    return htobe64(UINT64_C(1) << 63 | id << 40 | value);
}

static inline struct packet next_packet(struct position* p, uint8_t* header) {
    struct packet result = {.header = p->offset == 0 ? max_header : header_size};
    const uint64_t left = heap_size - p->offset, room = packet_size - result.header;
    result.payload = left < room ? left : room;
    result.data = heap + p->heap * heap_size + p->offset;
    const uint64_t words[6] = {
        htobe64(UINT64_C(0x5304030500000000) | (result.header / 8 - 1)),
        immediate(1, p->cnt),
        immediate(2, heap_size),
        immediate(3, p->offset),
        immediate(4, result.payload),
        htobe64(UINT64_C(0x1000) << 40),
    };
    memcpy(header, words, max_header);  // of a later packet the last word is overwritten or unused
    p->offset += result.payload;
    if (p->offset == heap_size)
        *p = (struct position){p->cnt + 1, 0, p->heap + 1 < n_heaps ? p->heap + 1 : 0};
    n_packets++;
    n_bytes += result.header + result.payload;
    return result;
}

static void send_all(struct mmsghdr* messages, int n) {
    for (int sent = 0; sent < n;) {
        const int done = sendmmsg(fd, messages + sent, n - sent, 0);
        if (done < 0) {
            if (errno == EINTR) continue;
            die("sendmmsg");
        }
        sent += done;
    }
}

static void set_segment(struct msghdr* message, size_t size) {
    struct cmsghdr* c = message->msg_control;
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    *(uint16_t*)CMSG_DATA(c) = size;
}

// How many segments a message may have: 64, since Linux 6.9 128.
static int most_segments(void) {
    static uint8_t data[128];
    char control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(sizeof(size_t)))) = {0};
    struct iovec piece = {data, sizeof(data)};
    struct msghdr message = {.msg_name = &ports[0],
                             .msg_namelen = sizeof(ports[0]),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    set_segment(&message, 1);
    return sendmsg(fd, &message, 0) < 0 ? 64 : 128;
}

static void run_offload(double seconds, int gather) {
    static struct mmsghdr messages[max_messages];
    static char controls[max_messages][CMSG_SPACE(sizeof(uint16_t))]
        __attribute__((aligned(sizeof(size_t))));
    static struct iovec pieces[1 << 17];
    const int segments = most_segments();
    const size_t batch_bytes = gather ? gather_batch : assemble_batch;
    uint8_t* buffer = aligned_alloc(4096, gather_batch + 2 * 65536);
    if (buffer == NULL) die("aligned_alloc");
    struct position position = {1, 0, 0};
    const double end = now() + seconds;
    while (now() < end) {
        uint8_t* out = buffer;
        size_t bytes = 0, piece = 0;
        int n = 0, list_ends = 0;
        // As a call that sends a list of heaps returns when all of it is sent, no message has
        // packets of two lists.
        while (bytes < batch_bytes && n < max_messages && !list_ends) {
            struct msghdr* m = &messages[n].msg_hdr;
            memset(m, 0, sizeof(*m));
            m->msg_name = &ports[0];
            m->msg_namelen = sizeof(ports[0]);
            m->msg_control = controls[n];
            m->msg_controllen = sizeof(controls[n]);
            m->msg_iov = &pieces[piece];
            uint8_t* const start = out;
            size_t size = 0, message_bytes = 0;
            for (int s = 0; s < segments && !list_ends; s++) {
                // Of a message all packets but the last are equal: look before taking one.
                const size_t header = position.offset == 0 ? max_header : header_size;
                const size_t left = header + heap_size - position.offset;
                const size_t next = left < packet_size ? left : packet_size;
                if (s > 0 && (next > size || message_bytes + next > max_message)) break;
                if (s == 0) size = next;
                struct packet p = next_packet(&position, out);
                if (gather) {
                    pieces[piece++] = (struct iovec){out, p.header};
                    pieces[piece++] = (struct iovec){(void*)p.data, p.payload};
                    out += max_header;
                } else {
                    memcpy(out + p.header, p.data, p.payload);
                    out += p.header + p.payload;
                }
                message_bytes += next;
                list_ends = position.heap == 0 && position.offset == 0;
                if (next < size) break;
            }
            if (!gather) pieces[piece++] = (struct iovec){start, message_bytes};
            m->msg_iovlen = &pieces[piece] - m->msg_iov;
            set_segment(m, size);
            if (message_bytes <= size) m->msg_control = NULL, m->msg_controllen = 0;
            bytes += message_bytes;
            n++;
        }
        send_all(messages, n);
    }
}

static void run_packets(double seconds) {
    static struct mmsghdr messages[packets_batch];
    static struct iovec pieces[packets_batch][2];
    static uint8_t headers[packets_batch][max_header];
    struct position* positions = calloc(n_ports, sizeof(*positions));
    uint8_t* const heaps = heap;
    if (positions == NULL) die("calloc");
    for (int i = 0; i < n_ports; i++) positions[i].cnt = 1;
    int port = 0;
    const double end = now() + seconds;
    while (now() < end) {
        for (int i = 0; i < packets_batch; i++) {
            heap = heaps + port * n_heaps * heap_size;  // of each port heaps of its own
            const struct packet p = next_packet(&positions[port], headers[i]);
            pieces[i][0] = (struct iovec){headers[i], p.header};
            pieces[i][1] = (struct iovec){(void*)p.data, p.payload};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &ports[port],
                                                  .msg_namelen = sizeof(ports[port]),
                                                  .msg_iov = pieces[i],
                                                  .msg_iovlen = 2};
            port = port + 1 < n_ports ? port + 1 : 0;
        }
        send_all(messages, packets_batch);
    }
}

int main(int argc, char** argv) {
    if (argc < 7) {
        fprintf(stderr,
                "usage: udp_limit gather|assemble|packets PACKET_SIZE HEAP_SIZE HEAPS "
                "SECONDS PORT...\n");
        return 2;
    }
    packet_size = strtoul(argv[2], NULL, 10) / 8 * 8;
    heap_size = strtoul(argv[3], NULL, 10);
    n_heaps = strtoul(argv[4], NULL, 10);
    const double seconds = atof(argv[5]);
    if (packet_size < 56 || packet_size > max_message || heap_size == 0 || n_heaps == 0) {
        fprintf(stderr, "packet size from 56 to %d, heap size and heaps not 0\n", max_message);
        return 2;
    }
    for (int i = 6; i < argc && n_ports < max_ports; i++)
        ports[n_ports++] = (struct sockaddr_in){.sin_family = AF_INET,
                                                .sin_port = htons(atoi(argv[i])),
                                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    // In huge pages, as numpy has its large arrays: kernel copies are faster then.
    const size_t huge = 2 << 20, all = (heap_size * n_heaps * n_ports + huge - 1) / huge * huge;
    heap = aligned_alloc(huge, all);
    if (heap == NULL) die("aligned_alloc");
    madvise(heap, all, MADV_HUGEPAGE);
    memset(heap, 1, all);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    const int size = 512 * 1024;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0) die("SO_SNDBUF");
    for (int pass = 0; pass < 2; pass++) {  // the first warms up
        n_packets = n_bytes = 0;
        const double length = pass == 0 ? 0.05 : seconds, start = now();
        const clock_t cpu = clock();
        if (strcmp(argv[1], "packets") == 0)
            run_packets(length);
        else
            run_offload(length, strcmp(argv[1], "gather") == 0);
        const double took = now() - start;
        if (pass > 0)
            printf("{\"value\": %.6g, \"cpu\": %.6g, \"packets\": %.6g}\n", n_bytes / took,
                   (double)(clock() - cpu) / CLOCKS_PER_SEC / n_bytes, n_packets / took);
    }
    return 0;
}
