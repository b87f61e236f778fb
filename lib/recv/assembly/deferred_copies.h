// SPDX-License-Identifier: Apache-2.0
// Payload that has a place in a chunk, and is copied there a little later, many heaps at a time. Each heap
// of some KiB drives all else out of the processor's nearest cache; so what stands in packets and what is
// known of the stream is looked at for many heaps first. Copies that follow each other keep the memory
// busy, too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "copy.h"

namespace spead2::recv {

class deferred_copies {
public:
    static constexpr std::size_t most = 64;

    void set_nontemporal(bool nontemporal) noexcept { nontemporal_ = nontemporal; }

    /// Packet and place have to stay until they are copied.
    void add(std::uint8_t* to, const std::uint8_t* from, std::size_t n) noexcept {
        if (n_ == most) copy();
        copies_[n_++] = {to, from, n};
        bytes_ += n;
    }
    /// Before something else is copied, or a packet goes.
    void copy() noexcept {
        if (n_ == 0) return;
        for (std::size_t i = 0; i < n_; ++i) {
            const auto [to, from, n] = copies_[i];
            if (nontemporal_)
                copy_nontemporal(to, from, n);
            else if (bytes_ >= cold && n >= copy_block)
                copy_cold(to, from, n);
            else
                copy_payload(to, from, n);
        }
        n_ = 0;
        bytes_ = 0;
    }
    /// The same, and others may see it: before a chunk goes.
    void finish() noexcept {
        copy();
        if (nontemporal_) end_nontemporal();
    }

private:
    struct one {
        std::uint8_t* to;
        const std::uint8_t* from;
        std::size_t n;
    };

    /// So much does not come from a socket at once: it was not written to a buffer just now.
    static constexpr std::size_t cold = 256 * 1024;

    bool nontemporal_ = false;
    std::size_t n_ = 0;
    std::size_t bytes_ = 0;
    std::array<one, most> copies_;
};

}  // namespace spead2::recv
