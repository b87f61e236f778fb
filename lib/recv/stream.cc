// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/stream.h>

#include <utility>

#include "core/stream_core.h"

namespace spead2::recv {

stream::stream(std::shared_ptr<thread_pool> pool, const stream_config& config)
    : core_(stream_core::make(*this, std::move(pool), config)) {}

stream::~stream() {
    if (core_->is_left())
        leave_to_parent(std::move(core_));
    else
        core_->close();
}

void stream::add_reader(std::unique_ptr<reader> from) { core_->add_reader(std::move(from)); }
void stream::start() { core_->start(); }
void stream::stop() { core_->stop(); }
stream_stats stream::stats() const { return core_->stats(); }
const stream_config& stream::config() const noexcept { return core_->config(); }
bool stream::stopped() const noexcept { return core_->stopped(); }
std::string stream::stop_reason() const { return core_->stop_reason(); }
void stream::resume() noexcept { core_->resume(false); }
void stream::resume_here() noexcept { core_->resume_here(); }

}  // namespace spead2::recv
