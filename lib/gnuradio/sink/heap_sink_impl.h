// SPDX-License-Identifier: GPL-3.0-or-later
// heap_sink: finds the boundaries of heaps in the input and says when the input may go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/heap_sink.h>

#include "common/counters.h"
#include "common/gather_pool.h"
#include "common/ticker.h"
#include "heap_assembler.h"
#include "heap_sender.h"

namespace gr::spead2 {

class heap_sink_impl final : public heap_sink {
public:
    heap_sink_impl(const std::string& name, std::shared_ptr<::spead2::send::stream> stream,
                   const std::vector<item>& items, const heap_sink_options& options);
    ~heap_sink_impl() override;

    bool start() override;
    bool stop() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int general_work(int noutput_items, gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

    void set_rate(double bytes_per_second) override;
    void set_descriptor_interval(std::uint64_t heaps) override;
    std::uint64_t descriptor_interval() const override { return assembler_.descriptor_interval(); }
    const std::shared_ptr<::spead2::send::stream>& stream() const override {
        return sender_.stream();
    }
    std::uint64_t heaps_sent() const override { return counts_->heaps_sent.load(); }
    std::uint64_t bytes_sent() const override { return counts_->bytes_sent.load(); }
    std::uint64_t heaps_failed() const override { return counts_->heaps_failed.load(); }
    std::uint64_t samples_dropped() const override { return counts_->samples_dropped.load(); }
    std::uint64_t bad_tags() const override { return counts_->bad_tags.load(); }
    std::string error() const override { return counts_->error(); }

private:
    // All positions are counted in samples since the flowgraph started, on all ports alike.

    /// Input of one port in this call of general_work().
    struct port_window {
        const std::uint8_t* data = nullptr;  ///< of sample read_
        std::uint64_t end = 0;               ///< first sample that is not there
    };
    /// A length tag that was read.
    struct length_tag {
        std::uint64_t offset;
        std::optional<std::uint64_t> length;  ///< nothing: no positive number
        std::string text;                     ///< of the value, where it is none
    };
    struct port_state {
        std::size_t item_bytes = 0;
        std::uint64_t in_place_limit = 0;  ///< samples of a heap that is sent from the buffer
        int capacity = 0;                  ///< most samples that the buffer can hold
        std::deque<length_tag> tags;
        bool wants_tags = false;
        std::uint64_t tags_read = 0;  ///< up to here
        std::uint64_t wanted = 0;     ///< nothing to do until there is input up to here
    };
    /// The heap that is being filled.
    struct open_heap {
        std::uint64_t start;
        std::uint64_t length;
        bool in_place;
        std::shared_ptr<gather_buffer> memory;  // unless in place
        [[nodiscard]] std::uint64_t end() const noexcept { return start + length; }
    };
    /// Input that may go when \a heap heaps of the sender are complete.
    struct release {
        std::uint64_t end;
        std::uint64_t heap;
    };
    enum class outcome { input, queue, finished };
    enum class found { heap, nothing, no_memory };

    /// Go as far as input and queue allow.
    outcome advance(const std::vector<port_window>& windows);
    void read_tags(const std::vector<port_window>& windows);
    [[nodiscard]] found find_heap(std::uint64_t available);
    [[nodiscard]] std::optional<std::uint64_t> length_here(std::uint64_t next);
    [[nodiscard]] found open(std::uint64_t length, std::uint64_t next);
    [[nodiscard]] std::optional<std::uint64_t> overlap(std::uint64_t end) const;
    [[nodiscard]] std::string overlap_place(std::uint64_t offset) const;
    void gather(const std::vector<port_window>& windows, std::uint64_t end);
    void send_open(const std::vector<port_window>& windows);
    void want(const std::vector<port_window>& windows, std::uint64_t end);
    /// A boundary is not where it should be; skips to \a next, or stops.
    void bad_tag(const std::string& message, std::uint64_t next);
    void drop_to(std::uint64_t position);
    void stop_with(const std::string& message);
    /// Consume what may go. \return whether there was something
    bool consume_released();
    [[nodiscard]] bool can_release() const;
    void ask_for_buffers(bool ask);
    void tick();
    void finish_input();

    const heap_sink_options options_;
    const std::vector<item> items_;
    const pmt::pmt_t length_key_;
    const std::shared_ptr<counters> counts_;
    heap_assembler assembler_;
    heap_sender sender_;
    gather_pool pool_;
    ticker ticker_;
    std::uint64_t buffer_samples_ = 0;  ///< asked for

    std::vector<port_state> ports_;
    std::vector<port_window> windows_;
    std::vector<const std::uint8_t*> payload_;
    std::vector<tag_t> tag_scratch_;
    std::uint64_t read_ = 0;    ///< consumed up to here
    std::uint64_t cursor_ = 0;  ///< dealt with up to here
    std::optional<open_heap> open_;
    std::deque<release> releases_;
    outcome last_ = outcome::input;
    bool lost_ = false;     ///< looking for the next good tag
    bool stopped_ = false;  ///< by stop_with()
    bool running_ = false;
};

}  // namespace gr::spead2
