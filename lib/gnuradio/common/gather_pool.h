// SPDX-License-Identifier: GPL-3.0-or-later
// Memory for heaps that cannot be sent from GNU Radio's buffers, used again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace gr::spead2 {

struct gather_buffer {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
};

class gather_pool {
public:
    /// Memory of at least \a size bytes, not initialised; goes back to the pool when released.
    /// \throw std::bad_alloc
    [[nodiscard]] std::shared_ptr<gather_buffer> take(std::size_t size) {
        std::unique_ptr<gather_buffer> b = find(size);
        if (!b) {
            b = std::make_unique<gather_buffer>();
            // Rounded up, so that packets of slightly different lengths can share.
            b->size = (size + 65535) / 65536 * 65536;
            b->bytes = std::make_unique_for_overwrite<std::uint8_t[]>(b->size);
        }
        in_use_->add(b->size);
        return {b.release(), [in_use = in_use_](gather_buffer* buffer) {
                    in_use->give_back(std::unique_ptr<gather_buffer>(buffer));
                }};
    }
    /// Bytes that are taken.
    [[nodiscard]] std::size_t in_use() const { return in_use_->total(); }
    /// Let go of what is not taken.
    void clear() { in_use_->clear(); }

private:
    // Kept alive by the buffers too: a heap may outlive the block.
    class shelf {
    public:
        void add(std::size_t size) {
            const std::lock_guard lock(mutex_);
            total_ += size;
        }
        void give_back(std::unique_ptr<gather_buffer> b) {
            const std::lock_guard lock(mutex_);
            total_ -= b->size;
            if (free_.size() < max_free) free_.push_back(std::move(b));
        }
        std::unique_ptr<gather_buffer> find(std::size_t size) {
            const std::lock_guard lock(mutex_);
            for (std::size_t i = free_.size(); i-- > 0;) {
                // Not one that is far too large: it would be missing for a large heap.
                if (free_[i]->size < size || free_[i]->size / 4 > size + 65536) continue;
                std::unique_ptr<gather_buffer> b = std::move(free_[i]);
                free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
                return b;
            }
            if (free_.size() == max_free) free_.erase(free_.begin());
            return nullptr;
        }
        [[nodiscard]] std::size_t total() {
            const std::lock_guard lock(mutex_);
            return total_;
        }
        void clear() {
            const std::lock_guard lock(mutex_);
            free_.clear();
        }

    private:
        static constexpr std::size_t max_free = 4;
        std::mutex mutex_;
        std::vector<std::unique_ptr<gather_buffer>> free_;
        std::size_t total_ = 0;
    };
    std::unique_ptr<gather_buffer> find(std::size_t size) { return in_use_->find(size); }

    std::shared_ptr<shelf> in_use_ = std::make_shared<shelf>();
};

}  // namespace gr::spead2
