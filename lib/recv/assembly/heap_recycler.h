// SPDX-License-Identifier: Apache-2.0
// Heaps that their users are done with are used again for the next ones, with what they hold: a small
// heap then needs no memory from the system.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include <spead2/recv/heap.h>

namespace spead2::recv {

/// take() is for the stream; heaps come back from any thread.
class heap_recycler : public std::enable_shared_from_this<heap_recycler> {
public:
    /// Payload up to this stays with a heap that is to be used again.
    static constexpr std::size_t max_payload = std::size_t{64} << 10;

    heap_recycler() = default;
    heap_recycler(const heap_recycler&) = delete;
    heap_recycler& operator=(const heap_recycler&) = delete;
    ~heap_recycler() {
        delete_all(mine_);
        delete_all(returned_.load(std::memory_order_acquire));
    }

    /// A heap without items, maybe with memory.
    [[nodiscard]] heap_ptr take() {
        if (mine_ == nullptr) {
            mine_ = returned_.exchange(nullptr, std::memory_order_acquire);
            n_returned_.store(0, std::memory_order_relaxed);
        }
        std::unique_ptr<heap> h;
        if (mine_ != nullptr) {
            h.reset(std::exchange(mine_, mine_->next_));
        } else {
            h = std::make_unique<heap>();
        }
        return {h.release(), give_back{shared_from_this()}};
    }

private:
    /// Heaps that wait to be used again, at most; about, since counting is not exact.
    static constexpr std::size_t max_kept = 256;

    struct give_back {
        std::shared_ptr<heap_recycler> to;
        void operator()(heap* h) const noexcept { to->put(std::unique_ptr<heap>(h)); }
    };

    void put(std::unique_ptr<heap> h) noexcept {
        if (n_returned_.load(std::memory_order_relaxed) >= max_kept) return;
        h->recycle(max_payload);
        n_returned_.fetch_add(1, std::memory_order_relaxed);
        heap* const given = h.release();
        given->next_ = returned_.load(std::memory_order_relaxed);
        while (!returned_.compare_exchange_weak(given->next_, given, std::memory_order_release,
                                                std::memory_order_relaxed)) {
        }
    }

    static void delete_all(heap* first) noexcept {
        while (first != nullptr) {
            const std::unique_ptr<heap> h(first);
            first = h->next_;
        }
    }

    heap* mine_ = nullptr;  ///< the stream's
    std::atomic<heap*> returned_{nullptr};
    std::atomic<std::size_t> n_returned_{0};
};

}  // namespace spead2::recv
