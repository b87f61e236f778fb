// SPDX-License-Identifier: Apache-2.0
#include "group.h"

#include <stdexcept>
#include <string>
#include <system_error>

#include "next_batch.h"

namespace spead2::send::detail {
namespace {

[[nodiscard]] std::system_error out_of_range(const std::string& what) {
    return {std::make_error_code(std::errc::invalid_argument), what};
}

void check_substream(std::size_t substream, std::size_t num_substreams) {
    if (substream >= num_substreams)
        throw out_of_range("substream_index " + std::to_string(substream) +
                           " is out of range: the stream has " + std::to_string(num_substreams) +
                           " substreams");
}

void check_cnt(std::int64_t cnt, const flavour& f) {
    if (cnt >= 0 && static_cast<std::uint64_t>(cnt) > f.max_address())
        throw out_of_range("cnt " + std::to_string(cnt) + " is above " +
                           std::to_string(f.max_address()) + ", the largest for " + f.to_string());
}

}  // namespace

std::size_t group_state::size() const noexcept {
    return std::visit([](const auto& shape) { return shape.size(); }, heaps);
}

std::size_t group_state::capacity() const noexcept {
    const plain_heaps* const plain = std::get_if<plain_heaps>(&heaps);
    return std::max(size(), plain != nullptr ? plain->capacity() : 0);
}

void group_state::reserve(std::size_t heaps_wanted) {
    if (auto* const plain = std::get_if<plain_heaps>(&heaps))
        plain->reserve(heaps_wanted);
    else if (auto* const general = std::get_if<general_heaps>(&heaps))
        general->reserve(heaps_wanted);
}

void group_state::add_other(const plain_heaps::entry& heap, std::int64_t cnt, double rate,
                            std::size_t max_packet_size) {
    if (std::holds_alternative<premade_heaps>(heaps)) make_plain();
    if (const auto* const plain = std::get_if<plain_heaps>(&heaps)) {
        general_heaps general(plain->entries(), plain->capacity());
        heaps.emplace<general_heaps>(std::move(general));
    }
    std::get<general_heaps>(heaps).add(heap, cnt, rate, max_packet_size);
}

bool group_state::use(const std::shared_ptr<premade_packets>& packets) noexcept {
    if (!packets->acquire()) return false;
    heaps.emplace<premade_heaps>(packets);
    payload_size = packets->payload_size();
    max_substream = packets->max_substream();
    return true;
}

/// Have heaps instead of premade packets.
void group_state::make_plain() {
    const std::shared_ptr<premade_packets> packets = std::get<premade_heaps>(heaps).packets();
    // (They have the heaps, and are kept by a pointer to one of those.)
    kept_more.emplace_back(packets, packets->heaps().front().contents.get());
    auto& plain = heaps.emplace<plain_heaps>();
    plain.reserve(packets->size());
    for (const premade_packets::source& heap : packets->heaps())
        plain.add({heap.contents.get(), only_packet::of(*heap.contents, packets->max_packet_size()),
                   heap.substream});
}

void group_state::check(std::size_t num_substreams, std::size_t max_packet_size) const {
    const auto* const premade = std::get_if<premade_heaps>(&heaps);
    if (premade != nullptr && premade->packets()->max_packet_size() > max_packet_size)
        throw std::invalid_argument("the packets were made for a max_packet_size of " +
                                    std::to_string(premade->packets()->max_packet_size()) +
                                    ", but the stream's is " + std::to_string(max_packet_size));
    const auto* const general = std::get_if<general_heaps>(&heaps);
    if (general != nullptr) {
        for (const general_heaps::entry& e : general->entries()) {
            check_substream(e.substream, num_substreams);
            check_cnt(e.cnt, e.contents->get_flavour());
        }
    } else if (max_substream >= num_substreams) {
        if (premade != nullptr)
            for (const premade_packets::source& heap : premade->packets()->heaps())
                check_substream(heap.substream, num_substreams);
        else
            for (const plain_heaps::entry& e : std::get<plain_heaps>(heaps).entries())
                check_substream(e.substream, num_substreams);
    }
}

void group_state::queue(cnt_sequence& cnts, double seconds_per_byte,
                        std::size_t stream_turn_packets) {
    if (auto* const premade = std::get_if<premade_heaps>(&heaps)) {
        if (seconds_per_byte == 0.0) {
            premade->queue(cnts);
            unfinished = premade->size();
            return;
        }
        make_plain();
    }
    if (auto* const plain = std::get_if<plain_heaps>(&heaps)) {
        plain->queue(cnts, seconds_per_byte);
        unfinished = plain->size();
    } else if (std::holds_alternative<call_in_turn>(heaps)) {
        unfinished = 1;  // until it is called
    } else {
        auto& general = std::get<general_heaps>(heaps);
        general.queue(cnts, seconds_per_byte, mode,
                      turn_packets != 0 ? turn_packets : stream_turn_packets);
        unfinished = general.size();
    }
}

bool group_state::fill(next_batch& batch) noexcept {
    return std::visit([&](auto& shape) { return shape.fill(*this, batch); }, heaps);
}

void group_state::give_back() noexcept {
    if (auto* const premade = std::get_if<premade_heaps>(&heaps)) premade->release();
}

void group_state::complete() noexcept {
    give_back();
    face->complete();
}

}  // namespace spead2::send::detail
