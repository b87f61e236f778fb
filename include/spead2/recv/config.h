// SPDX-License-Identifier: Apache-2.0
// How a stream receives, and what its ring keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>

#include <spead2/base/options.h>
#include <spead2/recv/allocator.h>
#include <spead2/recv/stats.h>
#include <spead2/wire/packet.h>

namespace spead2::recv {

/// How payload gets from a packet to its heap.
enum class memcpy_method : std::uint8_t {
    standard,     ///< as the compiler's library does it
    nontemporal,  ///< past the cache, for heaps that are looked at much later
};

/// Puts the payload of a packet where it belongs in its heap, in place of a copy to payload_offset.
/// \param payload  where the heap's payload begins
using scatter_function = std::function<void(std::uint8_t* payload, const packet_view& packet)>;

/// What each option is for is said in options(). Values are checked when set; setters throw
/// std::invalid_argument that names value and limit and leave the configuration as it was.
class stream_config {
public:
    static constexpr std::size_t default_max_heaps = 4;
    static constexpr std::size_t default_max_heap_size = std::size_t{1} << 32;

    stream_config();

    [[nodiscard]] std::size_t max_heaps() const noexcept { return max_heaps_; }
    stream_config& set_max_heaps(std::size_t heaps);

    [[nodiscard]] std::size_t substreams() const noexcept { return substreams_; }
    stream_config& set_substreams(std::size_t substreams);

    [[nodiscard]] std::uint64_t bug_compat() const noexcept { return bug_compat_; }
    stream_config& set_bug_compat(std::uint64_t bits);

    [[nodiscard]] std::size_t max_heap_size() const noexcept { return max_heap_size_; }
    stream_config& set_max_heap_size(std::size_t bytes);

    [[nodiscard]] memcpy_method memcpy() const noexcept { return memcpy_; }
    stream_config& set_memcpy(memcpy_method method);

    /// Empty: payload is copied to its place. With a function, heaps without a length are rejected:
    /// their memory moves as they grow.
    [[nodiscard]] const scatter_function& scatter() const noexcept { return scatter_; }
    stream_config& set_scatter(scatter_function scatter);

    /// Never null.
    [[nodiscard]] const std::shared_ptr<memory_allocator>& allocator() const noexcept {
        return allocator_;
    }
    stream_config& set_allocator(std::shared_ptr<memory_allocator> allocator);

    [[nodiscard]] bool stop_on_stop_item() const noexcept { return stop_on_stop_item_; }
    stream_config& set_stop_on_stop_item(bool stop) noexcept;

    [[nodiscard]] bool stop_on_first_end() const noexcept { return stop_on_first_end_; }
    stream_config& set_stop_on_first_end(bool stop) noexcept;

    [[nodiscard]] bool allow_unsized_heaps() const noexcept { return allow_unsized_heaps_; }
    stream_config& set_allow_unsized_heaps(bool allow) noexcept;

    [[nodiscard]] bool allow_out_of_order() const noexcept { return allow_out_of_order_; }
    stream_config& set_allow_out_of_order(bool allow) noexcept;

    [[nodiscard]] std::uint64_t stream_id() const noexcept { return stream_id_; }
    stream_config& set_stream_id(std::uint64_t id) noexcept;

    [[nodiscard]] bool explicit_start() const noexcept { return explicit_start_; }
    stream_config& set_explicit_start(bool explicit_start) noexcept;

