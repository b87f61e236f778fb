// SPDX-License-Identifier: Apache-2.0
#include "plain_heaps.h"

#include "next_batch.h"
#include "send/packets/only_packet_writer.h"

namespace spead2::send::detail {

/// Have room for so many heaps, more than now.
void plain_heaps::grow(std::size_t heaps) {
    auto many = std::make_unique_for_overwrite<entry[]>(heaps);
    std::copy_n(entries_, size_, many.get());
    many_ = std::move(many);
    entries_ = many_.get();
    capacity_ = heaps;
}

bool plain_heaps::fill(group_progress& group, next_batch& batch) noexcept {
    only_packet_writer writer(batch.packets);
    const entry* e = entries_ + next_;
    const entry* const end = entries_ + size_;
    std::uint64_t cnt = cnts_.next;
    while (e != end && batch.bytes < batch_bytes) {
        // All of one form that follow each other.
        const only_packet form = e->only;
        writer.set_form(form, e->contents->get_flavour());
        std::size_t most = writer.room(static_cast<std::size_t>(end - e));
        if (most == 0) break;
        const std::size_t bytes_left = batch_bytes - batch.bytes;
        if (most * form.size > bytes_left) most = bytes_left / form.size + 1;
        if (seconds_per_byte_ > 0.0) {
            const std::size_t fitting = batch.pacing.fitting(form.size, seconds_per_byte_);
            if (fitting == 0) break;
            most = std::min(most, fitting);
        }
        const entry* const first = e;
        const entry* const stop = e + most;
        do {
            writer.write(*e->contents, cnt, static_cast<std::uint32_t>(e->substream));
            cnt += cnts_.step;
            ++e;
        } while (e < stop && e->only == form);
        const auto count = static_cast<std::uint32_t>(e - first);
        const std::size_t bytes = std::size_t{count} * form.size;
        batch.made.enter(group, nullptr, form.size, count);
        if (seconds_per_byte_ > 0.0) batch.pacing.add(bytes, seconds_per_byte_);
        batch.bytes += bytes;
    }
    cnts_.next = cnt;
    next_ = static_cast<std::size_t>(e - entries_);
    return e == end;
}

}  // namespace spead2::send::detail
