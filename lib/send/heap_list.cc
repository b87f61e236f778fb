// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/heap_list.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include <spead2/send/heap_group.h>

#include "send/driver/group.h"
#include "send/packets/premade_packets.h"

namespace spead2::send {

/// Packets that are kept from one time to the next.
struct heap_list::packets {
    std::mutex mutex;
    std::size_t max_packet_size = 0;  ///< 0 before the first time
    bool tried = false;               ///< to make them
    std::shared_ptr<premade_packets> made;
};

heap_list::heap_list() noexcept = default;
heap_list::heap_list(heap_list&&) noexcept = default;
heap_list& heap_list::operator=(heap_list&&) noexcept = default;
heap_list::~heap_list() = default;

void heap_list::add(heap_reference reference) {
    add(listed_heap{nullptr, std::move(reference.contents), reference.cnt,
                    reference.substream_index, reference.rate});
}

void heap_list::add(const heap& h, std::int64_t cnt, std::size_t substream_index, double rate) {
    add(listed_heap{&h, h.contents(), cnt, substream_index, rate});
}

void heap_list::add(listed_heap h) {
    if (packets_ == nullptr || packets_->max_packet_size != 0)
        packets_ = std::make_unique<packets>();
    changing_ = changing_ || h.source != nullptr;
    heaps_.push_back(std::move(h));
}

bool heap_list::give_packets(heap_group& group, std::size_t max_packet_size) {
    if (packets_ == nullptr) return false;
    packets& p = *packets_;
    const std::lock_guard lock(p.mutex);
    if (p.max_packet_size != max_packet_size) {
        // The first time, which may be the only one.
        p.max_packet_size = max_packet_size;
        p.tried = false;
        p.made.reset();
        return false;
    }
    if (p.tried && p.made == nullptr) return false;
    if (changing_ && !std::all_of(heaps_.begin(), heaps_.end(),
                                  [](const listed_heap& h) { return h.as_it_was(); })) {
        p.tried = true;
        p.made.reset();
        return false;
    }
    if (!p.tried) {
        p.tried = true;
        std::vector<premade_packets::source> sources;
        sources.reserve(heaps_.size());
        for (const listed_heap& h : heaps_) {
            if (h.cnt >= 0 || !(h.rate < 0.0) ||
                h.substream_index > std::numeric_limits<std::uint32_t>::max())
                return false;
            sources.push_back({h.contents, static_cast<std::uint32_t>(h.substream_index)});
        }
        p.made = premade_packets::make(std::move(sources), max_packet_size);
    }
    return p.made != nullptr && group.state().use(p.made);
}

}  // namespace spead2::send
