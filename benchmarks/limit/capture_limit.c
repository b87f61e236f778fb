// SPDX-License-Identifier: Apache-2.0
// The limit for receiving from a capture file: it is read through a small buffer, and the payload of its
// packets (SPEAD over UDP over IPv4, without options or tags) is copied once, to heaps in turn.
//
// Usage: capture_limit FILE HEAP_SIZE SECONDS; prints one line of JSON: bytes of payload per second and
// processor seconds per byte.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    file_header = 24,
    record_header = 16,
    network_header = 42,
    buffer_size = 256 * 1024,
    heaps = 8
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static char* make_memory(size_t size) {
    char* memory = aligned_alloc(2 << 20, (size + (2 << 20) - 1) >> 21 << 21);
    if (memory == NULL) {
        perror("aligned_alloc");
        exit(1);
    }
    madvise(memory, size, MADV_HUGEPAGE);
    memset(memory, 1, size);
    return memory;
}

static char* places[heaps];
static size_t heap_size, heap, heap_at;

static size_t copy_payload(const uint8_t* packet, size_t length) {
    const size_t header = 8 + 8 * (size_t)(packet[6] << 8 | packet[7]);
    size_t payload = length - header;
    if (heap_at + payload > heap_size) {
        heap = (heap + 1) % heaps;
        heap_at = 0;
    }
    memcpy(places[heap] + heap_at, packet + header, payload);
    heap_at += payload;
    return payload;
}

// Bytes of payload in the file.
static double read_all(int fd, uint8_t* buffer) {
    double bytes = 0;
    size_t there = 0;
    if (lseek(fd, file_header, SEEK_SET) < 0) exit(1);
    for (;;) {
        const ssize_t got = read(fd, buffer + there, buffer_size);
        if (got <= 0) return bytes;
        there += got;
        size_t at = 0;
        while (there - at >= record_header) {
            uint32_t length;
            memcpy(&length, buffer + at + 8, sizeof(length));
            if (there - at < record_header + length) break;
            bytes +=
                copy_payload(buffer + at + record_header + network_header, length - network_header);
            at += record_header + length;
        }
        memmove(buffer, buffer + at, there - at);
        there -= at;
    }
}

int main(int argc, char** argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: capture_limit FILE HEAP_SIZE SECONDS\n");
        return 2;
    }
    const int fd = open(argv[1], O_RDONLY);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    heap_size = strtoul(argv[2], NULL, 10);
    const double seconds = atof(argv[3]);
    uint8_t* const buffer = malloc(buffer_size + 65536 + record_header);
    for (int i = 0; i < heaps; i++) places[i] = make_memory(heap_size);
    if (read_all(fd, buffer) <= 0) return 2;  // warms up
    double bytes = 0;
    const clock_t cpu = clock();
    const double start = now();
    do bytes += read_all(fd, buffer);
    while (now() < start + seconds);
    printf("{\"value\": %.6g, \"cpu\": %.6g}\n", bytes / (now() - start),
           (double)(clock() - cpu) / CLOCKS_PER_SEC / bytes);
    return 0;
}