    static constexpr auto options() {
        using self = stream_config;
        return std::tuple{
            option("max_heaps", &self::max_heaps, &self::set_max_heaps,
                   "Heaps of a substream that can be incomplete at a time; at least 1."),
            option("substreams", &self::substreams, &self::set_substreams,
                   "The heap cnt modulo this is the substream; at least 1."),
            option("bug_compat", &self::bug_compat, &self::set_bug_compat,
                   "Sum of the BUG_COMPAT_* constants, for descriptors of old senders."),
            option("max_heap_size", &self::max_heap_size, &self::set_max_heap_size,
                   "Bytes of the largest heap, at least 1. Packets of larger ones are rejected."),
            option("memcpy", &self::memcpy, &self::set_memcpy,
                   "How payload is copied: MEMCPY_STD, or MEMCPY_NONTEMPORAL past the cache."),
            option("memory_allocator", &self::allocator, &self::set_allocator,
                   "Where heaps have their memory from."),
            option("stop_on_stop_item", &self::stop_on_stop_item, &self::set_stop_on_stop_item,
                   "Whether a heap that says that the stream ends stops it."),
            option("stop_on_first_end", &self::stop_on_first_end, &self::set_stop_on_first_end,
                   "Whether the stream stops when the first of its readers has ended; else when "
                   "the last has."),
            option("allow_unsized_heaps", &self::allow_unsized_heaps,
                   &self::set_allow_unsized_heaps,
                   "Whether packets are taken that do not say how long their heap is."),
            option("allow_out_of_order", &self::allow_out_of_order, &self::set_allow_out_of_order,
                   "Whether the packets of a heap may come in any order."),
            option("stream_id", &self::stream_id, &self::set_stream_id,
                   "A number of the user's, copied to chunks."),
            option("explicit_start", &self::explicit_start, &self::set_explicit_start,
                   "Whether packets only flow after start() of the stream."),
        };
    }

    /// All statistics, the built-in ones first.
    [[nodiscard]] const stream_stat_list& stats() const noexcept { return *stats_; }
    [[nodiscard]] const std::shared_ptr<const stream_stat_list>& shared_stats() const noexcept {
        return stats_;
    }
    /// \return the index of the new statistic
    /// \throw std::invalid_argument if there is one of this name
    std::size_t add_stat(std::string name, stat_mode mode = stat_mode::counter);
    /// The index that the next add_stat() gives.
    [[nodiscard]] std::size_t next_stat_index() const noexcept { return stats_->size(); }
    /// \throw std::out_of_range
    [[nodiscard]] std::size_t get_stat_index(const std::string& name) const;

private:
    std::size_t max_heaps_ = default_max_heaps;
    std::size_t substreams_ = 1;
    std::size_t max_heap_size_ = default_max_heap_size;
    memcpy_method memcpy_ = memcpy_method::standard;
    bool stop_on_stop_item_ = true;
    bool stop_on_first_end_ = false;
    bool allow_unsized_heaps_ = true;
    bool allow_out_of_order_ = false;
    bool explicit_start_ = false;
    std::uint64_t stream_id_ = 0;
    std::uint64_t bug_compat_ = 0;
    scatter_function scatter_;
    std::shared_ptr<memory_allocator> allocator_;
    std::shared_ptr<const stream_stat_list> stats_;
};

/// What a ring_stream keeps for its user; options() says what each option is for.
class ring_stream_config {
public:
    static constexpr std::size_t default_heaps = 4;

    [[nodiscard]] std::size_t heaps() const noexcept { return heaps_; }
    ring_stream_config& set_heaps(std::size_t heaps);

    [[nodiscard]] bool contiguous_only() const noexcept { return contiguous_only_; }
    ring_stream_config& set_contiguous_only(bool only) noexcept;

    [[nodiscard]] bool incomplete_keep_payload_ranges() const noexcept { return keep_ranges_; }
    ring_stream_config& set_incomplete_keep_payload_ranges(bool keep) noexcept;

    static constexpr auto options() {
        using self = ring_stream_config;
        return std::tuple{
            option("heaps", &self::heaps, &self::set_heaps,
                   "Heaps that wait to be taken; at least 1. When there are so many, the stream's "
                   "readers pause."),
            option("contiguous_only", &self::contiguous_only, &self::set_contiguous_only,
                   "Whether incomplete heaps are dropped, with a log message."),
            option("incomplete_keep_payload_ranges", &self::incomplete_keep_payload_ranges,
                   &self::set_incomplete_keep_payload_ranges,
                   "Whether incomplete heaps tell which payload they have."),
        };
    }

private:
    std::size_t heaps_ = default_heaps;
    bool contiguous_only_ = true;
    bool keep_ranges_ = false;
};

}  // namespace spead2::recv
