// SPDX-License-Identifier: Apache-2.0
// The event loops that a stream is used from: for each a list of groups that are finished, and whether
// the loop is to hear of it. How futures are told is asyncio.cc's matter.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <spead2/runtime/lock_soon.h>
#include <spead2/send/heap_group.h>

#include "engine.h"
#include "support/python.h"

namespace spead2::python {

class loop_state;

class asyncio_group final : public heap_group {
public:
    /// \param future  a reference to it is taken over
    asyncio_group(loop_state& finished, PyObject* future) noexcept
        : finished_(finished), future_(future) {}
    ~asyncio_group() override {
        if (future_ != nullptr) release_reference(future_);
    }
    [[nodiscard]] PyObject* future() const noexcept { return future_; }
    [[nodiscard]] PyObject* take_future() noexcept { return std::exchange(future_, nullptr); }

    /// The stream would not have it.
    void refuse(const std::system_error& e) {
        refusal_ = e.code().value();
        refusal_text_ = e.what();
    }
    [[nodiscard]] int refusal() const noexcept { return refusal_; }
    [[nodiscard]] const std::string& refusal_text() const noexcept { return refusal_text_; }

    asyncio_group* next = nullptr;

private:
    void complete() noexcept override;

    loop_state& finished_;  // outlives the stream, which outlives its groups
    PyObject* future_;
    int refusal_ = 0;
    std::string refusal_text_;
};

/// An event loop that the stream is used from: groups that are finished, and whether the loop is to
/// hear of it. The list is shared with whoever drives the stream; all other members belong to those
/// who hold the GIL.
class loop_state {
public:
    /// \throw std::system_error
    loop_state();
    loop_state(const loop_state&) = delete;
    loop_state& operator=(const loop_state&) = delete;
    ~loop_state();

    [[nodiscard]] int fd() const noexcept { return fd_; }

    /// Takes the group over.
    void push(asyncio_group& group) noexcept {
        lock_soon(mutex_);
        const std::lock_guard lock(mutex_, std::adopt_lock);
        if (signalling_ && first_ == nullptr) signal();
        group.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &group;
        last_ = &group;
    }
    /// All groups in the list, which is empty afterwards.
    [[nodiscard]] asyncio_group* take() noexcept {
        lock_soon(mutex_);
        const std::lock_guard lock(mutex_, std::adopt_lock);
        last_ = nullptr;
        return std::exchange(first_, nullptr);
    }
    /// Whether the descriptor is to become readable when something is put into the list.
    void set_signalling(bool signalling) noexcept {
        const std::lock_guard lock(mutex_);
        signalling_ = signalling;
        if (signalling && first_ != nullptr) signal();
    }
    void clear_signal() const noexcept;

    /// Use it for another loop. Groups of the old one that are still in flight will come here too.
    void set_loop(const py::object& other) {
        set_signalling(false);
        listening = false;
        scheduled = false;
        loop = other;  // the last, as it may run Python code
    }

    [[nodiscard]] std::unique_ptr<asyncio_group> make_group(PyObject* future) {
        if (blocks_.empty()) return std::make_unique<asyncio_group>(*this, future);
        void* const block = blocks_.back();
        blocks_.pop_back();
        return std::unique_ptr<asyncio_group>(::new (block) asyncio_group(*this, future));
    }
    /// Destroy a group, but keep its memory for those to come: malloc is slow for so many at once.
    void destroy(std::unique_ptr<asyncio_group> group) noexcept {
        if (blocks_.size() == max_blocks) return;
        asyncio_group* const block = group.release();
        std::destroy_at(block);  // may run code that comes here, too
        if (blocks_.size() == max_blocks)
            ::operator delete(static_cast<void*>(block));
        else
            blocks_.push_back(block);
    }

    py::object loop;          ///< none while nothing is pending
    std::size_t pending = 0;  ///< futures that are not done
    bool scheduled = false;   ///< the loop will call process_callbacks() in its next turn
    bool listening = false;   ///< the loop waits for the descriptor too
    std::chrono::steady_clock::time_point turn_end{};  ///< when the loop should have another turn

private:
    void signal() const noexcept;

    static constexpr std::size_t max_blocks = 256;

    int fd_ = -1;
    std::vector<void*> blocks_;
    std::mutex mutex_;
    asyncio_group* first_ = nullptr;
    asyncio_group* last_ = nullptr;
    bool signalling_ = false;
};

/// What a stream and its groups in flight share. Belongs to those who hold the GIL.
class event_loops {
public:
    event_loops() { loops_.push_back(std::make_unique<loop_state>()); }

    [[nodiscard]] loop_state& first() const noexcept { return *loops_.front(); }
    /// The state of a loop; null if there is none.
    [[nodiscard]] loop_state* find(const py::object& loop) const noexcept;
    /// The same, but makes one, from that of a closed loop if possible. May run Python code.
    [[nodiscard]] loop_state& get(const py::object& loop);

private:
    std::vector<std::unique_ptr<loop_state>> loops_;  // grows only, while all its loops are open
};

}  // namespace spead2::python
