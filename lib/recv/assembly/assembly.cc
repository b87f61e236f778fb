// SPDX-License-Identifier: Apache-2.0
// The way of a packet: add() finds its heap or begins one, fits() and take_payload() say whether it
// belongs there, accept() takes its items, and when nothing is missing finish() gives the heap out
// (giving_out.cc). Heaps of one packet have a shorter way: single_packets.cc.
#include "assembly.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <typeinfo>
#include <utility>

#include "packet_runs.h"

namespace spead2::recv {
namespace {

/// Memory of this size is asked for at once, even where it costs something before it is used.
constexpr std::uint64_t at_once = std::uint64_t{64} << 20;

bool is_ordinary(const memory_allocator& allocator) noexcept {
    return typeid(allocator) == typeid(memory_allocator);
}

}  // namespace

template <typename T>
assembly::zeroed<T> assembly::allocate_zeroed(std::size_t n) {
    // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
    auto* const data = static_cast<T*>(std::calloc(n, sizeof(T)));
    if (data == nullptr) throw std::bad_alloc();
    return zeroed<T>(data);
}

assembly::assembly(const stream_config& config, std::uint64_t* stats, log_book& log, placer* to)
    : max_heaps_(config.max_heaps()),
      substreams_(config.substreams()),
      max_heap_size_(config.max_heap_size()),
      allow_out_of_order_(config.allow_out_of_order()),
      allow_unsized_heaps_(config.allow_unsized_heaps() && to == nullptr && !config.scatter()),
      stop_on_stop_item_(config.stop_on_stop_item()),
      nontemporal_(config.memcpy() == memcpy_method::nontemporal),
      plain_(!allow_out_of_order_ && !config.scatter()),
      ordinary_memory_(is_ordinary(*config.allocator())),
      bug_compat_(static_cast<unsigned>(config.bug_compat())),
      scatter_(config.scatter()),
      allocator_(config.allocator()),
      stats_(stats),
      log_(log),
      placer_(to),
      heads_(allocate_zeroed<std::size_t>(substreams_)) {
    if (placer_ != nullptr) placer_->copies().set_nontemporal(nontemporal_);
    if (max_heaps_ > std::numeric_limits<std::size_t>::max() / substreams_ / sizeof(void*))
        throw std::bad_alloc();
    slots_ = allocate_zeroed<partial_heap*>(max_heaps_ * substreams_);
    finished_.reserve(16);
}

bool assembly::add_any(const packet_view& p) {
    const bool single = p.payload_offset == 0 && p.heap_length >= 0 &&
                        static_cast<std::uint64_t>(p.heap_length) == p.payload_length;
    if (single && placer_ == nullptr) {
        if (n_partial_ == 0 || !add_whole(p)) add_single(p);
        return true;
    }
    if (single) return place_single(p);
    if (p.heap_length < 0 && !allow_unsized_heaps_) {
        ++stats_[stat_index::packets];
        log_.add(log_level::info, [] { return "packet rejected because it has no HEAP_LEN"; });
        return true;
    }
    partial_heap* h = last_;
    std::size_t looked_at = 1;
    if (h == nullptr || h->cnt != p.heap_cnt) h = index_.find(p.heap_cnt, looked_at);
    if (h == nullptr && !begin(p)) return false;
    ++stats_[stat_index::packets];
    stats_[stat_index::search_dist] += looked_at;
    if (h == nullptr) return true;
    if (goes_on(*h, p)) {
        last_ = h;
        next_.clear();
        append(*h, p);
    } else {
        go_on(*h, p);
    }
    return true;
}

/// Whether the heap of \a p is small enough; says so if not.
bool assembly::accepts_size(const packet_view& p) {
    const std::uint64_t size =
        std::max(p.payload_offset + p.payload_length,
                 p.heap_length < 0 ? 0 : static_cast<std::uint64_t>(p.heap_length));
    if (size <= max_heap_size_) return true;
    log_.add(log_level::info, [&] {
        return "packet rejected because its heap of " + std::to_string(size) +
               " bytes is larger than max_heap_size (" + std::to_string(max_heap_size_) + ")";
    });
    return false;
}

void assembly::log_no_memory(const packet_view& p, std::uint64_t bytes) {
    log_.add(log_level::warning, [&] {
        return "dropped heap " + std::to_string(p.heap_cnt) + " because there is no memory for " +
               std::to_string(bytes) + " bytes";
    });
}

void assembly::copy(std::uint8_t* base, const packet_view& p) const {
    const auto n = static_cast<std::size_t>(p.payload_length);
    copy_deferred();
    if (scatter_)
        scatter_(base, p);
    else
        copy_plain(base + p.payload_offset, p.payload, n);
}

void assembly::expect_after(const partial_heap& h, const packet_view& p) noexcept {
    const std::uint64_t end = p.payload_offset + p.payload_length;
    next_.clear();
    // Behind one that did not go on itself the next one will probably not do it either.
    const bool goes_on = p.payload_offset == std::exchange(next_offset_, end);
    if ((!goes_on && p.payload_offset != 0) || h.odd || scatter_ || h.length != p.heap_length ||
        end >= h.capacity || end >= static_cast<std::uint64_t>(h.length))
        return;
    next_.set(p, static_cast<std::uint64_t>(h.length) - end);
}

template <typename Packets>
bool assembly::add_expected(Packets& packets) {
    partial_heap& h = *last_;
    const std::uint64_t begin = next_offset_;
    std::uint64_t end = std::min<std::uint64_t>(h.capacity, static_cast<std::uint64_t>(h.length));
    if (allow_out_of_order_) end = std::min(end, h.ranges.gap_end(begin));
    const bool marks = placer_ != nullptr && h.placed.unit != 0;
    if (placer_ != nullptr && !placer_->wants(h.placed)) return false;
    copy_deferred();
    if (finished_.size() == finished_.capacity()) finished_.reserve(2 * finished_.size());
    std::size_t taken = 0;
    std::uint64_t offset = begin;
    for (;;) {
        const std::size_t whole = next_.size();
        const std::size_t head = next_.head();
        const std::size_t length = next_.length();
        for (const std::uint8_t* bytes;
             end - offset >= length && (bytes = packets.at(whole)) != nullptr && next_.is(bytes);
             ++taken) {
            copy_plain(h.base + offset, bytes + head, length);
            if (marks) h.placed.mark(offset, length);
            packets.take(whole);
            offset += length;
            next_.advance();
        }
        const std::uint64_t left = end - offset;
        if (left >= length || left == 0) break;
        next_.shorten(left);  // the last one
    }
    if (taken == 0) return false;
    if (allow_out_of_order_) static_cast<void>(h.ranges.add(begin, offset));
    stats_[stat_index::packets] += taken;
    stats_[stat_index::search_dist] += taken;
    h.received += offset - begin;
    h.end = std::max(h.end, offset);
    next_offset_ = offset;
    if (h.complete())
        finish(h);
    else if (offset == end)
        next_.clear();
    return true;
}

template bool assembly::add_expected(packet_run&);
template bool assembly::add_expected(datagram_run&);
template bool assembly::add_expected(datagram_list&);

/// Have memory for \a needed bytes of payload. \return false if there is none
bool assembly::reserve(partial_heap& h, std::uint64_t needed, const packet_view& p) {
    if (needed <= h.capacity) return true;
    std::uint64_t wanted = std::max<std::uint64_t>(needed, 2 * h.capacity);
    if (h.length >= 0) {
        const auto length = static_cast<std::uint64_t>(h.length);
        if (length <= at_once || allocator_->lazy())
            wanted = std::max(needed, length);
        else
            wanted = std::max(needed, std::min(length, std::max(wanted, at_once)));
    }
    try {
        memory larger = allocator_->allocate(static_cast<std::size_t>(wanted), &p);
        if (h.end != 0) std::memcpy(larger.data(), h.base, static_cast<std::size_t>(h.end));
        h.whole->payload_ = std::move(larger);
    } catch (const std::exception&) {
        log_no_memory(p, wanted);
        return false;
    }
    h.base = h.whole->payload_.data();
    h.capacity = h.whole->payload_.capacity();
    return true;
}

partial_heap& assembly::new_partial() {
    if (free_partials_.empty()) {
        partials_.push_back(std::make_unique<partial_heap>());
        free_partials_.reserve(partials_.size());
        free_partials_.push_back(partials_.back().get());
    }
    partial_heap& h = *free_partials_.back();
    free_partials_.pop_back();
    return h;
}

std::size_t assembly::take_slot(std::uint64_t cnt) {
    const std::size_t substream = substream_of(cnt);
    std::size_t& head = heads_[substream];
    const std::size_t slot = substream * max_heaps_ + head;
    head = head + 1 == max_heaps_ ? 0 : head + 1;
    if (slots_[slot] != nullptr) emit(*slots_[slot], reason::evicted);
    return slot;
}

/// The first packet of a heap. \return false if a placer says later
bool assembly::begin(const packet_view& p) {
    if (!allow_out_of_order_ && p.payload_offset != 0) return true;
    if (!accepts_size(p)) return true;
    placement where;
    if (placer_ != nullptr) {
        where = placer_->place(p);
        if (where.verdict == placement::kind::later) return false;
    }
    partial_heap& h = new_partial();
    h.cnt = p.heap_cnt;
    h.length = p.heap_length;
    h.address_bits = p.heap_address_bits;
    h.placed = where;
    if (placer_ != nullptr) {
        h.base = where.base;
        h.capacity = where.capacity;
    } else {
        h.whole = recycler_->take();
        heap& whole = *h.whole;
        const std::uint64_t expected =
            h.length < 0 ? p.payload_length : static_cast<std::uint64_t>(h.length);
        if (!ordinary_memory_ || whole.payload_.capacity() > 2 * expected + 1024)
            whole.payload_ = memory();
        h.base = whole.payload_.data();
        h.capacity = whole.payload_.capacity();
    }
    if (take_payload(h, p) != outcome::placed) {
        remove(h);
        return true;
    }
    h.slot = take_slot(p.heap_cnt);
    slots_[h.slot] = &h;
    index_.insert(&h);
    h.indexed = true;
    ++n_partial_;
    last_ = &h;
    accept(h, p);
    if (last_ != nullptr) expect_after(h, p);
    return true;
}

void assembly::go_on(partial_heap& h, const packet_view& p) {
    const bool again = std::exchange(last_, &h) == &h;
    next_.clear();
    if (!fits(h, p)) return;
    switch (take_payload(h, p)) {
        case outcome::placed:
            accept(h, p);
            if (again && last_ != nullptr) expect_after(h, p);
            break;
        case outcome::dropped:
            break;
        case outcome::lost:
            ++stats_[stat_index::heaps];
            ++stats_[stat_index::incomplete_heaps_evicted];
            remove(h);
            break;
    }
}

/// Whether a packet agrees with the heap that it says it is of.
bool assembly::fits(partial_heap& h, const packet_view& p) {
    const auto reject = [this](const char* why) {
        log_.add(log_level::info, [why] { return std::string("packet rejected because ") + why; });
        return false;
    };
    if (p.heap_length >= 0 && h.length >= 0 && h.length != p.heap_length)
        return reject("its HEAP_LEN is inconsistent with the heap");
    if (p.heap_address_bits != h.address_bits)
        return reject("its flavour is inconsistent with the heap");
    if (p.heap_length >= 0 &&
        static_cast<std::uint64_t>(p.heap_length) < std::max(h.end, h.min_length))
        return reject("its HEAP_LEN is too small for the heap");
    return accepts_size(p);
}

void assembly::add_pointers(partial_heap& h, const packet_view& p) {
    if (placer_ != nullptr) {
        if (is_stop(p)) stop_seen_ = true;
        return;
    }
    const pointer_facts facts = merge_pointers(p, h.whole->pointers_, h.pointers);
    note_stop(facts);
    h.min_length = std::max(h.min_length, facts.min_length);
    if (facts.too_many)
        log_.add(log_level::warning, [&] {
            return "items of heap " + std::to_string(h.cnt) + " beyond the first " +
                   std::to_string(max_pointers) + " were left out";
        });
}

/// Put the payload of a packet in its place, if that is where payload is wanted.
assembly::outcome assembly::take_payload(partial_heap& h, const packet_view& p) {
    const std::uint64_t end = p.payload_offset + p.payload_length;
    if (!allow_out_of_order_) {
        if (p.payload_offset > h.received) {
            h.missed = h.odd = true;
            return outcome::dropped;
        }
        if (p.payload_offset < h.received) {
            log_.add(log_level::warning, [] {
                return "packet rejected because it is out-of-order in the heap (you might need to "
                       "set allow_out_of_order to true in the stream config)";
            });
            return outcome::dropped;
        }
        if (h.missed && !h.reported) {
            // What was missing was not lost, but late; that could have been helped.
            h.reported = true;
            log_.add(log_level::warning, [&] {
                return "packets of heap " + std::to_string(h.cnt) +
                       " were rejected because they came before others that belong before them "
                       "(you might need to set allow_out_of_order to true in the stream config)";
            });
        }
    }
    if (placer_ == nullptr && !reserve(h, end, p)) return outcome::lost;
    if (allow_out_of_order_) {
        switch (h.ranges.add(p.payload_offset, end)) {
            case payload_ranges::result::added:
                break;
            case payload_ranges::result::duplicate:
                return outcome::dropped;
            case payload_ranges::result::overlaps:
                log_.add(log_level::warning, [] {
                    return "packet rejected because it partially overlaps existing payload";
                });
                return outcome::dropped;
            case payload_ranges::result::too_many:
                log_.add(log_level::warning, [&] {
                    return "packet rejected because heap " + std::to_string(h.cnt) +
                           " is in too many pieces";
                });
                return outcome::dropped;
        }
    }
    if (placer_ != nullptr) {
        if (h.placed.verdict == placement::kind::reject) return outcome::placed;
        if (end > h.capacity || !place_payload(h, p)) return outcome::placed;
    }
    if (p.payload_length != 0) copy(h.base, p);
    return outcome::placed;
}

/// A packet belongs to the heap: count it, take its items, and see whether that was the last one.
void assembly::accept(partial_heap& h, const packet_view& p) {
    if (h.length < 0) h.length = p.heap_length;
    h.received += p.payload_length;
    h.end = std::max(h.end, p.payload_offset + p.payload_length);
    if (p.first_item < p.n_pointers) add_pointers(h, p);
    // Never complete, as an item lies beyond its end: no packet that says so belongs to it any more.
    if (h.length >= 0 && h.min_length > static_cast<std::uint64_t>(h.length)) h.odd = true;
    if (h.complete()) finish(h);
}

}  // namespace spead2::recv
