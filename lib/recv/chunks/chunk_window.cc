// SPDX-License-Identifier: Apache-2.0
#include "chunk_window.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <spead2/base/errors.h>
#include <spead2/base/log.h>
#include <spead2/wire/protocol.h>

#include "../core/stream_core.h"
#include "wire/packet_decoding.h"

namespace spead2::recv {
namespace {

/// Whether [at, at + size) lies within \a limit.
bool lies_within(std::size_t at, std::size_t size, std::size_t limit) noexcept {
    return at <= limit && size <= limit - at;
}

}  // namespace

/// Resumes the stream.
class chunk_window::resumer final : public waiter {
public:
    explicit resumer(std::weak_ptr<stream_core> core) : core_(std::move(core)) {}
    void ready() noexcept override {
        if (const auto core = core_.lock()) core->resume_later();
    }

private:
    const std::weak_ptr<stream_core> core_;
};

/// Has a worker go on with flushing.
class chunk_window::flusher final : public waiter {
public:
    explicit flusher(std::weak_ptr<chunk_window> window) : window_(std::move(window)) {}
    void ready() noexcept override {
        const auto window = window_.lock();
        if (!window) return;
        try {
            static_cast<void>(window->worker_->wake(window));
        } catch (const std::exception&) {
            // no memory: what is left is dropped with the stream
        }
    }

private:
    const std::weak_ptr<chunk_window> window_;
};

chunk_window::chunk_window(const chunk_stream_config& config, std::uint64_t stream_id,
                           std::size_t too_old_index, std::shared_ptr<thread_pool> pool,
                           std::shared_ptr<chunk_ring> data, std::shared_ptr<chunk_ring> free)
    : config_(config),
      stream_id_(stream_id),
      too_old_(too_old_index),
      rejected_(too_old_index + 1),
      worker_(pool->next_worker()),
      data_(std::move(data)),
      free_(std::move(free)),
      chunks_(config.max_chunks()),
      items_(config.items().size()),
      extra_(config.max_heap_extra()) {
    data_->add_producer();
}

void chunk_window::set_core(const std::shared_ptr<stream_core>& core) {
    core_ = core.get();
    resumer_ = std::make_shared<resumer>(core);
    flusher_ = std::make_shared<flusher>(weak_from_this());
}

// ---- Heaps

placement chunk_window::reject(const char* what, std::uint64_t value, std::uint64_t limit) {
    ++core_->batch_stats()[rejected_];
    core_->log().add(log_level::warning, [&] {
        return std::string("heap rejected because place gave ") + what + " " +
               std::to_string(value) + ", but its chunk has room for " + std::to_string(limit);
    });
    placement where;
    where.verdict = placement::kind::reject;
    return where;
}

placement chunk_window::place(const packet_view& p) noexcept {
    const std::lock_guard hold(mutex_);
    placement where;
    where.verdict = placement::kind::reject;
    if (!waiting_ || waiting_cnt_ != p.heap_cnt) {
        std::fill(items_.begin(), items_.end(), -1);
        for (std::uint32_t i = 0; i < p.n_pointers; ++i) {
            const std::uint64_t pointer =
                wire::get_u64(p.bytes + header_size + i * item_pointer_size);
            if (pointer >> 63 == 0) continue;
            const std::uint64_t id = (pointer & ~(std::uint64_t{1} << 63)) >> p.heap_address_bits;
            for (std::size_t k = 0; k < items_.size(); ++k)
                if (config_.items()[k] == id)
                    items_[k] = static_cast<std::int64_t>(
                        pointer & ((std::uint64_t{1} << p.heap_address_bits) - 1));
        }
        answer_ = {
            p.bytes, p.size(), items_.data(),        -1,
            0,       0,        core_->batch_stats(), extra_.empty() ? nullptr : extra_.data(),
            0,       0};
        config_.place()(&answer_, sizeof answer_);
    }
    waiting_ = false;
    if (answer_.chunk_id < 0) {
        ++core_->batch_stats()[rejected_];
        return where;
    }
    if (answer_.chunk_id < first_) {
        ++core_->batch_stats()[too_old_];
        return where;
    }
    try {
        if (!move_to(answer_.chunk_id)) {
            waiting_ = true;
            waiting_cnt_ = p.heap_cnt;
            where.verdict = placement::kind::later;
            return where;
        }
        chunk* const c = slot(answer_.chunk_id).get();
        if (c == nullptr) return where;  // the free ring is stopped
        const auto size = static_cast<std::size_t>(p.heap_length);
        if (!lies_within(answer_.heap_offset, size, c->data.size()))
            return reject("heap_offset", answer_.heap_offset, c->data.size());
        const std::size_t unit = config_.packet_presence_payload_size();
        const std::size_t flags = unit == 0 ? 1 : size / unit + (size % unit != 0);
        if (!lies_within(answer_.heap_index, flags, c->present.size()))
            return reject("heap_index", answer_.heap_index, c->present.size());
        if (answer_.extra_size != 0) {
            if (answer_.extra_size > extra_.size())
                return reject("extra_size", answer_.extra_size, extra_.size());
            if (!lies_within(answer_.extra_offset, answer_.extra_size, c->extra.size()))
                return reject("extra_offset", answer_.extra_offset, c->extra.size());
            std::memcpy(c->extra.data() + answer_.extra_offset, extra_.data(), answer_.extra_size);
        }
        where.verdict = placement::kind::accept;
        where.base = c->data.data() + answer_.heap_offset;
        where.capacity = size;
        where.chunk_id = answer_.chunk_id;
        where.index = answer_.heap_index;
    } catch (const std::exception&) {
        // no memory: the heap is lost
    }
    return where;
}

bool chunk_window::packet_placed(placement& where, const packet_view& p) noexcept {
    const std::lock_guard hold(mutex_);
    if (where.chunk_id < first_) {
        ++core_->batch_stats()[too_old_];
        return false;
    }
    const std::size_t unit = config_.packet_presence_payload_size();
    if (unit != 0 && p.payload_length != 0)
        slot(where.chunk_id)->present[where.index + p.payload_offset / unit] = 1;
    return true;
}

void chunk_window::heap_placed(placement& where) noexcept {
    const std::lock_guard hold(mutex_);
    if (where.chunk_id >= first_ && config_.packet_presence_payload_size() == 0)
        slot(where.chunk_id)->present[where.index] = 1;
}

// ---- Chunks

/// Have chunk \a id in the window. \return false if a ring has to be waited for
bool chunk_window::move_to(std::int64_t id) {
    if (id < end_) return true;
    const auto n = static_cast<std::int64_t>(chunks_.size());
    const std::int64_t first = std::max<std::int64_t>(first_, id - n + 1);
    while (first_ < std::min(first, end_))
        if (!push_oldest()) return false;
    if (end_ < first) first_ = end_ = first;  // those between would never be in the window
    while (end_ <= id)
        if (!fetch_next()) return false;
    return true;
}

bool chunk_window::push_oldest() {
    std::unique_ptr<chunk>& oldest = slot(first_);
    if (oldest) {
        try {
            while (!data_->try_push(oldest))
                if (data_->wait_space(flushing_ ? std::weak_ptr<waiter>(flusher_)
                                                : std::weak_ptr<waiter>(resumer_)))
                    return false;
        } catch (const stopped_error&) {
            log_dropped(first_);
            oldest.reset();
        }
    }
    ++first_;
    return true;
}

bool chunk_window::fetch_next() {
    std::unique_ptr<chunk>& next = slot(end_);
    try {
        for (;;) {
            if (std::optional<std::unique_ptr<chunk>> got = free_->try_pop()) {
                next = *std::move(got);
                break;
            }
            if (free_->wait_data(resumer_)) return false;
        }
        next->chunk_id = end_;
        next->stream_id = stream_id_;
    } catch (const stopped_error&) {
        next.reset();
    }
    ++end_;
    return true;
}

void chunk_window::log_dropped(std::int64_t id) {
    log_message(log_level::info, "dropped chunk " + std::to_string(id) + " due to external stop");
}

// ---- The end

void chunk_window::flush() noexcept {
    const std::lock_guard hold(mutex_);
    flushing_ = true;
    if (done_) return;
    try {
        while (first_ < end_)
            if (!push_oldest()) return;
    } catch (const std::exception&) {
        return;  // no memory: what is left is dropped with the stream
    }
    done_ = true;
    data_->remove_producer();
}

task_wait chunk_window::run() noexcept {
    flush();
    return {};
}

void chunk_window::drop() noexcept {
    const std::lock_guard hold(mutex_);
    if (std::exchange(done_, true)) return;
    for (; first_ < end_; ++first_) {
        if (!slot(first_)) continue;
        try {
            log_dropped(first_);
        } catch (const std::exception&) {
            // no memory for the text
        }
        slot(first_).reset();
    }
    data_->remove_producer();
}

}  // namespace spead2::recv
