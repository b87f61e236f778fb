// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/chunk_stream.h>

#include <stdexcept>
#include <utility>

#include "../core/stream_core.h"
#include "chunk_placer.h"
#include "chunk_stats.h"

namespace spead2::recv {

stream_config with_chunk_stats(const stream_config& config, const chunk_stream_config& chunks) {
    if (!chunks.place() && !chunks.rule())
        throw std::invalid_argument("chunk_config.place is not set");
    stream_config extended = config;
    extended.add_stat("too_old_heaps");
    extended.add_stat("rejected_heaps");
    return extended;
}

chunk_ring_stream::chunk_ring_stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
                                     const chunk_stream_config& chunk_config,
                                     std::shared_ptr<chunk_ring> data,
                                     std::shared_ptr<chunk_ring> free)
    : stream(std::move(pool), with_chunk_stats(config, chunk_config)),
      chunk_ring_pair(std::move(data), std::move(free)),
      window_(std::make_shared<shared_window>(
          chunk_group_config().set_max_chunks(chunk_config.max_chunks()), data_ring(),
          free_ring())),
      placer_(std::make_shared<chunk_placer>(chunk_config, config.stream_id(),
                                             config.next_stat_index(), window_)) {
    placer_->join(core().shared_from_this(), false);
}

chunk_ring_stream::~chunk_ring_stream() {
    chunk_ring_stream::stop();
    if (!core().is_left()) return;
    leave_to_parent(std::move(placer_));
    leave_to_parent(std::move(window_));
}

void chunk_ring_stream::stop() {
    if (core().is_left()) return;
    core().want_stop();
    data_ring()->stop();
    free_ring()->stop();
    stream::stop();
    window_->go_on();  // what a full ring held up is dropped
}

void chunk_ring_stream::heaps_stopped() noexcept { placer_->leave(); }

const chunk_stream_config& chunk_ring_stream::chunk_config() const noexcept {
    return placer_->config();
}

}  // namespace spead2::recv
