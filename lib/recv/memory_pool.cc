// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/base/repeated_message.h>
#include <spead2/recv/allocator.h>
#include <spead2/runtime/forks.h>

namespace spead2::recv {
namespace {

/// Have the system give every page of a block now.
void touch(const memory& block) noexcept {
    constexpr std::size_t page = 4096;
    for (std::size_t i = 0; i < block.capacity(); i += page)
        static_cast<volatile std::uint8_t*>(block.data())[i] = 0;
}

}  // namespace

/// The blocks, and the task that makes more of them.
class memory_pool::state final : public pool_task, public std::enable_shared_from_this<state> {
public:
    explicit state(memory_pool_options options) : options_(std::move(options)) {
        if (!options_.allocator) options_.allocator = std::make_shared<memory_allocator>();
        if (options_.refill) worker_ = options_.refill->next_worker();
        for (std::size_t i = 0; i < options_.initial; ++i) free_.push_back(new_block(nullptr));
    }

    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() override {
        if (!home_.is_left()) return;
        leave_to_parent(std::move(free_));
        leave_to_parent(std::move(used_));
    }

    [[nodiscard]] const memory_pool_options& options() const noexcept { return options_; }
    [[nodiscard]] bool serves(std::size_t bytes) const noexcept {
        return bytes >= options_.lower && bytes <= options_.upper;
    }

    /// \param made  becomes whether there was no block
    [[nodiscard]] std::uint8_t* take(const packet_view* hint, bool& made) {
        home_.check("the memory pool");
        memory block;
        bool refill = false;
        {
            const std::lock_guard lock(mutex_);
            made = free_.empty();
            if (!made) {
                block = std::move(free_.back());
                free_.pop_back();
            }
            refill = worker_ && !refilling_ && free_.size() < options_.low_water &&
                     free_.size() < options_.initial;
            if (refill) refilling_ = true;
        }
        if (refill && !worker_->wake(shared_from_this())) stopped();
        if (made) block = new_block(hint);
        std::uint8_t* const data = block.data();
        const std::lock_guard lock(mutex_);
        used_.emplace(data, std::move(block));
        return data;
    }

    void give_back(std::uint8_t* data) noexcept {
        if (home_.is_left()) return;  // lost threads may have the lock
        memory surplus;               // freed without the lock
        const std::lock_guard lock(mutex_);
        auto node = used_.extract(data);
        if (free_.size() < options_.max_free)
            free_.push_back(std::move(node.mapped()));
        else
            surplus = std::move(node.mapped());
    }

    [[nodiscard]] std::size_t free_blocks() const {
        const std::lock_guard lock(mutex_);
        return free_.size();
    }

    [[nodiscard]] task_wait run() noexcept override {
        try {
            memory block = new_block(nullptr);
            const std::lock_guard lock(mutex_);
            if (free_.size() < options_.initial) free_.push_back(std::move(block));
            if (free_.size() < options_.initial)
                return {.what = task_wait::kind::again, .time = {}, .fd = -1};
            refilling_ = false;
        } catch (const std::exception&) {
            // No memory now. The next request asks again.
            stopped();
        }
        return {};
    }
    void stopped() noexcept override {
        const std::lock_guard lock(mutex_);
        refilling_ = false;
    }

    repeated_message empty;  ///< that there was no block

private:
    [[nodiscard]] memory new_block(const packet_view* hint) const {
        memory block = options_.allocator->allocate(options_.upper, hint);
        if (hint == nullptr) touch(block);
        return block;
    }

    memory_pool_options options_;
    std::shared_ptr<thread_pool::worker> worker_;
    const home_process home_;
    mutable std::mutex mutex_;
    std::vector<memory> free_;
    std::unordered_map<std::uint8_t*, memory> used_;
    bool refilling_ = false;
};

memory_pool::memory_pool(const memory_pool_options& options)
    : state_(std::make_shared<state>(options)) {}
memory_pool::~memory_pool() = default;

memory memory_pool::allocate(std::size_t bytes, const packet_view* hint) {
    if (!state_->serves(bytes)) return state_->options().allocator->allocate(bytes, hint);
    bool made = false;
    std::uint8_t* const data = state_->take(hint, made);
    memory block(data, state_->options().upper, shared_from_this());
    if (made && warn_on_empty()) {
        if (const auto untold = state_->empty.tell()) {
            std::string text =
                "memory pool is empty when allocating " + std::to_string(bytes) + " bytes";
            if (*untold != 0)
                text += " (and " + std::to_string(*untold) + " more times since the last message)";
            log_message(log_level::warning, text);
        }
    }
    return block;
}

bool memory_pool::lazy() const noexcept { return false; }

std::size_t memory_pool::free_blocks() const { return state_->free_blocks(); }
const memory_pool_options& memory_pool::options() const noexcept { return state_->options(); }

void memory_pool::deallocate(std::uint8_t* data, std::size_t) noexcept { state_->give_back(data); }

}  // namespace spead2::recv
