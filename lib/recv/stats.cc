// SPDX-License-Identifier: Apache-2.0
#include <spead2/recv/stats.h>

#include <stdexcept>
#include <utility>

namespace spead2::recv {

const stream_stat_list& built_in_stats() {
    static const stream_stat_list list{
        {"heaps", stat_mode::counter},
        {"incomplete_heaps_evicted", stat_mode::counter},
        {"incomplete_heaps_flushed", stat_mode::counter},
        {"packets", stat_mode::counter},
        {"batches", stat_mode::counter},
        {"max_batch", stat_mode::maximum},
        {"single_packet_heaps", stat_mode::counter},
        {"search_dist", stat_mode::counter},
        {"worker_blocked", stat_mode::counter},
    };
    return list;
}

stream_stats::stream_stats(std::shared_ptr<const stream_stat_list> config)
    : config_(std::move(config)), values_(config_->size()) {}

stream_stats::stream_stats(std::shared_ptr<const stream_stat_list> config,
                           std::vector<std::uint64_t> values)
    : config_(std::move(config)), values_(std::move(values)) {
    if (values_.size() != config_->size())
        throw std::invalid_argument(std::to_string(values_.size()) + " values were given for " +
                                    std::to_string(config_->size()) + " statistics");
}

std::optional<std::size_t> stream_stats::find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < config_->size(); ++i)
        if ((*config_)[i].name == name) return i;
    return std::nullopt;
}

std::uint64_t stream_stats::operator[](std::string_view name) const {
    const auto index = find(name);
    if (!index) throw std::out_of_range("there is no statistic called '" + std::string(name) + "'");
    return values_[*index];
}

std::uint64_t& stream_stats::operator[](std::string_view name) {
    const auto index = find(name);
    if (!index) throw std::out_of_range("there is no statistic called '" + std::string(name) + "'");
    return values_[*index];
}

stream_stats& stream_stats::operator+=(const stream_stats& other) {
    if (config_ != other.config_ && *config_ != *other.config_)
        throw std::invalid_argument("config must match to add stats together");
    for (std::size_t i = 0; i < values_.size(); ++i)
        values_[i] = (*config_)[i].combine(values_[i], other.values_[i]);
    return *this;
}

}  // namespace spead2::recv
