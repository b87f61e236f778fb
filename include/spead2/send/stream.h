// SPDX-License-Identifier: Apache-2.0
// A stream: a bounded queue of heaps, packetised, paced and given to a transport in order, by a
// worker of a thread_pool or by whichever thread waits for the outcome.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include <spead2/base/repeated_message.h>
#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>
#include <spead2/send/heap.h>
#include <spead2/send/heap_group.h>
#include <spead2/send/heap_list.h>
#include <spead2/send/transport.h>

namespace spead2::send {

namespace detail {
class stream_core;
}  // namespace detail

/// A group that a thread waits for with stream::wait().
class blocking_group final : public heap_group {
public:
    // One that is over leaves its memory to the thread's next one.
    static void* operator new(std::size_t size);
    static void operator delete(void* memory) noexcept;

private:
    /// Nobody waits any more.
    void complete() noexcept override;
};

/// Who sends a group that is queued while nobody drives the stream.
enum class drive : std::uint8_t {
    worker,    ///< a worker of the pool
    caller,    ///< the caller, as far as it goes without waiting, then a worker
    deferred,  ///< nobody until stream::kick()
};

/// Asked now and then while a call blocks; returns true (or throws) to give up waiting. May take long,
/// and may use the stream: others drive it meanwhile.
using interrupt_check = std::function<bool()>;

/// Every member may be called by any number of threads at once. Destruction sends what is queued as
/// long as that takes at most drain_seconds, then fails the rest with ECANCELED; it must not happen
/// while another thread is in a call.
class stream {
public:
    static constexpr double drain_seconds = 5.0;

    /// A max_packet_size above 1 GiB counts as 1 GiB; one below min_packet_size is refused when a
    /// heap is sent.
    stream(std::shared_ptr<thread_pool> pool, const stream_config& config,
           std::unique_ptr<transport> carrier);
    stream(stream&&) noexcept;
    stream& operator=(stream&&) noexcept;
    ~stream();

    /// Send one heap and wait. \return bytes of packets sent
    /// \throw std::system_error  EAGAIN: queue full; EINVAL: substream or cnt out of range;
    ///                           anything else: the transport's
    /// \throw std::invalid_argument  the heap makes no packets of this size; rate not a number
    std::uint64_t send_heap(const heap& h, std::int64_t cnt = -1, std::size_t substream_index = 0,
                            double rate = -1.0);
    /// Send a group and wait. All are queued or none. \throw also EINVAL for an empty list
    /// \param turn_packets  packets of a heap in its turn, in round robin; 0: as configured
    std::uint64_t send_heaps(std::span<const heap_reference> heaps, group_mode mode,
                             std::size_t turn_packets = 0);

    /// The same for a list, which must not change meanwhile.
    std::uint64_t send_heaps(heap_list& heaps, group_mode mode, std::size_t turn_packets = 0);

    /// Called with the first error (if any) and the bytes sent.
    using completion = std::function<void(std::error_code, std::uint64_t)>;
    void async_send_heap(const heap& h, completion done, std::int64_t cnt = -1,
                         std::size_t substream_index = 0, double rate = -1.0);
    void async_send_heaps(std::span<const heap_reference> heaps, group_mode mode, completion done,
                          std::size_t turn_packets = 0);

    /// For those who bring a group of their own: queue it, or throw as send_heaps() does and leave
    /// the stream as it was and \a group to the caller, to be destroyed. Takes the group over on
    /// success.
    void submit(std::unique_ptr<heap_group>& group, drive how = drive::worker);
    /// The same for small groups that are to be sent with others that follow soon: at the next kick(),
    /// or by a worker: at once if it is a large one, or if many are queued at a time and that is faster,
    /// else in about 200 us.
    /// \return whether so much has gathered that it is worth a kick()
    [[nodiscard]] bool gather(std::unique_ptr<heap_group>& group);
    /// Whether anything gathered waits for a kick().
    [[nodiscard]] bool gathered() const noexcept;
    /// Let somebody drive what was gathered, or submitted with drive::deferred.
    void kick(drive how = drive::worker);

    /// Have something done when the transport has got everything that was queued before, and nothing of
    /// what is queued after. Whoever drives the stream calls it, which alone may change the transport
    /// then; it must be quick and not throw, and it is not called if the stream fails before.
    void call_in_turn(std::function<void()> what);

    /// Block until everything queued before has completed.
    /// \return false if \a interrupted said to give up
    bool flush(const interrupt_check& interrupted = {});

    /// Queue a group and block until it is complete. Throws as submit() does.
    /// \return true: \a group is complete and the caller's again; false: \a interrupted said to
    /// give
    ///         up, \a group is null and will still be sent. An exception of \a interrupted is like
    ///         that
    bool wait(std::unique_ptr<blocking_group>& group, const interrupt_check& interrupted = {});

    /// The next automatic cnts are next, next + step, ... \throw std::invalid_argument for step 0
    void set_cnt_sequence(std::uint64_t next, std::uint64_t step);

    /// Change the stream's rate (bytes per second; 0: no limit) for heaps queued from now on.
    void set_rate(double bytes_per_second);

    [[nodiscard]] std::size_t num_substreams() const noexcept;
    /// What heap_group::add() needs to know.
    [[nodiscard]] std::size_t max_packet_size() const noexcept;
    [[nodiscard]] stream_config config() const;
    [[nodiscard]] std::string describe() const;
    /// What went wrong with a group, and where.
    [[nodiscard]] std::string explain(const heap_group& group) const;
    /// Whether the stream was made by the process that this one was forked from. Then it cannot send
    /// (ECANCELED), and its destruction leaves everything as it is.
    [[nodiscard]] bool is_forked() const noexcept;
    [[nodiscard]] transport& carrier() noexcept;
    /// For those who log that heaps are refused.
    [[nodiscard]] repeated_message& refusals() noexcept;

private:
    std::shared_ptr<detail::stream_core> core_;
};

}  // namespace spead2::send
