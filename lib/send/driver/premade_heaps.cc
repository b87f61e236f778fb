// SPDX-License-Identifier: Apache-2.0
#include "premade_heaps.h"

#include <algorithm>

#include "next_batch.h"

namespace spead2::send::detail {

bool premade_heaps::fill(group_progress& group, next_batch& batch) noexcept {
    if (next_ == size()) return true;
    if (!batch.packets.empty()) return false;
    batch.premade =
        packets_->renew(next_, std::min(size() - next_, batch.max_run), cnts_.next, cnts_.step);
    const std::span<const packet> packets = batch.premade.packets;
    cnts_.skip(packets.size());
    next_ += packets.size();
    const packet* const end = packets.data() + packets.size();
    for (const packet* first = packets.data(); first != end;) {
        const std::uint32_t size = first->size;
        const packet* next = first + 1;
        while (next != end && next->size == size) ++next;
        batch.made.enter(group, nullptr, size, static_cast<std::uint32_t>(next - first));
        first = next;
    }
    return false;
}

}  // namespace spead2::send::detail
