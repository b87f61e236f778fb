// SPDX-License-Identifier: Apache-2.0
// Where the payload of heaps lies: the interface, and allocators for ordinary memory, mapped memory
// and a pool of blocks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <spead2/runtime/thread_pool.h>
#include <spead2/wire/packet.h>

namespace spead2::recv {

class memory_allocator;

/// A piece of memory that knows how to free itself. Move-only; null when moved from.
class memory {
public:
    memory() noexcept = default;
    /// \param capacity   bytes there are, at least what was asked for
    /// \param allocator  whose deallocate() is called at the end; null: std::free()
    memory(std::uint8_t* data, std::size_t capacity,
           std::shared_ptr<memory_allocator> allocator) noexcept
        : data_(data), capacity_(capacity), allocator_(std::move(allocator)) {}
    memory(memory&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          capacity_(std::exchange(other.capacity_, 0)),
          allocator_(std::move(other.allocator_)) {}
    memory& operator=(memory&& other) noexcept {
        memory(std::move(other)).swap(*this);
        return *this;
    }
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() {
        if (data_ != nullptr) free();
    }
    void swap(memory& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
        allocator_.swap(other.allocator_);
    }

    [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// Null: ordinary memory.
    [[nodiscard]] const memory_allocator* allocator() const noexcept { return allocator_.get(); }

private:
    void free() noexcept;

    std::uint8_t* data_ = nullptr;
    std::size_t capacity_ = 0;
    std::shared_ptr<memory_allocator> allocator_;
};

/// Gives memory for heaps. Called by workers, from several at once if streams share it, and
/// deallocate() by whoever lets go of a heap. This class itself gives ordinary memory; large blocks
/// that are freed are kept for the next heaps (at most kept_bytes).
class memory_allocator : public std::enable_shared_from_this<memory_allocator> {
public:
    static constexpr std::size_t kept_bytes = std::size_t{64} << 20;

    memory_allocator();
    memory_allocator(const memory_allocator&) = delete;
    memory_allocator& operator=(const memory_allocator&) = delete;
    virtual ~memory_allocator();

    /// Memory for at least \a bytes (above 0), which need not be zeros. Never called for what a
    /// packet merely announces, as far as that is above stream_config::max_heap_size().
    /// \param hint  the packet that needs it, or null; only for the time of the call
    /// \throw std::bad_alloc The heap is then dropped, with a log message
    [[nodiscard]] virtual memory allocate(std::size_t bytes, const packet_view* hint = nullptr);

    /// Whether memory takes nothing from the system until it is written to. If not, large heaps
    /// grow in steps, as their payload comes.
    [[nodiscard]] virtual bool lazy() const noexcept;

protected:
    friend class memory;
    /// Take back what allocate() gave.
    virtual void deallocate(std::uint8_t* data, std::size_t capacity) noexcept;

private:
    class cache;
    std::unique_ptr<cache> cache_;
};

/// Memory from mmap(2).
class mmap_allocator final : public memory_allocator {
public:
    /// \param flags        of mmap, beside MAP_ANONYMOUS and MAP_PRIVATE
    /// \param prefer_huge  take huge pages where there are any, else ordinary ones
    explicit mmap_allocator(int flags = 0, bool prefer_huge = false);
    [[nodiscard]] memory allocate(std::size_t bytes, const packet_view* hint = nullptr) override;
    [[nodiscard]] bool lazy() const noexcept override;

    [[nodiscard]] int flags() const noexcept { return flags_; }
    [[nodiscard]] bool prefer_huge() const noexcept { return prefer_huge_; }

protected:
    void deallocate(std::uint8_t* data, std::size_t capacity) noexcept override;

private:
    const int flags_;
    const bool prefer_huge_;
};

/// What a memory_pool is made from.
struct memory_pool_options {
    std::size_t lower = 0;     ///< smallest request that the pool serves
    std::size_t upper = 0;     ///< largest one, and the size of its blocks
    std::size_t max_free = 0;  ///< blocks it keeps at most; more are given back
    std::size_t initial = 0;   ///< blocks made, and their pages touched, at once
    /// With refill: make new blocks, up to initial, when fewer than this are left.
    std::size_t low_water = 0;
    std::shared_ptr<thread_pool> refill;          ///< its threads make new blocks; null: nobody
    std::shared_ptr<memory_allocator> allocator;  ///< where blocks come from; null: ordinary memory
};

/// Blocks of one size that are used again and again. Requests of other sizes go to the allocator
/// below it.
class memory_pool final : public memory_allocator {
public:
    /// \throw std::bad_alloc if the initial blocks cannot be had
    explicit memory_pool(const memory_pool_options& options);
    ~memory_pool() override;
    [[nodiscard]] memory allocate(std::size_t bytes, const packet_view* hint = nullptr) override;
    [[nodiscard]] bool lazy() const noexcept override;

    /// Whether a request that finds the pool empty is logged as a warning.
    [[nodiscard]] bool warn_on_empty() const noexcept { return warn_on_empty_.load(); }
    void set_warn_on_empty(bool warn) noexcept { warn_on_empty_.store(warn); }
    /// Blocks that are free now.
    [[nodiscard]] std::size_t free_blocks() const;
    [[nodiscard]] const memory_pool_options& options() const noexcept;

protected:
    void deallocate(std::uint8_t* data, std::size_t capacity) noexcept override;

private:
    class state;
    std::shared_ptr<state> state_;
    std::atomic<bool> warn_on_empty_{true};
};

}  // namespace spead2::recv
