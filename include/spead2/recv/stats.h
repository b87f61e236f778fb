// SPDX-License-Identifier: Apache-2.0
// What a stream counts: an array of numbers with names, the built-in ones first, then the user's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spead2::recv {

/// Index of the built-in statistics.
namespace stat_index {
inline constexpr std::size_t heaps = 0;  ///< that left the assembly, incomplete ones included
inline constexpr std::size_t incomplete_heaps_evicted = 1;
inline constexpr std::size_t incomplete_heaps_flushed = 2;
inline constexpr std::size_t packets = 3;  ///< that could be read
inline constexpr std::size_t batches = 4;
inline constexpr std::size_t max_batch = 5;  ///< packets
inline constexpr std::size_t single_packet_heaps = 6;
inline constexpr std::size_t search_dist = 7;     ///< entries looked at to find heaps
inline constexpr std::size_t worker_blocked = 8;  ///< times that the ring was full
inline constexpr std::size_t custom = 9;          ///< the first one that is not built in
}  // namespace stat_index

/// How the values of two times, or two streams, become one.
enum class stat_mode : std::uint8_t {
    counter,  ///< sum
    maximum,  ///< the larger one
};

struct stream_stat_config {
    std::string name;
    stat_mode mode = stat_mode::counter;

    [[nodiscard]] std::uint64_t combine(std::uint64_t a, std::uint64_t b) const noexcept {
        return mode == stat_mode::counter ? a + b : a > b ? a : b;
    }
    friend bool operator==(const stream_stat_config&, const stream_stat_config&) = default;
};

/// Names of statistics, in the order of their indices.
using stream_stat_list = std::vector<stream_stat_config>;

/// The built-in ones.
[[nodiscard]] const stream_stat_list& built_in_stats();

/// Values at one time. Independent of the stream.
class stream_stats {
public:
    /// All zero. \param config  must not be null
    explicit stream_stats(std::shared_ptr<const stream_stat_list> config);
    stream_stats(std::shared_ptr<const stream_stat_list> config, std::vector<std::uint64_t> values);

    [[nodiscard]] const stream_stat_list& config() const noexcept { return *config_; }
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    [[nodiscard]] std::uint64_t operator[](std::size_t index) const noexcept {
        return values_[index];
    }
    [[nodiscard]] std::uint64_t& operator[](std::size_t index) noexcept { return values_[index]; }
    /// \throw std::out_of_range
    [[nodiscard]] std::uint64_t operator[](std::string_view name) const;
    [[nodiscard]] std::uint64_t& operator[](std::string_view name);
    [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept;

    /// Combine each value as its mode says. \throw std::invalid_argument unless the names and modes
    /// are the same
    stream_stats& operator+=(const stream_stats& other);
    friend stream_stats operator+(stream_stats a, const stream_stats& b) {
        a += b;
        return a;
    }

private:
    std::shared_ptr<const stream_stat_list> config_;
    std::vector<std::uint64_t> values_;
};

}  // namespace spead2::recv
