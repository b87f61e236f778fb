// SPDX-License-Identifier: GPL-3.0-or-later
// What an item's dtype and shape mean: bytes, descriptors, and the way to network byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gnuradio/spead2/item.h>

#include <spead2/wire/descriptor.h>

namespace gr::spead2 {

/// Copy \a bytes from \a in to \a out, each \a unit bytes (1, 2, 4 or 8; 1: nothing to do) turned round:
/// into network byte order, or from there.
void copy_samples(std::uint8_t* out, const std::uint8_t* in, std::size_t bytes,
                  std::size_t unit) noexcept;

class sample_format {
public:
    /// \throw std::invalid_argument
    explicit sample_format(const item& i);

    /// Bytes of one GNU Radio item.
    [[nodiscard]] std::size_t item_bytes() const noexcept { return item_bytes_; }
    /// Bytes that are reversed together on the way to network byte order; 1: nothing to do.
    [[nodiscard]] std::size_t swap_bytes() const noexcept { return swap_bytes_; }
    /// 'i', 'u', 'f' or 'c', and bytes of such an element.
    [[nodiscard]] char kind() const noexcept { return kind_; }
    [[nodiscard]] std::size_t element_bytes() const noexcept { return element_bytes_; }
    /// Elements of one GNU Radio item, with the dimension of pairs of integers.
    [[nodiscard]] const std::vector<std::int64_t>& shape() const noexcept { return shape_; }
    /// " of shape (2, 3)"; empty for a single element.
    [[nodiscard]] std::string shape_text() const;

    /// Description of \a length samples in the machine's byte order.
    [[nodiscard]] engine::descriptor fixed(const item& i, std::uint64_t length) const;
    /// The same of a whole \a shape, the dimension of pairs of integers included.
    [[nodiscard]] engine::descriptor described(const item& i,
                                               const std::vector<std::int64_t>& shape) const;
    /// Description of any number of samples in network byte order.
    [[nodiscard]] engine::descriptor variable(const item& i) const;

    /// Copy \a bytes from \a in to \a out, into network byte order.
    void to_network(std::uint8_t* out, const std::uint8_t* in, std::size_t bytes) const noexcept {
        copy_samples(out, in, bytes, swap_bytes_);
    }

private:
    char kind_;
    std::size_t element_bytes_;
    std::size_t item_bytes_;
    std::size_t swap_bytes_;
    std::vector<std::int64_t> shape_;
};

}  // namespace gr::spead2
