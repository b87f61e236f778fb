// SPDX-License-Identifier: GPL-3.0-or-later
// What a descriptor says of an item: type, byte order and shape, as far as blocks can use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/item.h>
#include <pmt/pmt.h>

#include <spead2/recv/heap.h>
#include <spead2/wire/descriptor.h>

#include "common/sample_format.h"

namespace gr::spead2 {

class item_layout {
public:
    /// \param bug_compat  of the heap that it came in
    item_layout(const engine::descriptor& d, unsigned bug_compat);
    /// Without a descriptor: samples as a port has them.
    item_layout(const item& i, const sample_format& format, bool network_order);
    /// Without a descriptor: a single number or a text in network order.
    item_layout(const scalar_item& s, const engine::descriptor& d);

    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool is_text() const noexcept { return kind_ == 'S'; }
    /// Of an element.
    [[nodiscard]] std::uint64_t bits() const noexcept { return bits_; }
    /// "float32 of shape (4096,)"
    [[nodiscard]] std::string to_string() const;

    // ---- As samples

    /// Whether items are samples of this format, so that samples() may be asked. The last dimensions
    /// are those of one sample, those before count samples.
    [[nodiscard]] bool fits(const sample_format& format) const;
    /// Whether the bytes of samples have to be swapped for this machine.
    [[nodiscard]] bool swaps() const noexcept { return swap_; }
    /// Samples in \a bytes bytes; nothing if those are too few for the shape.
    [[nodiscard]] std::optional<std::uint64_t> samples(const sample_format& format,
                                                       std::size_t bytes) const;

    // ---- As a value

    /// A single number or a text.
    [[nodiscard]] std::optional<scalar_value> scalar(const engine::recv::raw_item& raw) const;
    /// Any value: a number, a text, or for arrays a uniform vector; null if there is no way to say it.
    [[nodiscard]] pmt::pmt_t value(const engine::recv::raw_item& raw) const;

private:
    void read_numpy(const std::string& header);
    void read_format(const std::vector<engine::format_field>& format, bool little_endian);
    /// Dimensions that count samples.
    [[nodiscard]] std::size_t leading(const sample_format& format) const;
    [[nodiscard]] std::size_t bytes() const noexcept { return bits_ / 8; }

    std::uint64_t id_;
    std::string name_;
    char kind_ = '?';         ///< u, i, f, b; c: complex; S: characters; ?: a structure or the like
    std::uint64_t bits_ = 0;  ///< of an element
    bool swap_ = false;       ///< the other byte order than this machine's
    bool format_ = true;      ///< bits of the protocol, big-endian, else as numpy has them
    std::vector<std::int64_t> shape_;
};

/// A scalar as a tag's or a metadata entry's value.
[[nodiscard]] pmt::pmt_t to_pmt(const scalar_value& v);

}  // namespace gr::spead2
