// SPDX-License-Identifier: Apache-2.0
// Packets from a reader to the assembly, and what is counted of them. All that is done for each packet
// is one of two loops: datagrams, or packets back to back.
#include <algorithm>
#include <exception>
#include <string>

#include <spead2/recv/reader.h>

#include "../assembly/packet_runs.h"
#include "stream_core.h"
#include "tasks.h"
#include "wire/packet_decoding.h"

namespace spead2::recv {

void intake::begin_batch() noexcept { core_.begin_batch(); }

std::size_t intake::add_datagrams(std::span<const std::uint8_t> bytes,
                                  std::size_t segment) noexcept {
    return core_.add_datagrams(bytes, segment);
}

std::size_t intake::add_each(std::span<const std::span<const std::uint8_t>> packets) noexcept {
    return core_.add_each(packets);
}

std::size_t intake::add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                std::size_t max_size, packet_fault& fault) noexcept {
    return core_.add_packets(bytes, enough, max_size, fault);
}

bool intake::takes_more() const noexcept { return core_.takes_more(); }

void intake::log(log_level level, const std::string& message) noexcept {
    core_.log().add(level, [&message] { return message; });
}

void intake::log_fault(packet_fault fault, std::span<const std::uint8_t> bytes) noexcept {
    core_.log().add(log_level::info, [&] { return describe(fault, bytes); });
}

void stream_core::begin_batch() noexcept {
    merge_stats();
    current_->batch_packets = 0;
    ++batch_stats_[stat_index::batches];
}

void stream_core::log_misfit(packet_fault fault, const packet_view& p, const std::uint8_t* data,
                             std::size_t size) {
    log_.add(log_level::info, [&] {
        if (fault != packet_fault::none) return describe(fault, {data, size});
        return "discarding packet due to size mismatch (" + std::to_string(p.size()) +
               " != " + std::to_string(size) + ")";
    });
}

/// \return false if it is to be offered again
inline bool stream_core::add_datagram(const std::uint8_t* data, std::size_t size) {
    packet_view p;
    const packet_fault fault = wire::decode(data, size, p);
    if (fault != packet_fault::none || p.size() != size) [[unlikely]] {
        log_misfit(fault, p, data, size);
        return true;
    }
    if (assembly_->add(p)) return true;
    must_wait_ = true;
    return false;
}

std::size_t stream_core::add_each(std::span<const std::span<const std::uint8_t>> packets) noexcept {
    datagram_list list{packets};
    try {
        while (!list.left.empty() && takes_more()) {
            if (assembly_->expected() != 0 && assembly_->add_expected(list)) continue;
            if (!add_datagram(list.left.front().data(), list.left.front().size())) break;
            list.take(0);
        }
    } catch (const std::exception&) {
        list.take(0);  // no memory: the packet is lost
    }
    assembly_->end_run();
    return packets.size() - list.left.size();
}

std::size_t stream_core::add_datagrams(std::span<const std::uint8_t> bytes,
                                       std::size_t segment) noexcept {
    datagram_run run{bytes.data(), bytes.size(), segment};
    try {
        while (run.left != 0 && takes_more()) {
            if (assembly_->expected() != 0 && assembly_->add_expected(run)) continue;
            const std::size_t size = std::min(segment, run.left);
            if (!add_datagram(run.data, size)) break;
            run.take(size);
        }
    } catch (const std::exception&) {
        run.take(std::min(segment, run.left));  // no memory: the packet is lost
    }
    assembly_->end_run();
    return bytes.size() - run.left;
}

std::size_t stream_core::add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                     std::size_t max_size, packet_fault& fault) noexcept {
    fault = packet_fault::none;
    enough = std::min(enough, bytes.size());
    packet_run run{bytes.data(), bytes.size()};
    std::size_t size = 0;
    try {
        while (bytes.size() - run.left < enough && takes_more()) {
            size = assembly_->expected();
            if (size != 0 && size <= max_size) {
                const std::size_t done = bytes.size() - run.left;
                packet_run some{run.data, std::min(run.left, enough - done + size - 1)};
                if (assembly_->add_expected(some)) {
                    run.take(static_cast<std::size_t>(some.data - run.data));
                    continue;
                }
            }
            packet_view p;
            fault = wire::decode(run.data, run.left, p);
            if (fault != packet_fault::none) break;
            size = p.size();
            if (size > max_size) {
                fault = packet_fault::too_large;
                break;
            }
            assembly_->look_ahead(run.data, size);
            if (!assembly_->add(p)) {
                must_wait_ = true;
                break;
            }
            run.take(size);
        }
    } catch (const std::exception&) {
        run.take(std::min(size, run.left));
    }
    assembly_->end_run();
    return bytes.size() - run.left;
}

void stream_core::merge_stats() noexcept {
    if (current_ != nullptr) {
        current_->batch_packets += batch_stats_[stat_index::packets];
        batch_stats_[stat_index::max_batch] =
            std::max(batch_stats_[stat_index::max_batch], current_->batch_packets);
    }
    const std::lock_guard hold(stats_mutex_);
    for (std::size_t i = 0; i < stats_.size(); ++i) {
        stats_[i] = config_.stats()[i].combine(stats_[i], batch_stats_[i]);
        batch_stats_[i] = 0;
    }
}

stream_stats stream_core::stats() const {
    check_process();
    const std::lock_guard hold(stats_mutex_);
    return {config_.shared_stats(), stats_};
}

}  // namespace spead2::recv
