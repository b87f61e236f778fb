// SPDX-License-Identifier: Apache-2.0
// A stream: a bounded queue of heaps, packetised, paced and given to a transport in order, by a
// worker of a thread_pool or by whichever thread waits for the outcome.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <spead2/runtime/thread_pool.h>
#include <spead2/send/config.h>
#include <spead2/send/heap.h>
#include <spead2/send/packetiser.h>
#include <spead2/send/premade_packets.h>
#include <spead2/send/transport.h>

namespace spead2::send {

/// Order of the packets of a group of heaps.
enum class group_mode : std::uint8_t {
    round_robin,  ///< one packet of each heap in turn; heaps that have no more are skipped
    serial,       ///< one heap after another
};

/// A heap to send and how.
struct heap_reference {
    std::shared_ptr<const heap_contents> contents;
    std::int64_t cnt = -1;            ///< negative: next of the stream's sequence
    std::size_t substream_index = 0;  ///< below stream::num_substreams()
    double rate = -1.0;               ///< bytes per second; 0: no limit; negative: the stream's
};

class stream_core;

/// Heaps that are queued together and complete together. Derive from it to be told; an empty group
/// completes when everything queued before it has.
class heap_group {
public:
    heap_group() = default;
    heap_group(const heap_group&) = delete;
    heap_group& operator=(const heap_group&) = delete;
    virtual ~heap_group();

    /// \throw std::invalid_argument (no packets possible; see packetiser)
    void add(heap_reference reference, std::size_t max_packet_size);
    /// The same for contents that something else keeps alive as long as the group (see
    /// keep_alive()), which spares counting references.
    /// \param only  only_packet::of(contents, max_packet_size), which is the same for many heaps
    void add_kept(const heap_contents& contents, const only_packet& only, std::int64_t cnt,
                  std::size_t substream_index, double rate, std::size_t max_packet_size) {
        if (only.size == 0 || size_ == capacity_ || cnt >= 0 || !(rate < 0.0) || !simple_)
            [[unlikely]] {
            add_other({&contents, substream_index, only, cnt, rate, 0, 0, 0, false},
                      max_packet_size);
            return;
        }
        entry& e = entries_[size_++];
        e.contents = &contents;
        e.substream = substream_index;
        e.only = only;
        max_substream_ = std::max(max_substream_, substream_index);
    }
    /// Instead: all heaps of \a heaps, with the next cnts of the stream's sequence and its rate.
    /// \return false if somebody else is sending them; the group is as it was
    [[nodiscard]] bool use(std::shared_ptr<premade_packets> heaps) noexcept;
    void reserve(std::size_t heaps) {
        if (heaps > capacity_) grow(heaps);
    }
    /// Keep something alive as long as the group lives. At most once.
    void keep_alive(heap_owner owner) noexcept { owner_ = owner; }
    void set_mode(group_mode mode) noexcept { mode_ = mode; }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// First error of the group; none if all was sent. Once complete.
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
    /// Bytes of packets that went. Once complete.
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

protected:
    /// All is sent or failed. The group now belongs to the callee, who destroys it when it pleases.
    /// Called without locks by whichever thread drives the stream, in the order of queueing; must
    /// be quick. It may queue on the same stream, and may destroy it.
    virtual void complete() noexcept = 0;

private:
    friend class stream_core;
    struct entry {
        const heap_contents* contents;
        std::size_t substream;
        only_packet only;  ///< if one does not take the heap, there is packetisers_[packets]
        // Not set in a simple_ group:
        std::int64_t cnt;
        double rate;  ///< as asked for; once queued, seconds per byte, 0 without limit
        std::uint32_t packets;
        std::uint32_t next;        ///< the entry after this one; once queued
        std::uint32_t unreleased;  ///< packets made and not yet released
        bool packetised;           ///< all packets are made
    };
    [[nodiscard]] entry& at(std::size_t i) noexcept { return entries_[i]; }
    void add_other(entry added, std::size_t max_packet_size);
    void grow(std::size_t heaps);
    void make_not_simple() noexcept;
    /// Have entries instead of premade packets.
    void expand();
    void release_premade() noexcept;

