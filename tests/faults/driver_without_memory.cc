// SPDX-License-Identifier: Apache-2.0
// Threads that drive a stream get no memory at all: heaps are sent nevertheless, or fail, and nobody
// ends the process. The transport holds more packets back than a stream's books have room for at first.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <system_error>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/stream.h>
#include <spead2/send/transport.h>

#include "../expect.h"

namespace {

thread_local bool starved = false;
std::atomic<std::uint64_t> refusals{0};
std::atomic<bool> starve_drivers{false};

/// No memory for whoever is in here, as long as it lives.
class starvation {
public:
    explicit starvation(bool on) : before_(starved) { starved = on; }
    ~starvation() { starved = before_; }
    starvation(const starvation&) = delete;
    starvation& operator=(const starvation&) = delete;

private:
    bool before_;
};

void* allocate(std::size_t size) {
    if (starved) {
        ++refusals;
        throw std::bad_alloc();
    }
    if (void* const p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace {

using namespace spead2::send;

/// Keeps all packets until nothing is left to give it, then releases a part of them. From its first
/// packet on, the thread that drives it gets no memory.
class hoarder final : public transport {
public:
    explicit hoarder(std::size_t patience) : patience_(patience) {}
    std::size_t num_substreams() const noexcept override { return 1; }
    std::string describe() const override { return "hoarder"; }
    send_result send(packet_span packets) noexcept override {
        starved = starve_drivers;
        send_result result;
        result.accepted = packets.packets.size();
        held_ += result.accepted;
        if (packets.packets.empty() || held_ > patience_) {
            result.released = (held_ + 1) / 2;
            held_ -= result.released;
        }
        sent += result.released;
        result.wait = wait_for::again;
        return result;
    }
    static inline std::atomic<std::uint64_t> sent{0};

private:
    const std::size_t patience_;
    std::size_t held_ = 0;
};

/// Heaps of packets that all differ in size, so that each takes a line in the books.
void send_many(std::size_t patience, bool by_worker) {
    constexpr int heaps = 3000;
    std::vector<heap_reference> references;
    static std::vector<std::uint8_t> data(2000, 1);
    for (std::size_t i = 0; i < heaps; ++i) {
        heap h;
        h.add_item(0x1000, data.data(), 100 + i % 1000, false);
        references.push_back({h.contents()});
    }
    auto pool = std::make_shared<spead2::thread_pool>(1);
    stream_config config;
    config.set_max_heaps(heaps);
    stream s(pool, config, std::make_unique<hoarder>(patience));
    for (int round = 0; round < 3; ++round) {
        hoarder::sent = 0;
        starve_drivers = true;
        const auto refused = refusals.load();
        if (by_worker) {
            std::atomic<int> done{0};
            s.async_send_heaps(references, group_mode::round_robin,
                               [&](std::error_code e, std::uint64_t) { done = e ? -1 : 1; });
            s.flush();
            EXPECT(done == 1);
        } else {
            std::uint64_t bytes = 0;
            {
                const starvation back(false);
                bytes = s.send_heaps(references, group_mode::serial);
            }
            EXPECT(bytes > heaps * 100);
        }
        starve_drivers = false;
        EXPECT(hoarder::sent == heaps);
        // Or the books had room all the time, and this tests nothing.
        if (patience > 10000 && round == 0) EXPECT(refusals > refused);
    }
}

}  // namespace

int main() {
    for (const bool by_worker : {false, true})
        for (const std::size_t patience : {0UL, 1000UL, 1000000UL}) send_many(patience, by_worker);
    if (failures == 0) std::puts("all held");
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
