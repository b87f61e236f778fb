// SPDX-License-Identifier: Apache-2.0
// Ordinary and mapped memory. Pools are in memory_pool.cc.
#include <spead2/recv/allocator.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <new>
#include <typeinfo>
#include <vector>

#include <spead2/runtime/forks.h>

namespace spead2::recv {
namespace {

/// Blocks from this size on are kept for the next heap.
constexpr std::size_t large_block = std::size_t{64} << 10;
/// Blocks from this size on come from the system alone, so that nothing but what is written to takes
/// memory, and what is freed goes back.
constexpr std::size_t mapped_block = std::size_t{1} << 20;

std::uint8_t* map(std::size_t bytes, int flags) noexcept {
    void* const data =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return data == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(data);
}

void free_large(std::uint8_t* data, std::size_t capacity) noexcept {
    if (capacity >= mapped_block)
        ::munmap(data, capacity);
    else
        std::free(data);  // NOLINT(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
}

/// \a bytes rounded up to a multiple of \a unit; 0 if there is no such number.
std::size_t round_up(std::size_t bytes, std::size_t unit) noexcept {
    const std::size_t rounded = (bytes + unit - 1) / unit * unit;
    return rounded < bytes ? 0 : rounded;
}

}  // namespace

void memory::free() noexcept {
    if (allocator_)
        allocator_->deallocate(data_, capacity_);
    else
        std::free(data_);  // NOLINT(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
}

/// Large blocks that were freed.
class memory_allocator::cache {
public:
    cache() = default;
    cache(const cache&) = delete;
    cache& operator=(const cache&) = delete;
    ~cache() {
        if (home_.is_left()) return;
        for (const block& b : blocks_) free_large(b.data, b.capacity);
    }

    struct block {
        std::uint8_t* data;
        std::size_t capacity;
    };

    /// The block freed last that is large enough, but not by far; or a null one.
    [[nodiscard]] block take(std::size_t bytes) noexcept {
        if (home_.is_left()) return {nullptr, 0};
        const std::lock_guard lock(mutex_);
        for (auto i = blocks_.end(); i != blocks_.begin();) {
            --i;
            if (i->capacity < bytes || i->capacity - bytes > bytes / 4) continue;
            const block found = *i;
            total_ -= found.capacity;
            blocks_.erase(i);
            return found;
        }
        return {nullptr, 0};
    }

    void put(block b) noexcept {
        if (!home_.is_left()) {
            const std::lock_guard lock(mutex_);
            if (b.capacity <= kept_bytes) {
                while (total_ + b.capacity > kept_bytes || blocks_.size() == max_blocks) {
                    // Sizes change: the oldest ones go.
                    total_ -= blocks_.front().capacity;
                    free_large(blocks_.front().data, blocks_.front().capacity);
                    blocks_.erase(blocks_.begin());
                }
                blocks_.push_back(b);
                total_ += b.capacity;
                return;
            }
        }
        free_large(b.data, b.capacity);
    }

    void reserve() { blocks_.reserve(max_blocks); }

private:
    static constexpr std::size_t max_blocks = 64;
    const home_process home_;
    std::mutex mutex_;
    std::vector<block> blocks_;
    std::size_t total_ = 0;
};

memory_allocator::memory_allocator() : cache_(std::make_unique<cache>()) { cache_->reserve(); }
memory_allocator::~memory_allocator() = default;

bool memory_allocator::lazy() const noexcept { return typeid(*this) == typeid(memory_allocator); }

memory memory_allocator::allocate(std::size_t bytes, const packet_view*) {
    if (bytes < large_block) {
        // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
        auto* const data = static_cast<std::uint8_t*>(std::malloc(bytes));
        if (data == nullptr) throw std::bad_alloc();
        return {data, bytes, nullptr};
    }
    cache::block b = cache_->take(bytes);
    if (b.data == nullptr) {
        b.capacity = round_up(bytes, 4096);
        if (b.capacity == 0) throw std::bad_alloc();
        b.data = b.capacity >= mapped_block
                     ? map(b.capacity, MAP_NORESERVE)
                     // NOLINTNEXTLINE(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
                     : static_cast<std::uint8_t*>(std::malloc(b.capacity));
        if (b.data == nullptr) throw std::bad_alloc();
    }
    return {b.data, b.capacity, shared_from_this()};
}

void memory_allocator::deallocate(std::uint8_t* data, std::size_t capacity) noexcept {
    cache_->put({data, capacity});
}

mmap_allocator::mmap_allocator(int flags, bool prefer_huge)
    : flags_(flags), prefer_huge_(prefer_huge) {}

bool mmap_allocator::lazy() const noexcept { return (flags_ & (MAP_POPULATE | MAP_LOCKED)) == 0; }

memory mmap_allocator::allocate(std::size_t bytes, const packet_view*) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    if (prefer_huge_) {
        const std::size_t rounded = round_up(bytes, huge_page);
        std::uint8_t* const data = rounded != 0 ? map(rounded, flags_ | MAP_HUGETLB) : nullptr;
        if (data != nullptr) return {data, rounded, shared_from_this()};
    }
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t rounded = round_up(bytes, page);
    std::uint8_t* const data = rounded != 0 ? map(rounded, flags_) : nullptr;
    if (data == nullptr) throw std::bad_alloc();
    return {data, rounded, shared_from_this()};
}

void mmap_allocator::deallocate(std::uint8_t* data, std::size_t capacity) noexcept {
    ::munmap(data, capacity);
}

}  // namespace spead2::recv
