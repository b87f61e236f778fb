// SPDX-License-Identifier: Apache-2.0
// A stream takes packets from its readers and makes heaps of them: one that calls back, and one
// with a ring that heaps are taken from.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <spead2/recv/config.h>
#include <spead2/recv/heap.h>
#include <spead2/recv/reader.h>
#include <spead2/recv/ring.h>
#include <spead2/recv/stats.h>
#include <spead2/runtime/thread_pool.h>

namespace spead2::recv {

/// Hands each heap to a virtual function. Every public member may be called by any number of
/// threads at once, and from within heaps_ready(). A stream keeps its pool going.
///
/// A class derived from it calls stop() in its destructor, so that no worker is in one of its
/// functions.
class stream {
public:
    explicit stream(std::shared_ptr<thread_pool> pool, const stream_config& config = {});
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    virtual ~stream();

    /// Add a source of packets: an object of a class derived from reader. After the stream has
    /// stopped this does nothing.
    /// \throw std::logic_error after start() with explicit_start; what reader::start() throws
    void add_reader(std::unique_ptr<reader> from);
    /// The same, made from its options: s.add_reader<udp_reader>(udp_reader_options{...}).
    template <typename Reader, typename... Arguments>
    void add_reader(Arguments&&... arguments) {
        add_reader(std::make_unique<Reader>(std::forward<Arguments>(arguments)...));
    }

    /// With explicit_start: let packets flow, in the order in which readers were added. Harmless
    /// otherwise, and when repeated. \throw what reader::start() throws; may be called again then
    void start();

    /// End it: close the readers, count what is incomplete, deliver nothing more. Returns when no
    /// worker is in heaps_ready() any more, unless called from there. Harmless when repeated.
    virtual void stop();

    /// Values at the end of the last batch.
    [[nodiscard]] stream_stats stats() const;
    [[nodiscard]] const stream_config& config() const noexcept;
    /// Whether it has ended, by stop() or by itself; heaps_stopped() may still be to come.
    [[nodiscard]] bool stopped() const noexcept;
    /// What made it end, if that was an error of a reader; empty otherwise.
    [[nodiscard]] std::string stop_reason() const;

protected:
    friend class stream_core;

    /// Complete and incomplete heaps, in the order in which they were done with. Called by one
    /// thread at a time, under the lock of the stream; must be quick, and must not destroy the
    /// stream.
    /// \return how many it took, from the front: those are moved from. If not all, readers pause
    ///         until resume(), and the rest comes again
    virtual std::size_t heaps_ready(std::span<heap_ptr> heaps) noexcept = 0;
    /// How many heaps heaps_ready() takes now, at least. Called before a batch is read.
    [[nodiscard]] virtual std::size_t room() const noexcept { return SIZE_MAX; }
    /// No heap follows. Once, after the last heap was taken, or from stop().
    virtual void heaps_stopped() noexcept {}
    /// A reader that loses packets meanwhile had to pause; \a cnt is of the first heap that there
    /// was no room for.
    virtual void paused(std::uint64_t cnt) noexcept { static_cast<void>(cnt); }

    /// There is room again: have the readers go on.
    void resume() noexcept;
    /// The same, but read in the calling thread, without blocking, until there are heaps.
    void resume_here() noexcept;

    [[nodiscard]] stream_core& core() const noexcept { return *core_; }

private:
    std::shared_ptr<stream_core> core_;
};

/// A stream whose heaps are taken from a ring. When the ring is full the readers pause; no worker
/// is ever blocked.
class ring_stream final : public stream {
public:
    explicit ring_stream(std::shared_ptr<thread_pool> pool, const stream_config& config = {},
                         const ring_stream_config& ring_config = {});
    ~ring_stream() override;

    /// Wait for a heap. \return null if \a interrupted said to give up
    /// \throw stopped_error when the stream has ended and all heaps are taken
    [[nodiscard]] heap_ptr pop(const interrupt_check& interrupted = {});
    /// \return null if there is none now \throw stopped_error
    [[nodiscard]] heap_ptr try_pop();
    /// As many as there are, at most out.size(). \return how many \throw stopped_error
    std::size_t try_pop_many(std::span<heap_ptr> out);

    /// As ring_base::data_fd(): readable while there is a heap to take, and when there will be none
    /// any more.
    [[nodiscard]] int fd();
    [[nodiscard]] std::size_t ring_size() const;
    [[nodiscard]] std::size_t ring_capacity() const noexcept;
    [[nodiscard]] const ring_stream_config& ring_config() const noexcept { return ring_config_; }

    void stop() override;

protected:
    std::size_t heaps_ready(std::span<heap_ptr> heaps) noexcept override;
    [[nodiscard]] std::size_t room() const noexcept override;
    void heaps_stopped() noexcept override;
    void paused(std::uint64_t cnt) noexcept override;

private:
    void taken();

    const ring_stream_config ring_config_;
    ring<heap_ptr> ring_;
    std::atomic<bool> has_fd_{false};
    std::chrono::steady_clock::time_point pause_logged_{};
    std::uint64_t pauses_unlogged_ = 0;
};

}  // namespace spead2::recv
