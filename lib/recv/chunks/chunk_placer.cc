// SPDX-License-Identifier: Apache-2.0
#include "chunk_placer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include <spead2/wire/protocol.h>

#include "../core/stream_core.h"
#include "wire/packet_decoding.h"

namespace spead2::recv {
namespace {

/// Packets with more item pointers than this are read one pointer at a time.
constexpr std::size_t most_in_form = 64;

/// Readers of a stream that can have been told to wait; one more is asked again.
constexpr std::size_t most_kept = 64;

constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

/// Whether [at, at + size) lies within \a limit.
bool lies_within(std::size_t at, std::size_t size, std::size_t limit) noexcept {
    return at <= limit && size <= limit - at;
}

std::uint64_t raw_pointer(const packet_view& p, std::size_t i) noexcept {
    std::uint64_t raw;
    std::memcpy(&raw, p.bytes + header_size + i * item_pointer_size, sizeof raw);
    return raw;
}

std::uint64_t value_mask(const packet_view& p) noexcept {
    return (std::uint64_t{1} << p.heap_address_bits) - 1;
}

}  // namespace

/// Stays with the stream's worker: gives up chunks when woken, and leaves when the worker ends.
class chunk_placer::lookout final : public pool_task {
public:
    lookout(std::weak_ptr<stream_core> core, std::weak_ptr<chunk_placer> placer)
        : core_(std::move(core)), placer_(std::move(placer)) {}

    [[nodiscard]] task_wait run() noexcept override {
        bool stays = false;
        look([&stays](chunk_placer& placer) {
            placer.give_up();
            stays = !placer.left_;
        });
        if (!stays) return {};
        return {.what = task_wait::kind::until,
                .time = std::chrono::steady_clock::now() + std::chrono::hours(1),
                .fd = -1};
    }
    void stopped() noexcept override {
        look([](chunk_placer& placer) { placer.leave(); });
    }

private:
    template <typename Action>
    void look(Action&& action) noexcept {
        const auto core = core_.lock();
        const auto placer = placer_.lock();
        if (core && placer) core->exclusively([&] { action(*placer); });
    }

