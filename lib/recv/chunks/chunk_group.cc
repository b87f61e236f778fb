// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/chunk_group.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "../core/stream_core.h"
#include "chunk_placer.h"
#include "chunk_stats.h"

namespace spead2::recv {

chunk_group_member::chunk_group_member(chunk_ring_group& group, std::shared_ptr<thread_pool> pool,
                                       const stream_config& config,
                                       const chunk_stream_config& chunk_config)
    : stream(std::move(pool), with_chunk_stats(config, chunk_config)),
      group_(group),
      placer_(std::make_shared<chunk_placer>(chunk_config, config.stream_id(),
                                             config.next_stat_index(), group.window_)) {
    placer_->join(core().shared_from_this(), true);
}

chunk_group_member::~chunk_group_member() {
    stream::stop();
    if (core().is_left()) leave_to_parent(std::move(placer_));
}

void chunk_group_member::stop() { group_.stop(); }

void chunk_group_member::heaps_stopped() noexcept { placer_->leave(); }

const chunk_stream_config& chunk_group_member::chunk_config() const noexcept {
    return placer_->config();
}

chunk_ring_group::chunk_ring_group(const chunk_group_config& config,
                                   std::shared_ptr<chunk_ring> data,
                                   std::shared_ptr<chunk_ring> free)
    : chunk_ring_pair(std::move(data), std::move(free)),
      config_(config),
      window_(std::make_shared<shared_window>(config, data_ring(), free_ring())) {}

chunk_ring_group::~chunk_ring_group() {
    stop();
    if (is_left()) leave_to_parent(std::move(window_));
}

chunk_group_member& chunk_ring_group::emplace_back(std::shared_ptr<thread_pool> pool,
                                                   const stream_config& config,
                                                   const chunk_stream_config& chunk_config) {
    if (chunk_config.max_chunks() > config_.max_chunks())
        throw std::invalid_argument("stream max_chunks must not be larger than group max_chunks");
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory) its constructor is the group's only
    std::unique_ptr<chunk_group_member> made(
        new chunk_group_member(*this, std::move(pool), config, chunk_config));
    const std::lock_guard hold(mutex_);
    return *members_.emplace_back(std::move(made));
}

std::size_t chunk_ring_group::size() const {
    const std::lock_guard hold(mutex_);
    return members_.size();
}

chunk_group_member& chunk_ring_group::at(std::size_t i) const {
    const std::lock_guard hold(mutex_);
    return *members_.at(i);
}

void chunk_ring_group::stop() {
    if (is_left()) return;
    std::vector<chunk_group_member*> all;
    {
        const std::lock_guard hold(mutex_);
        for (const auto& member : members_) all.push_back(member.get());
    }
    for (chunk_group_member* const member : all) member->core().want_stop();
    data_ring()->stop();
    free_ring()->stop();
    // Within a place function the caller has a stream's lock, and must not wait for another's.
    const bool inside = std::any_of(
        all.begin(), all.end(), [](const auto* member) { return member->core().held_by_caller(); });
    for (chunk_group_member* const member : all) {
        if (inside)
            member->core().stop_later();
        else
            member->stream::stop();
    }
    window_->go_on();  // what a full ring held up is dropped
}

}  // namespace spead2::recv
