// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/stream.h>

#include <string>
#include <system_error>
#include <utility>

#include "send/driver/stream_core.h"

namespace spead2::send {

using detail::stream_core;

namespace {

/// A group that calls a function.
class callback_group final : public heap_group {
public:
    explicit callback_group(stream::completion done) : done_(std::move(done)) {}

private:
    void complete() noexcept override {
        const std::unique_ptr<callback_group> self(this);
        if (done_) done_(error(), bytes_sent());
    }
    stream::completion done_;
};

/// Nobody wants to know that it is complete.
class silent_group final : public heap_group {
private:
    void complete() noexcept override { const std::unique_ptr<silent_group> self(this); }
};

void check_any(std::size_t heaps) {
    if (heaps == 0)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "the list of heaps is empty");
}

void add_all(heap_group& group, std::span<const heap_reference> heaps, group_mode mode,
             std::size_t turn_packets, std::size_t max_packet_size) {
    check_any(heaps.size());
    detail::group_state& state = detail::group_state::of(group);
    state.reserve(heaps.size());
    state.mode = mode;
    state.turn_packets = turn_packets;
    for (const heap_reference& reference : heaps)
        state.add(heap_reference(reference), max_packet_size);
}

/// What went wrong with a group, and where.
std::string explain(stream_core& core, const heap_group& group) {
    const std::size_t substream = group.failed_substream();
    if (substream < core.num_substreams()) return core.carrier().explain(group.error(), substream);
    return group.error().message() + " (sending to " + core.carrier().describe() + ")";
}

/// An error whose text is just that.
class sending_error final : public std::system_error {
public:
    sending_error(const std::error_code& code, std::string text)
        : std::system_error(code), text_(std::move(text)) {}
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
    std::string text_;
};

std::uint64_t send_and_wait(stream_core& core, std::unique_ptr<blocking_group> group) {
    core.wait(group, {});
    if (group->error())
        throw sending_error(group->error(), "sending failed: " + explain(core, *group));
    return group->bytes_sent();
}

void end(std::shared_ptr<stream_core> core) {
    if (core->is_forked())  // others may have its locks, for ever
        static_cast<void>(
            std::make_unique<std::shared_ptr<stream_core>>(std::move(core)).release());
    else
        core->close();
}

}  // namespace

stream::stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
               std::unique_ptr<transport> carrier)
    : core_(std::make_shared<stream_core>(std::move(pool), config, std::move(carrier))) {}

stream::stream(stream&&) noexcept = default;

stream& stream::operator=(stream&& other) noexcept {
    if (core_ && core_ != other.core_) end(std::move(core_));
    core_ = std::move(other.core_);
    return *this;
}

stream::~stream() {
    if (core_) end(std::move(core_));
}

std::uint64_t stream::send_heap(const heap& h, std::int64_t cnt, std::size_t substream_index,
                                double rate) {
    auto group = std::make_unique<blocking_group>();
    detail::group_state::of(*group).add({h.contents(), cnt, substream_index, rate},
                                        core_->max_packet_size());
    return send_and_wait(*core_, std::move(group));
}

std::uint64_t stream::send_heaps(std::span<const heap_reference> heaps, group_mode mode,
                                 std::size_t turn_packets) {
    auto group = std::make_unique<blocking_group>();
    add_all(*group, heaps, mode, turn_packets, core_->max_packet_size());
    return send_and_wait(*core_, std::move(group));
}

std::uint64_t stream::send_heaps(heap_list& heaps, group_mode mode, std::size_t turn_packets) {
    check_any(heaps.size());
    auto group = std::make_unique<blocking_group>();
    group->set_mode(mode);
    group->set_turn_packets(turn_packets);
    group->add_kept(heaps, core_->max_packet_size());
    return send_and_wait(*core_, std::move(group));
}

void stream::async_send_heap(const heap& h, completion done, std::int64_t cnt,
                             std::size_t substream_index, double rate) {
    const heap_reference reference{h.contents(), cnt, substream_index, rate};
    async_send_heaps({&reference, 1}, group_mode::serial, std::move(done));
}

void stream::async_send_heaps(std::span<const heap_reference> heaps, group_mode mode,
                              completion done, std::size_t turn_packets) {
    std::unique_ptr<heap_group> group = std::make_unique<callback_group>(std::move(done));
    add_all(*group, heaps, mode, turn_packets, core_->max_packet_size());
    core_->submit(group, drive::worker);
}

void stream::submit(std::unique_ptr<heap_group>& group, drive how) { core_->submit(group, how); }

bool stream::gather(std::unique_ptr<heap_group>& group) { return core_->gather(group); }

bool stream::gathered() const noexcept { return core_->gathered(); }

void stream::kick(drive how) { core_->kick(how); }

void stream::call_in_turn(std::function<void()> what) {
    std::unique_ptr<heap_group> group = std::make_unique<silent_group>();
    detail::group_state::of(*group).heaps.emplace<detail::call_in_turn>(std::move(what));
    core_->submit(group, drive::caller);
}

bool stream::flush(const interrupt_check& interrupted) { return core_->flush(interrupted); }

bool stream::wait(std::unique_ptr<blocking_group>& group, const interrupt_check& interrupted) {
    return core_->wait(group, interrupted);
}

void stream::set_cnt_sequence(std::uint64_t next, std::uint64_t step) {
    core_->set_cnt_sequence(next, step);
}

void stream::set_rate(double bytes_per_second) { core_->set_rate(bytes_per_second); }

std::size_t stream::num_substreams() const noexcept { return core_->num_substreams(); }

std::size_t stream::max_packet_size() const noexcept { return core_->max_packet_size(); }

stream_config stream::config() const { return core_->config(); }

std::string stream::describe() const { return core_->carrier().describe(); }

std::string stream::explain(const heap_group& group) const { return send::explain(*core_, group); }

bool stream::is_forked() const noexcept { return core_->is_forked(); }

repeated_message& stream::refusals() noexcept { return core_->refusals(); }

transport& stream::carrier() noexcept { return core_->carrier(); }

}  // namespace spead2::send
