// SPDX-License-Identifier: GPL-3.0-or-later
// Where a sink's heaps are to go instead, from when somebody says so until the next heap is made. Then
// the stream hears of it, in whose queue it takes its turn: heaps go whole, to one place or the other.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <spead2/net/endpoint.h>
#include <spead2/send/stream.h>

namespace gr::spead2 {

class new_destinations {
public:
    /// From any thread. \throw std::invalid_argument  the stream has no UDP socket, or its packets cannot
    /// go there; spead2::resolve_error
    void ask(engine::send::stream& stream, const std::string& host, int port,
             std::size_t substream);

    /// From the block's, when every heap that was made is queued: calls \a f with each substream that
    /// goes elsewhere now.
    template <typename F>
    void follow(engine::send::stream& stream, const F& f) {
        if (!asked_.load(std::memory_order_relaxed)) return;
        for (const auto& [substream, to] : take()) {
            redirect(stream, substream, to);
            f(substream);
        }
    }

private:
    using list = std::map<std::size_t, engine::endpoint>;
    [[nodiscard]] list take();
    static void redirect(engine::send::stream& stream, std::size_t substream,
                         const engine::endpoint& to);

    std::atomic<bool> asked_{false};
    std::mutex mutex_;
    list list_;
};

}  // namespace gr::spead2
