// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/chunk_stream.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <spead2/base/errors.h>

#include "../core/stream_core.h"
#include "chunk_window.h"

namespace spead2::recv {
namespace {

stream_config with_chunk_stats(const stream_config& config, const chunk_stream_config& chunks) {
    if (!chunks.place()) throw std::invalid_argument("chunk_config.place is not set");
    stream_config extended = config;
    extended.add_stat("too_old_heaps");
    extended.add_stat("rejected_heaps");
    return extended;
}

}  // namespace

chunk_ring_stream::chunk_ring_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                                     const chunk_stream_config& chunk_config,
                                     std::shared_ptr<chunk_ring> data,
                                     std::shared_ptr<chunk_ring> free)
    : stream(pool, with_chunk_stats(config, chunk_config)) {
    if (!data || !free) throw std::invalid_argument("a chunk stream needs two rings, not null");
    window_ =
        std::make_shared<chunk_window>(chunk_config, config.stream_id(), config.next_stat_index(),
                                       std::move(pool), std::move(data), std::move(free));
    window_->set_core(core().shared_from_this());
    core().set_placer(*window_);
}

chunk_ring_stream::~chunk_ring_stream() {
    chunk_ring_stream::stop();
    if (core().is_left()) leave_to_parent(std::move(window_));
}

bool chunk_ring_stream::add_free_chunk(std::unique_ptr<chunk>& c) {
    if (!c) throw std::invalid_argument("a chunk is needed, not null");
    core().check_process();
    std::fill(c->present.begin(), c->present.end(), std::uint8_t{0});
    try {
        return window_->free_ring()->try_push(c);
    } catch (const stopped_error&) {
        c.reset();
        return true;
    }
}

void chunk_ring_stream::stop() {
    if (core().is_left()) return;
    core().want_stop();
    window_->data_ring()->stop();
    window_->free_ring()->stop();
    stream::stop();
    window_->drop();
}

void chunk_ring_stream::heaps_stopped() noexcept { window_->flush(); }

const std::shared_ptr<chunk_ring>& chunk_ring_stream::data_ring() const noexcept {
    return window_->data_ring();
}
const std::shared_ptr<chunk_ring>& chunk_ring_stream::free_ring() const noexcept {
    return window_->free_ring();
}
const chunk_stream_config& chunk_ring_stream::chunk_config() const noexcept {
    return window_->config();
}

}  // namespace spead2::recv
