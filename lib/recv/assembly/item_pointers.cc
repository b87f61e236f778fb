// SPDX-License-Identifier: Apache-2.0
#include "item_pointers.h"

namespace spead2::recv {
namespace {

/// Up to this many, item pointers are looked for one by one.
constexpr std::size_t few_pointers = 16;

bool contains(const std::vector<std::uint64_t>& all, std::uint64_t pointer) {
    return std::find(all.begin(), all.end(), pointer) != all.end();
}

}  // namespace

pointer_facts first_pointers(const packet_view& p, std::vector<std::uint64_t>& all) {
    const bool few = p.n_pointers - p.first_item <= few_pointers;
    pointer_set seen;
    return scan_pointers(p, [&](std::uint64_t pointer) {
        if (few ? !contains(all, pointer) : seen.insert(pointer)) all.push_back(pointer);
    });
}

pointer_facts merge_pointers(const packet_view& p, std::vector<std::uint64_t>& all,
                             pointer_set& known) {
    // Packets that repeat the pointers do so in the same order.
    std::size_t repeated = 0;
    bool too_many = false;
    pointer_facts facts = scan_pointers(p, [&](std::uint64_t pointer) {
        if (repeated < all.size() && all[repeated] == pointer) {
            ++repeated;
            return;
        }
        if (all.size() < few_pointers) {
            if (contains(all, pointer)) return;
        } else {
            if (known.empty())
                for (const std::uint64_t other : all) known.insert(other);
            if (all.size() >= max_pointers) {
                too_many = true;
                return;
            }
            if (!known.insert(pointer)) return;
        }
        all.push_back(pointer);
        repeated = all.size();
    });
    facts.too_many = too_many;
    return facts;
}

}  // namespace spead2::recv
