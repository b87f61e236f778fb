// SPDX-License-Identifier: Apache-2.0
// Heaps whose cnts have the same place in the table of partial heaps: each is found, and how many
// entries that took is what statistics say.
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "../expect.h"
#include "recv/assembly/partial_heap.h"

namespace {

using spead2::recv::heap_index;
using spead2::recv::partial_heap;

std::size_t entries_to(const heap_index& index, std::uint64_t cnt) {
    std::size_t n = 0;
    static_cast<void>(index.find(cnt, n));
    return n;
}

/// Add the first heap after \a last whose cnt has the place of all \a n that are in \a index.
/// \return false if there is none
bool add_next(heap_index& index, partial_heap& h, std::uint64_t last, std::size_t n) {
    for (h.cnt = last + 1; h.cnt < last + 1000; ++h.cnt) {
        heap_index trial = index;
        trial.insert(&h);
        if (entries_to(trial, h.cnt) != n + 1) continue;
        index = trial;
        return true;
    }
    return false;
}

void entries_looked_at_are_counted() {
    heap_index index;
    std::size_t n = 0;
    EXPECT(index.find(7, n) == nullptr && n == 1);  // at least one
    partial_heap a, b, c;
    a.cnt = 7;
    index.insert(&a);
    const bool meet = add_next(index, b, a.cnt, 1) && add_next(index, c, b.cnt, 2);
    EXPECT(meet);
    if (!meet) return;
    EXPECT(index.find(a.cnt, n) == &a && n == 1);
    EXPECT(index.find(b.cnt, n) == &b && n == 2);
    EXPECT(index.find(c.cnt, n) == &c && n == 3);
    // One that is not there, and would have the same place, is looked for among all three.
    std::size_t most = 0;
    for (std::uint64_t cnt = c.cnt + 1; cnt < c.cnt + 1000; ++cnt)
        most = std::max(most, entries_to(index, cnt));
    EXPECT(most == 3);

    index.erase(&a);
    EXPECT(index.find(a.cnt, n) == nullptr && n == 2);
    EXPECT(index.find(b.cnt, n) == &b && n == 1);
    EXPECT(index.find(c.cnt, n) == &c && n == 2);
    index.erase(&c);
    EXPECT(index.find(c.cnt, n) == nullptr && n == 1);
    EXPECT(index.find(b.cnt, n) == &b && n == 1);
}

}  // namespace

int main() {
    entries_looked_at_are_counted();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
