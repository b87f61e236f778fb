// SPDX-License-Identifier: Apache-2.0
// The limit for receiving from memory: the payload of SPEAD-shaped packets, which lie back to back,
// is copied to heaps, packet by packet, and nothing else is done.
//
// Usage: copy_limit PACKET_SIZE HEAP_SIZE SECONDS [MEMORY_SIZE]; prints one line of JSON:
// bytes of payload per second and processor seconds per byte. MEMORY_SIZE bytes of packets are copied in
// turn, 64 MiB if nothing is said.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { header_size = 48, heaps = 8 };  // with one item pointer; heaps are used in turn

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

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: copy_limit PACKET_SIZE HEAP_SIZE SECONDS [MEMORY_SIZE]\n");
        return 2;
    }
    const size_t packet_size = strtoul(argv[1], NULL, 10);
    const size_t heap_size = strtoul(argv[2], NULL, 10);
    const double seconds = atof(argv[3]);
    const size_t memory_size = argc == 5 ? strtoul(argv[4], NULL, 10) : 64 << 20;
    if (packet_size <= header_size || heap_size == 0 || memory_size < packet_size) return 2;
    const char* const memory = make_memory(memory_size);
    char* places[heaps];
    for (int i = 0; i < heaps; i++) places[i] = make_memory(heap_size);
    for (int pass = 0; pass < 2; pass++) {  // the first warms up
        double bytes = 0;
        const clock_t cpu = clock();
        const double start = now(), end = start + (pass == 0 ? 0.05 : seconds);
        size_t at = 0;
        int heap = 0;
        while (now() < end) {
            for (size_t offset = 0; offset < heap_size;) {
                size_t length = packet_size - header_size;
                if (length > heap_size - offset) length = heap_size - offset;
                if (at + header_size + length > memory_size) at = 0;
                memcpy(places[heap] + offset, memory + at + header_size, length);
                at += header_size + length;
                offset += length;
            }
            heap = (heap + 1) % heaps;
            bytes += heap_size;
        }
        if (pass > 0)
            printf("{\"value\": %.6g, \"cpu\": %.6g}\n", bytes / (now() - start),
                   (double)(clock() - cpu) / CLOCKS_PER_SEC / bytes);
    }
    return 0;
}