    // Most groups are of one heap: no allocation for those.
    entry single_{};
    std::unique_ptr<entry[]> many_;
    entry* entries_ = &single_;
    std::size_t capacity_ = 1;
    std::shared_ptr<const heap_contents> kept_;  ///< of the first heap, what add() was given
    std::vector<std::shared_ptr<const heap_contents>> kept_more_;  ///< of others
    std::vector<packetiser> packetisers_;       ///< of heaps that one packet is not enough for
    std::shared_ptr<premade_packets> premade_;  ///< instead of entries
    bool counted_ = false;  ///< cnts are next_cnt_, next_cnt_ + step_cnt_, ..., not the entries'
    std::uint64_t next_cnt_ = 0;  ///< of the next packet
    std::uint64_t step_cnt_ = 0;
    std::size_t size_ = 0;
    group_mode mode_ = group_mode::round_robin;
    bool explicit_cnt_ = false;  ///< some heap has a cnt of its own
    bool simple_ = true;         ///< all heaps need one packet, and have neither cnt nor rate
    bool paced_ = false;         ///< packets wait for their time; once queued
    std::size_t max_substream_ = 0;
    std::size_t unfinished_ = 0;    ///< entries with packets to make or release
    std::size_t unpacketised_ = 0;  ///< entries that may have packets to make, premade packets left
    std::uint32_t current_ = 0;     ///< entry of the next packet
    std::uint32_t previous_ = 0;    ///< round robin: the one before it
    std::error_code error_;
    std::uint64_t bytes_sent_ = 0;
    heap_owner owner_{nullptr, nullptr};
    heap_group* next_group_ = nullptr;
};

/// A group that a thread waits for with stream::wait().
class blocking_group final : public heap_group {
private:
    friend class stream_core;
    void complete() noexcept override;

    stream_core* core_ = nullptr;
    std::condition_variable changed_;
    bool done_ = false;
    bool must_drive_ = false;  ///< the driver's role was handed to the waiting thread
    bool abandoned_ = false;   ///< nobody waits any more
    blocking_group* next_waiting_ = nullptr;
};

/// Who sends a group that is queued while nobody drives the stream.
enum class drive : std::uint8_t {
    worker,    ///< a worker of the pool
    caller,    ///< the caller, as far as it goes without waiting, then a worker
    deferred,  ///< nobody until stream::kick()
};

/// Asked now and then while a call blocks; returns true (or throws) to give up waiting.
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
    std::uint64_t send_heaps(std::span<const heap_reference> heaps, group_mode mode);

    /// Send heaps whose packets are made already, and wait. They get the next cnts and the stream's
    /// rate. \throw also EBUSY: somebody else is sending them; std::invalid_argument: they are null,
    /// or were made for a larger max_packet_size
    std::uint64_t send_heaps(std::shared_ptr<premade_packets> heaps);

    /// Called with the first error (if any) and the bytes sent.
    using completion = std::function<void(std::error_code, std::uint64_t)>;
    void async_send_heap(const heap& h, completion done, std::int64_t cnt = -1,
                         std::size_t substream_index = 0, double rate = -1.0);
    void async_send_heaps(std::span<const heap_reference> heaps, group_mode mode, completion done);

    /// For those who bring a group of their own: queue it, or throw as send_heaps() does and leave
    /// the stream as it was and \a group to the caller, to be destroyed. Takes the group over on
    /// success.
    void submit(std::unique_ptr<heap_group>& group, drive how = drive::worker);
    /// Let somebody drive what was submitted with drive::deferred.
    void kick(drive how = drive::worker);

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
    [[nodiscard]] transport& carrier() noexcept;

private:
    std::shared_ptr<stream_core> core_;
};

}  // namespace spead2::send
