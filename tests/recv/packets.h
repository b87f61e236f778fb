// SPDX-License-Identifier: Apache-2.0
// For tests of receiving: packets from hexadecimal text or from a few numbers, a collected log, and
// a queue that is fed with packets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <spead2/base/log.h>
#include <spead2/net/inproc_queue.h>
#include <spead2/wire/flavour.h>
#include <spead2/wire/protocol.h>

using bytes = std::vector<std::uint8_t>;

/// Blanks and '|' are for reading only.
inline bytes from_hex(const std::string& text) {
    bytes out;
    std::string digits;
    for (const char c : text)
        if (c != ' ' && c != '|') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return out;
}

inline std::string to_hex(std::span<const std::uint8_t> data) {
    std::string text;
    for (const std::uint8_t byte : data) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

inline void put_u64(bytes& out, std::uint64_t value) {
    for (int i = 7; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

struct packet_fields {
    std::uint64_t cnt = 1;
    std::int64_t heap_length = -1;
    std::uint64_t offset = 0;
    bytes payload;
    std::vector<std::uint64_t> pointers;  ///< further ones
};

inline bytes make_packet(const packet_fields& f, const spead2::flavour& fl = {}) {
    using namespace spead2;
    std::vector<std::uint64_t> pointers{fl.immediate(heap_cnt_id, f.cnt)};
    if (f.heap_length >= 0)
        pointers.push_back(fl.immediate(heap_length_id, static_cast<std::uint64_t>(f.heap_length)));
    pointers.push_back(fl.immediate(payload_offset_id, f.offset));
    pointers.push_back(fl.immediate(payload_length_id, f.payload.size()));
    pointers.insert(pointers.end(), f.pointers.begin(), f.pointers.end());
    bytes out{0x53,
              4,
              static_cast<std::uint8_t>(8 - fl.address_bytes()),
              static_cast<std::uint8_t>(fl.address_bytes()),
              0,
              0,
              static_cast<std::uint8_t>(pointers.size() >> 8),
              static_cast<std::uint8_t>(pointers.size())};
    for (const std::uint64_t pointer : pointers) put_u64(out, pointer);
    out.insert(out.end(), f.payload.begin(), f.payload.end());
    return out;
}

/// The packets of a heap with one item of \a size bytes, counting up from \a first.
inline std::vector<bytes> make_heap(std::uint64_t cnt, std::size_t size, std::size_t payload,
                                    std::uint8_t first = 0) {
    std::vector<bytes> packets;
    for (std::size_t at = 0; at == 0 || at < size; at += payload) {
        packet_fields f;
        f.cnt = cnt;
        f.heap_length = static_cast<std::int64_t>(size);
        f.offset = at;
        for (std::size_t i = at; i < std::min(size, at + payload); ++i)
            f.payload.push_back(static_cast<std::uint8_t>(first + i));
        if (at == 0) f.pointers.push_back(spead2::flavour().address(0x1000, 0));
        packets.push_back(make_packet(f));
    }
    return packets;
}

inline bytes join(const std::vector<bytes>& packets) {
    bytes all;
    for (const bytes& p : packets) all.insert(all.end(), p.begin(), p.end());
    return all;
}

/// Collects what is logged while it lives, one line a message.
class collected_log {
public:
    collected_log() {
        spead2::set_log_sink([this](spead2::log_level level, const std::string& message) {
            static constexpr const char* names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
            const std::lock_guard lock(mutex_);
            text_ += std::string(names[static_cast<int>(level)]) + " " + message + "\n";
        });
    }
    collected_log(const collected_log&) = delete;
    collected_log& operator=(const collected_log&) = delete;
    ~collected_log() { spead2::set_log_sink({}); }
    [[nodiscard]] std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};
