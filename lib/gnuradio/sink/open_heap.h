// SPDX-License-Identifier: GPL-3.0-or-later
// The heap that is being filled: its samples stay in GNU Radio's buffers, or are gathered in memory
// of the block's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/gather_pool.h"
#include "common/sample_format.h"

namespace gr::spead2 {

/// Input of one port, in one call of the scheduler.
struct port_window {
    const std::uint8_t* data = nullptr;  ///< of the first sample that is not consumed
    std::uint64_t end = 0;               ///< first sample that is not there
};

class open_heap {
public:
    /// Bytes that a heap of \a length samples takes when it is gathered.
    [[nodiscard]] static std::size_t gathered_bytes(const std::vector<sample_format>& formats,
                                                    std::uint64_t length);

    /// \param memory  of gathered_bytes(); none: samples stay where they are
    open_heap(std::uint64_t start, std::uint64_t length, std::shared_ptr<gather_buffer> memory)
        : start_(start),
          samples_(length),
          length_(length),
          room_(length),
          memory_(std::move(memory)) {}

    [[nodiscard]] std::uint64_t start() const noexcept { return start_; }
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }
    /// Samples that are not from the input, but zeros.
    [[nodiscard]] std::uint64_t padding() const noexcept { return length_ - samples_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return start_ + samples_; }
    [[nodiscard]] bool in_place() const noexcept { return memory_ == nullptr; }
    [[nodiscard]] const std::shared_ptr<gather_buffer>& memory() const noexcept { return memory_; }

    /// The input ends at \a end, with zeros behind it, for which there has to be memory.
    void pad_from(std::uint64_t end) noexcept { samples_ = end - start_; }
    /// The heap ends at \a end.
    void end_at(std::uint64_t end) noexcept { samples_ = length_ = end - start_; }
    /// Gather from now on.
    void use(std::shared_ptr<gather_buffer> memory) noexcept { memory_ = std::move(memory); }
    /// Write the zeros.
    void write_padding(const std::vector<sample_format>& formats) const;

    /// Copy samples [\a from, \a to). \a read is the first sample of the windows.
    void gather(const std::vector<sample_format>& formats, bool to_network,
                const std::vector<port_window>& windows, std::uint64_t read, std::uint64_t from,
                std::uint64_t to);
    /// Where each port's samples are.
    void locate(const std::vector<sample_format>& formats, const std::vector<port_window>& windows,
                std::uint64_t read, std::vector<const std::uint8_t*>& payload) const;

private:
    std::uint64_t start_;
    std::uint64_t samples_;
    std::uint64_t length_;
    std::uint64_t room_;  ///< samples that the memory is for
    std::shared_ptr<gather_buffer> memory_;
};

}  // namespace gr::spead2
