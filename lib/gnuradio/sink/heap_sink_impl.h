// SPDX-License-Identifier: GPL-3.0-or-later
// heap_sink: takes input as the scheduler gives it, makes heaps of it and says when it may go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <gnuradio/spead2/heap_sink.h>

#include "boundaries.h"
#include "discontinuities.h"
#include "open_heap.h"
#include "sink_core.h"

namespace gr::spead2 {

// The interface is for users, the core is shared: neither knows the other but by the interface.
// NOLINTNEXTLINE(misc-multiple-inheritance)
class heap_sink_impl final : public heap_sink, public sink_core {
public:
    heap_sink_impl(transport stream, heap_share share, const heap_sink_options& options);
    ~heap_sink_impl() override;

    bool start() override;
    bool stop() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int general_work(int noutput_items, gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

private:
    // All positions are counted in samples since the flowgraph started, on all ports alike.

    struct port_state {
        std::uint64_t in_place_limit = 0;  ///< samples of a heap that is sent from the buffer
        int capacity = 0;                  ///< most samples that the buffer can hold
        bool wants_tags = false;
        std::uint64_t shift = 0;      ///< from GNU Radio's count of samples to positions
        std::uint64_t tags_read = 0;  ///< up to here
        std::uint64_t wanted = 0;     ///< nothing to do until there is input up to here
    };
    /// Input that may go when \a heap heaps of the sender are complete.
    struct release {
        std::uint64_t end;
        std::uint64_t heap;
    };
    enum class outcome { input, queue, finished };
    enum class found { heap, nothing, no_memory };

    // What the scheduler asks for.
    [[nodiscard]] bool can_release() const;
    /// Consume what may go. \return whether there was something
    bool consume_released();
    void want(std::uint64_t end);
    void ask_for_buffers(bool ask);

    // From samples to heaps.
    /// Go as far as input and queue allow.
    outcome advance();
    void read_tags();
    [[nodiscard]] found find_heap(std::uint64_t available);
    /// Samples before the next place where a heap of all flowgraphs begins.
    [[nodiscard]] std::uint64_t samples_before_heap();
    [[nodiscard]] found open(std::uint64_t length, std::uint64_t next);
    /// Of a packet in whose middle the input was new.
    [[nodiscard]] found open_rest(std::uint64_t available);
    /// Memory to gather \a length samples; none: wait for that of others.
    [[nodiscard]] std::shared_ptr<gather_buffer> take_memory(std::uint64_t length);
    /// The input is new at \a position, within the open heap. \return false: wait for memory
    [[nodiscard]] bool restart_at(std::uint64_t position);
    void send_open();
    /// A boundary is not where it should be; skips to \a next, or stops.
    void bad_tag(const std::string& message, std::uint64_t next);
    void drop_to(std::uint64_t position);
    /// Send what makes heaps at the end. \return the end of the input on all ports
    std::uint64_t finish_input();
    void stop_now(const std::string& message);

    const heap_sink_options options_;
    boundaries boundaries_;
    discontinuities discontinuities_;
    std::uint64_t buffer_samples_ = 0;  ///< asked for

    std::vector<port_state> ports_;
    std::vector<port_window> windows_;
    std::vector<const std::uint8_t*> payload_;
    std::vector<tag_t> tag_scratch_;
    std::uint64_t read_ = 0;    ///< consumed up to here
    std::uint64_t cursor_ = 0;  ///< dealt with up to here
    std::optional<open_heap> open_;
    std::uint64_t rest_end_ = 0;     ///< of the packet in whose middle the input was new
    std::uint64_t rest_length_ = 0;  ///< of that packet
    std::uint64_t next_ = 0;         ///< of several flowgraphs' heaps: those before it were sent
    std::deque<release> releases_;
    outcome last_ = outcome::input;
    bool lost_ = false;     ///< looking for the next good tag
    bool stopped_ = false;  ///< by stop_now()
    bool running_ = false;
};

}  // namespace gr::spead2
