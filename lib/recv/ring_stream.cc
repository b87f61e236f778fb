// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/stream.h>

#include <string>
#include <utility>

#include <spead2/base/errors.h>

#include "core/stream_core.h"

namespace spead2::recv {

ring_stream::ring_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                         const ring_stream_config& ring_config)
    : stream(std::move(pool), config), ring_config_(ring_config), ring_(ring_config.heaps()) {}

ring_stream::~ring_stream() { ring_stream::stop(); }

void ring_stream::stop() {
    if (core().is_left()) return;
    core().want_stop();
    ring_.stop();
    stream::stop();
}

heap_ptr ring_stream::pop(const interrupt_check& interrupted) {
    core().check_process();
    for (;;) {
        if (heap_ptr h = try_pop()) return h;
        core().resume_here();
        if (std::optional<heap_ptr> h = ring_.try_pop()) {
            taken();
            return *std::move(h);
        }
        if (core().paused()) continue;
        std::optional<heap_ptr> h = ring_.pop(interrupted);
        if (!h) return nullptr;
        taken();
        return *std::move(h);
    }
}

heap_ptr ring_stream::try_pop() {
    core().check_process();
    std::optional<heap_ptr> h = ring_.try_pop();
    if (h) {
        taken();
        return *std::move(h);
    }
    core().resume(true);
    return nullptr;
}

std::size_t ring_stream::try_pop_many(std::span<heap_ptr> out) {
    core().check_process();
    const std::size_t n = ring_.try_pop_many(out);
    if (n != 0)
        taken();
    else
        core().resume(true);
    return n;
}

/// Heaps were taken: have the readers go on once there is room for several.
void ring_stream::taken() {
    if (!core().paused() || 2 * ring_.size() > ring_.capacity()) return;
    core().resume(!has_fd_.load(std::memory_order_relaxed));
}

int ring_stream::fd() {
    core().check_process();
    has_fd_.store(true, std::memory_order_relaxed);
    return ring_.data_fd();
}

std::size_t ring_stream::ring_size() const { return core().is_left() ? 0 : ring_.size(); }
std::size_t ring_stream::ring_capacity() const noexcept { return ring_.capacity(); }
std::size_t ring_stream::room() const noexcept { return ring_.capacity() - ring_.size(); }

std::size_t ring_stream::heaps_ready(std::span<heap_ptr> heaps) noexcept {
    // Pieces without incomplete heaps go into the ring at once.
    std::size_t done = 0;
    try {
        while (done < heaps.size()) {
            std::size_t end = done;
            for (; end < heaps.size(); ++end) {
                heap& h = *heaps[end];
                if (h.complete()) continue;
                if (ring_config_.contiguous_only()) break;
                if (!ring_config_.incomplete_keep_payload_ranges()) h.ranges_.clear();
            }
            const std::size_t n = ring_.try_push_many(heaps.subspan(done, end - done));
            done += n;
            if (done < end) break;
            if (done == heaps.size()) break;
            const heap& h = *heaps[done++];
            core().log().add(log_level::warning, [&h] {
                return "dropped incomplete heap " + std::to_string(h.cnt()) + " (" +
                       std::to_string(h.received_length()) + "/" + std::to_string(h.heap_length()) +
                       " bytes of payload)";
            });
        }
    } catch (const stopped_error&) {
        for (; done < heaps.size(); ++done)
            core().log().add(log_level::info, [&] {
                return "dropped heap " + std::to_string(heaps[done]->cnt()) +
                       " due to external stop";
            });
    } catch (const std::exception&) {
        done = heaps.size();  // no memory
    }
    return done;
}

void ring_stream::heaps_stopped() noexcept { ring_.stop(); }

void ring_stream::paused(std::uint64_t cnt) noexcept {
    const auto now = std::chrono::steady_clock::now();
    ++pauses_unlogged_;
    if (now - pause_logged_ < std::chrono::seconds(1)) return;
    pause_logged_ = now;
    const std::uint64_t times = std::exchange(pauses_unlogged_, 0);
    core().log().add(log_level::warning, [=] {
        return "worker thread blocked by full ringbuffer on heap " + std::to_string(cnt) +
               (times > 1 ? " (" + std::to_string(times) + " times since the last message)" : "");
    });
}

}  // namespace spead2::recv