    const std::weak_ptr<stream_core> core_;
    const std::weak_ptr<chunk_placer> placer_;
};

chunk_placer::chunk_placer(const chunk_stream_config& config, std::uint64_t stream_id,
                           std::size_t too_old_index, std::shared_ptr<shared_window> window)
    : config_(config),
      place_(config.rule() ? config.rule()->make(config.items().size()) : config.place()),
      stream_id_(stream_id),
      too_old_(too_old_index),
      rejected_(too_old_index + 1),
      window_(std::move(window)),
      chunks_(config.max_chunks()),
      items_(config.items().size()),
      extra_(config.max_heap_extra()),
      wants_control_(std::any_of(config.items().begin(), config.items().end(),
                                 [](std::uint64_t id) { return id <= payload_length_id; })),
      item_at_(config.items().size()) {}

void chunk_placer::join(const std::shared_ptr<stream_core>& core, bool others) {
    core_ = core.get();
    weak_core_ = core;
    worker_ = core->worker();
    if (others) lookout_ = std::make_shared<lookout>(core, weak_from_this());
    window_->add(shared_from_this(), worker_);
    core->set_placer(*this);
    if (lookout_ == nullptr || worker_->wake(lookout_)) return;
    core->exclusively([this] { leave(); });  // its worker has ended already
}

// ---- Heaps

/// Have form_ be that of a packet. \return false if it has too many pointers
bool chunk_placer::remember_form(const packet_view& p) {
    if (p.n_pointers > most_in_form) return false;
    form_.resize(p.n_pointers);
    std::fill(item_at_.begin(), item_at_.end(), nowhere);
    id_mask_ = wire::to_big_endian(~value_mask(p));
    form_first_ = p.first_item;
    for (std::uint32_t i = 0; i < p.n_pointers; ++i) {
        form_[i] = raw_pointer(p, i);
        const std::uint64_t pointer = wire::to_big_endian(form_[i]);
        if (pointer >> 63 == 0) continue;
        const std::uint64_t id = (pointer & ~(std::uint64_t{1} << 63)) >> p.heap_address_bits;
        for (std::size_t k = 0; k < items_.size(); ++k)
            if (config_.items()[k] == id) item_at_[k] = i;
    }
    return true;
}

/// Have items_ be those of a packet.
void chunk_placer::read_items(const packet_view& p) {
    const std::uint64_t values = value_mask(p);
    const std::uint64_t ids = wire::to_big_endian(~values);
    bool same = form_.size() == p.n_pointers && ids == id_mask_ && form_first_ == p.first_item;
    for (std::uint32_t i = wants_control_ ? 0 : p.first_item; same && i < p.n_pointers; ++i)
        same = ((raw_pointer(p, i) ^ form_[i]) & ids) == 0;
    if (same || remember_form(p)) {
        for (std::size_t k = 0; k < items_.size(); ++k)
            items_[k] = item_at_[k] == nowhere
                            ? -1
                            : static_cast<std::int64_t>(
                                  wire::to_big_endian(raw_pointer(p, item_at_[k])) & values);
        return;
    }
    std::fill(items_.begin(), items_.end(), -1);
    for (std::uint32_t i = 0; i < p.n_pointers; ++i) {
        const std::uint64_t pointer = wire::to_big_endian(raw_pointer(p, i));
        if (pointer >> 63 == 0) continue;
        const std::uint64_t id = (pointer & ~(std::uint64_t{1} << 63)) >> p.heap_address_bits;
        for (std::size_t k = 0; k < items_.size(); ++k)
            if (config_.items()[k] == id) items_[k] = static_cast<std::int64_t>(pointer & values);
    }
}

/// \return false if the place function threw
bool chunk_placer::ask(const packet_view& p, chunk_place_data& answer) {
    read_items(p);
    answer = {p.bytes, p.size(), items_.data(),        -1,
              0,       0,        core_->batch_stats(), extra_.empty() ? nullptr : extra_.data(),
              0,       0};
    try {
        place_(&answer, sizeof answer);
        return true;
    } catch (const std::exception& e) {
        core_->log().add(log_level::warning, [&e] {
            return std::string("heap rejected because place threw: ") + e.what();
        });
        return false;
    }
}

/// What was answered before, for a heap that had to wait. \return false if it had not
bool chunk_placer::recall(std::uint64_t cnt, chunk_place_data& answer) {
    const auto found = std::find_if(kept_.begin(), kept_.end(),
                                    [cnt](const kept_answer& kept) { return kept.cnt == cnt; });
    if (found == kept_.end()) return false;
    answer = found->answer;
    std::copy(found->extra.begin(), found->extra.end(), extra_.begin());
    kept_.erase(found);
    return true;
}

void chunk_placer::keep(std::uint64_t cnt, const chunk_place_data& answer) {
    if (kept_.size() == most_kept) kept_.erase(kept_.begin());
    kept_.push_back({cnt, answer, extra_});
}

placement chunk_placer::place(const packet_view& p) noexcept {
    placement where;
    where.verdict = placement::kind::reject;
    if (p.heap_length == 0) return where;  // there is nothing to place
    try {
        chunk_place_data answer;
        if ((kept_.empty() || !recall(p.heap_cnt, answer)) && !ask(p, answer)) {
            ++core_->batch_stats()[rejected_];
            return where;
        }
        if (answer.chunk_id < 0) {
            ++core_->batch_stats()[rejected_];
            return where;
        }
        if (answer.chunk_id >= end_) {
            const auto n = static_cast<std::int64_t>(chunks_.size());
            copies().finish();
            oldest_ = std::max(oldest_, answer.chunk_id - n + 1);
            switch (window_->move(*this, oldest_, answer.chunk_id, stream_id_, chunks_)) {
                case shared_window::outcome::ready:
                    end_ = answer.chunk_id + 1;
                    break;
                case shared_window::outcome::too_old:
                    break;
                case shared_window::outcome::later:
                    keep(p.heap_cnt, answer);
                    where.verdict = placement::kind::later;
                    return where;
            }
        }
        if (answer.chunk_id < oldest_) {
            ++core_->batch_stats()[too_old_];
            return where;
        }
        accept(p, answer, where);
    } catch (const std::exception&) {
        // No memory: the heap is lost.
    }
    return where;
}

/// The heap's chunk is there: see whether the answer fits.
inline void chunk_placer::accept(const packet_view& p, const chunk_place_data& answer,
                                 placement& where) {
    chunk* const c = chunks_[static_cast<std::size_t>(answer.chunk_id) % chunks_.size()];
    if (c == nullptr) return;  // the free ring is stopped
    const auto size = static_cast<std::size_t>(p.heap_length);
    if (!lies_within(answer.heap_offset, size, c->data.size()))
        return reject("heap_offset", answer.heap_offset, c->data.size());
    const std::size_t unit = config_.packet_presence_payload_size();
    const std::size_t flags = unit == 0 ? 1 : size / unit + (size % unit != 0);
    if (!lies_within(answer.heap_index, flags, c->present.size()))
        return reject("heap_index", answer.heap_index, c->present.size());
    if (answer.extra_size != 0) {
        if (answer.extra_size > extra_.size())
            return reject("extra_size", answer.extra_size, extra_.size());
        if (!lies_within(answer.extra_offset, answer.extra_size, c->extra.size()))
            return reject("extra_offset", answer.extra_offset, c->extra.size());
        std::memcpy(c->extra.data() + answer.extra_offset, extra_.data(), answer.extra_size);
    }
    where.verdict = placement::kind::accept;
    where.base = c->data.data() + answer.heap_offset;
    where.capacity = size;
    where.flags = c->present.data() + answer.heap_index;
    where.chunk_id = answer.chunk_id;
    where.unit = unit;
}

void chunk_placer::reject(const char* what, std::uint64_t value, std::uint64_t limit) {
    ++core_->batch_stats()[rejected_];
    core_->log().add(log_level::warning, [&] {
        return std::string("heap rejected because place gave ") + what + " " +
               std::to_string(value) + ", but its chunk has room for " + std::to_string(limit);
    });
}

void chunk_placer::heap_placed(placement& where) noexcept {
    if (!wants(where))
        ++core_->batch_stats()[too_old_];
    else if (where.unit == 0)
        *where.flags = 1;
}

// ---- The window

void chunk_placer::try_again() noexcept {
    if (const auto core = weak_core_.lock()) core->resume_later();
}

void chunk_placer::move_on() noexcept {
    // If the worker has ended, the look-out is told that, and leaves.
    if (lookout_ != nullptr) static_cast<void>(worker_->wake(lookout_));
}

void chunk_placer::give_up() noexcept {
    copies().finish();
    if (!left_) oldest_ = std::max(oldest_, window_->give_up(*this));
}

void chunk_placer::leave() noexcept {
    if (std::exchange(left_, true)) return;
    copies().finish();
    oldest_ = end_ = std::numeric_limits<std::int64_t>::max();
    window_->leave(*this);
    if (lookout_ != nullptr) static_cast<void>(worker_->wake(lookout_));  // to be forgotten
}

}  // namespace spead2::recv
