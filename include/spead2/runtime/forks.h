// SPDX-License-Identifier: Apache-2.0
// Tells whether what was made with threads has been carried over a fork(), where its threads, and
// whatever they held, are lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace spead2 {

namespace detail {
extern std::atomic<std::uint64_t> forks;
}

/// A number that is another one in the child of each fork(). What remembers the number it was made
/// with, and finds another, must not touch its threads and locks any more.
[[nodiscard]] inline std::uint64_t fork_count() noexcept {
    return detail::forks.load(std::memory_order_relaxed);
}

/// The process that something was made in.
class home_process {
public:
    /// Whether this is a child of it.
    [[nodiscard]] bool is_left() const noexcept { return fork_count() != made_in_; }
    /// \param what  the thing, such as "the stream"
    /// \throw std::system_error (ECANCELED) in a child
    void check(const char* what) const {
        if (is_left()) refuse(what);
    }

private:
    [[noreturn]] static void refuse(const char* what);

    std::uint64_t made_in_ = fork_count();
};

/// Never destroy \a object: lost threads may have its locks, or be in the middle of changing it.
template <typename T>
void leave_to_parent(T&& object) {
    static_cast<void>(std::make_unique<std::remove_cvref_t<T>>(std::forward<T>(object)).release());
}

/// Something that must not be destroyed in the child of a fork. A condition variable, for one, waits
/// there for ever for those that waited for it.
template <typename T>
class parents_own {
public:
    parents_own() : object_(std::make_unique<T>()) {}
    parents_own(const parents_own&) = delete;
    parents_own& operator=(const parents_own&) = delete;
    ~parents_own() {
        if (home_.is_left()) static_cast<void>(object_.release());
    }
    [[nodiscard]] T& operator*() const noexcept { return *object_; }
    [[nodiscard]] T* operator->() const noexcept { return object_.get(); }

private:
    std::unique_ptr<T> object_;
    home_process home_;
};

}  // namespace spead2
