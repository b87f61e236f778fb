// SPDX-License-Identifier: Apache-2.0
// What the fuzzing targets share: decisions that are read off the fuzzer's bytes, and heaps that are
// received from packets in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/recv/config.h>
#include <spead2/wire/packet.h>

#include "recv/assembly/assembly.h"

namespace fuzz {

/// The fuzzer's bytes, taken from the front; zeros when there are none left.
class input {
public:
    explicit input(std::span<const std::uint8_t> bytes) : left_(bytes) {}

    [[nodiscard]] bool empty() const { return left_.empty(); }
    std::uint8_t byte() {
        const auto one = bytes(1);
        return one.empty() ? 0 : one[0];
    }
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value = value << 8 | byte();
        return value;
    }
    /// At most \a n of them, which stay where they are.
    std::span<const std::uint8_t> bytes(std::size_t n) {
        const auto taken = left_.first(std::min(n, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const std::uint8_t> left_;
};

inline void no_log() {
    spead2::set_log_sink([](spead2::log_level, const std::string&) {});
}

/// Ends the program, which the fuzzer reports, unless something holds.
inline void require(bool holds) {
    if (!holds) std::abort();
}

/// Receive packets that stand one after another and must all be sound.
inline std::vector<spead2::recv::heap_ptr> receive(const spead2::recv::stream_config& config,
                                                   std::span<const std::uint8_t> packets) {
    std::vector<std::uint64_t> stats(config.stats().size());
    spead2::recv::log_book log;
    spead2::recv::assembly assembly(config, stats.data(), log);
    while (!packets.empty()) {
        spead2::packet_view p;
        require(spead2::decode_packet(packets, p) == spead2::packet_fault::none);
        require(assembly.add(p));
        packets = packets.subspan(p.size());
    }
    assembly.flush();
    return std::move(assembly.finished());
}

}  // namespace fuzz
