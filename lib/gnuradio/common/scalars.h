// SPDX-License-Identifier: GPL-3.0-or-later
// The value of each scalar item for a heap: from tags as they come, a counter or a constant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <gnuradio/spead2/item.h>
#include <pmt/pmt.h>

#include <spead2/wire/descriptor.h>
#include <spead2/wire/number.h>

namespace gr::spead2 {

/// A value as it goes on the wire: a number in the low bits of \a number, or a text.
struct encoded_scalar {
    std::uint64_t number = 0;
    std::string text{};
};

/// \a v and \a step for each of \a samples.
[[nodiscard]] scalar_value advance(const scalar_value& v, double step, std::uint64_t samples);

/// Type of a scalar item.
class scalar_format {
public:
    /// \throw std::invalid_argument
    explicit scalar_format(const scalar_item& s);

    [[nodiscard]] bool is_text() const noexcept { return field_.code == 'c'; }
    [[nodiscard]] bool is_float() const noexcept { return field_.code == 'f'; }
    [[nodiscard]] std::size_t bytes() const noexcept { return field_.bits / 8; }
    [[nodiscard]] engine::descriptor describe(const scalar_item& s) const;
    /// Nothing if the type cannot hold the value, by the rule of spead2/wire/number.h: unsigned
    /// numbers wrap.
    [[nodiscard]] std::optional<encoded_scalar> encode(
        const scalar_value& v, engine::overflow rule = engine::overflow::wrap) const;
    /// The low bits.
    [[nodiscard]] encoded_scalar wrap(std::uint64_t v) const noexcept;

private:
    engine::format_field field_{};
};

/// One scalar item over the life of a flowgraph.
class scalar_track {
public:
    /// \throw std::invalid_argument for a bad dtype, or a constant that does not fit it
    explicit scalar_track(const scalar_item& s);

    [[nodiscard]] const scalar_item& what() const noexcept { return item_; }
    [[nodiscard]] const scalar_format& format() const noexcept { return format_; }
    [[nodiscard]] bool from_tag() const noexcept { return item_.from == scalar_item::source::tag; }
    [[nodiscard]] const pmt::pmt_t& key() const noexcept { return key_; }

    /// Forget all tags: the flowgraph starts.
    void reset();
    /// A tag was read. Tags come in the order of their offsets.
    /// \return false if the type cannot hold its value, which is then left out
    [[nodiscard]] bool add_tag(std::uint64_t offset, const pmt::pmt_t& value);
    /// Forget what no heap will have: a heap from \a start on is to come, in which samples up to
    /// \a position lie, then those from there on. Keeps what grows with the input bounded.
    void settle(std::uint64_t start, std::uint64_t position);
    /// A time stands for its own PDU only, unless it has a step: the next is of another time.
    void forget_times();
    /// The value for the heap of \a length samples from sample \a start on. Heaps come in order.
    /// \param missing  samples that counters count as well, though they never came
    [[nodiscard]] std::optional<encoded_scalar> take(std::uint64_t start, std::uint64_t length,
                                                     std::uint64_t missing = 0);

private:
    [[nodiscard]] std::optional<scalar_value> convert(const pmt::pmt_t& value) const;

    void erase(std::size_t from, std::size_t to);

    struct tag {
        std::uint64_t offset;
        scalar_value value;
        bool is_time;
    };
    scalar_item item_;
    scalar_format format_;
    pmt::pmt_t key_;
    std::optional<encoded_scalar> fixed_;  // constant, or the value before the first tag
    std::deque<tag> tags_;                 // sticky: the one that stands, then those to come
};

}  // namespace gr::spead2
