// SPDX-License-Identifier: Apache-2.0
// The group of a thread that waits for it: where its memory comes from, and its end when nobody waits.
#include <spead2/send/stream.h>

#include <memory>
#include <new>
#include <utility>

namespace spead2::send {
namespace {

/// The memory of a group that is over.
struct spare_memory {
    spare_memory() = default;
    spare_memory(const spare_memory&) = delete;
    spare_memory& operator=(const spare_memory&) = delete;
    ~spare_memory() { ::operator delete(block); }
    void* block = nullptr;
};

thread_local spare_memory spare;

}  // namespace

void* blocking_group::operator new(std::size_t size) {
    void* const block = std::exchange(spare.block, nullptr);
    return block != nullptr ? block : ::operator new(size);
}

void blocking_group::operator delete(void* memory) noexcept {
    ::operator delete(std::exchange(spare.block, memory));
}

void blocking_group::complete() noexcept { const std::unique_ptr<blocking_group> self(this); }

}  // namespace spead2::send
