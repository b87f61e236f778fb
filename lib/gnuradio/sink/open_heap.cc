// SPDX-License-Identifier: GPL-3.0-or-later
#include "open_heap.h"

#include <cstring>

namespace gr::spead2 {
namespace {

/// Bytes of one port, so that the next one starts on a cache line.
std::size_t gathered(const sample_format& format, std::uint64_t length) {
    return (static_cast<std::size_t>(length) * format.item_bytes() + 63) / 64 * 64;
}

}  // namespace

std::size_t open_heap::gathered_bytes(const std::vector<sample_format>& formats,
                                      std::uint64_t length) {
    std::size_t bytes = 0;
    for (const sample_format& f : formats) bytes += gathered(f, length);
    return bytes;
}

void open_heap::gather(const std::vector<sample_format>& formats, bool to_network,
                       const std::vector<port_window>& windows, std::uint64_t read,
                       std::uint64_t from, std::uint64_t to) {
    std::uint8_t* out = memory_->bytes.get();
    for (std::size_t p = 0; p < formats.size(); ++p) {
        const std::size_t item_bytes = formats[p].item_bytes();
        const std::uint8_t* const in = windows[p].data + (from - read) * item_bytes;
        const std::size_t n = static_cast<std::size_t>(to - from) * item_bytes;
        if (to_network)
            formats[p].to_network(out + (from - start_) * item_bytes, in, n);
        else
            std::memcpy(out + (from - start_) * item_bytes, in, n);
        out += gathered(formats[p], room_);
    }
}

void open_heap::write_padding(const std::vector<sample_format>& formats) const {
    std::uint8_t* out = memory_->bytes.get();
    for (const sample_format& f : formats) {
        std::memset(out + samples_ * f.item_bytes(), 0, padding() * f.item_bytes());
        out += gathered(f, room_);
    }
}

void open_heap::locate(const std::vector<sample_format>& formats,
                       const std::vector<port_window>& windows, std::uint64_t read,
                       std::vector<const std::uint8_t*>& payload) const {
    const std::uint8_t* own = memory_ ? memory_->bytes.get() : nullptr;
    for (std::size_t p = 0; p < formats.size(); ++p) {
        payload[p] =
            own != nullptr ? own : windows[p].data + (start_ - read) * formats[p].item_bytes();
        if (own != nullptr) own += gathered(formats[p], room_);
    }
}

}  // namespace gr::spead2
