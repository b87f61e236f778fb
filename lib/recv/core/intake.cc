// SPDX-License-Identifier: Apache-2.0
// Packets from a reader to the assembly, and what is counted of them. All that is done for each packet
// is one of two loops: datagrams, or packets back to back.
#include <algorithm>
#include <exception>
#include <string>

#include <spead2/recv/reader.h>

#include "stream_core.h"
#include "tasks.h"
#include "wire/packet_decoding.h"

namespace spead2::recv {
namespace {

constexpr std::size_t cache_line = 64;

}  // namespace

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
    std::size_t done = 0;
    try {
        for (; done < packets.size() && takes_more(); ++done) {
            const std::span<const std::uint8_t> packet = packets[done];
            if (assembly_->expected() == packet.size() && !packet.empty() &&
                assembly_->add_expected(packet.data(), packet.size(), packet.size()) != 0)
                continue;
            if (!add_datagram(packet.data(), packet.size())) break;
        }
    } catch (const std::exception&) {
        ++done;  // no memory: the packet is lost
    }
    return done;
}

std::size_t stream_core::add_datagrams(std::span<const std::uint8_t> bytes,
                                       std::size_t segment) noexcept {
    std::size_t done = 0;
    try {
        while (done < bytes.size() && takes_more()) {
            const std::size_t left = bytes.size() - done;
            const std::size_t size = std::min(segment, left);
            if (assembly_->expected() == size) {
                const std::size_t run = assembly_->add_expected(bytes.data() + done, left, segment);
                done += run;
                if (run != 0) continue;
            }
            if (!add_datagram(bytes.data() + done, size)) break;
            done += size;
        }
    } catch (const std::exception&) {
        done += std::min(segment, bytes.size() - done);  // no memory: the packet is lost
    }
    return done;
}

std::size_t stream_core::add_packets(std::span<const std::uint8_t> bytes, std::size_t enough,
                                     std::size_t max_size, packet_fault& fault) noexcept {
    fault = packet_fault::none;
    enough = std::min(enough, bytes.size());
    std::size_t done = 0;
    std::size_t size = 0;
    try {
        while (done < enough && takes_more()) {
            size = assembly_->expected();
            if (size != 0 && size <= max_size && size <= bytes.size() - done) {
                const std::size_t most = std::min(bytes.size() - done, enough - done + size);
                const std::size_t run = assembly_->add_expected(bytes.data() + done, most, 0);
                done += run;
                if (run != 0) continue;
            }
            packet_view p;
            fault = wire::decode(bytes.data() + done, bytes.size() - done, p);
            if (fault != packet_fault::none) break;
            size = p.size();
            __builtin_prefetch(p.bytes + size);
            __builtin_prefetch(p.bytes + size + cache_line);
            if (size > max_size) {
                fault = packet_fault::too_large;
                break;
            }
            if (!assembly_->add(p)) {
                must_wait_ = true;
                break;
            }
            done += size;
        }
    } catch (const std::exception&) {
        done += size;
    }
    return done;
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
