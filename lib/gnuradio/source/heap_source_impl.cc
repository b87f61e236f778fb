// SPDX-License-Identifier: GPL-3.0-or-later
#include "heap_source_impl.h"

#include <gnuradio/io_signature.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace gr::spead2 {
namespace {

/// Bytes of an output buffer: so large that many heaps are handed over at a time, since each time
/// wakes the block behind.
constexpr std::size_t output_buffer = std::size_t{1} << 20;

gr::io_signature::sptr make_output_signature(const std::vector<item>& items) {
    std::vector<int> sizes;
    for (const item& i : items) sizes.push_back(static_cast<int>(item_size(i)));
    if (sizes.empty())
        throw std::invalid_argument("items is empty, but a source needs at least one");
    const int n = static_cast<int>(sizes.size());
    return gr::io_signature::makev(n, n, sizes);
}

pmt::pmt_t key_or_null(const std::string& key) {
    return key.empty() ? pmt::pmt_t() : pmt::string_to_symbol(key);
}

template <typename T>
void fill_with(std::vector<std::uint8_t>& bytes, T value) {
    for (std::size_t at = 0; at < bytes.size(); at += sizeof value)
        std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// A sample of numbers that are none.
std::vector<std::uint8_t> nan_sample(const item& i, const sample_format& format) {
    std::vector<std::uint8_t> bytes(format.item_bytes());
    const std::size_t size =
        format.kind() == 'c' ? format.element_bytes() / 2 : format.element_bytes();
    if (format.kind() != 'c' && format.kind() != 'f')
        throw std::invalid_argument("on_lost is 'nan', but item '" + i.name + "' of dtype '" +
                                    i.dtype + "' has no such numbers");
    if (size == sizeof(float))
        fill_with(bytes, std::numeric_limits<float>::quiet_NaN());
    else
        fill_with(bytes, std::numeric_limits<double>::quiet_NaN());
    return bytes;
}

}  // namespace

heap_source::sptr heap_source::make(receiver stream, const std::vector<item>& items,
                                    const heap_source_options& options) {
    return gnuradio::make_block_sptr<heap_source_impl>(std::move(stream), items, options);
}

heap_source_impl::heap_source_impl(receiver stream, const std::vector<item>& items,
                                   const heap_source_options& options)
    : gr::block("heap_source", gr::io_signature::make(0, 0, 0), make_output_signature(items)),
      source_core(*this, d_logger, std::move(stream), items, options),
      options_(options),
      length_key_(key_or_null(options.length_tag)),
      lost_key_(key_or_null(options.lost_tag)),
      values_(reader_.scalars()) {
    for (std::size_t p = 0; p < items.size(); ++p) {
        const sample_format& format = reader_.formats()[p];
        set_min_output_buffer(static_cast<int>(p), static_cast<long>(std::max<std::size_t>(
                                                       1, output_buffer / format.item_bytes())));
        if (options.on_lost == lost_action::nan)
            filling_.push_back(nan_sample(items[p], format));
        else
            filling_.emplace_back(format.item_bytes(), std::uint8_t{0});
    }
}

heap_source_impl::~heap_source_impl() = default;

bool heap_source_impl::start() {
    const bool on = resumes();
    // Where it was locked GNU Radio has dropped what was in its buffers, tags included: the next
    // heap tells everything anew.
    gap_ = on;
    if (heap_) counts_.samples_lost.fetch_add(on ? to_fill_ + heap_->heap.length - copied_ : 0);
    heap_.reset();
    to_fill_ = piece_ = 0;
    values_.reset();
    position_ = nitems_written(0);
    stopped_ = false;
    begin(on);
    return true;
}

bool heap_source_impl::stop() {
    end();
    return true;
}

int heap_source_impl::general_work(int noutput_items, gr_vector_int&, gr_vector_const_void_star&,
                                   gr_vector_void_star& output_items) {
    const auto room = static_cast<std::uint64_t>(noutput_items);
    const std::uint64_t begin = position_;
    gr_vector_void_star out = output_items;
    while (position_ - begin < room && find_samples(position_ == begin)) {
        const std::uint64_t left = room - (position_ - begin);
        const std::uint64_t n = to_fill_ != 0 ? fill(left, out) : copy(left, out);
        for (std::size_t p = 0; p < out.size(); ++p)
            out[p] = static_cast<std::uint8_t*>(out[p]) + n * reader_.formats()[p].item_bytes();
        position_ += n;
    }
    const auto produced = static_cast<int>(position_ - begin);
    return produced == 0 && stopped_ ? static_cast<int>(WORK_DONE) : produced;
}

bool heap_source_impl::find_samples(bool wait) {
    while (!stopped_ && !heap_) {
        ordered_heap next_heap;
        switch (next(next_heap, wait)) {
            case turn::ended:
                stopped_ = true;
                return false;
            case turn::nothing:
                return false;
            case turn::heap:
                break;
        }
        heap_ = std::move(next_heap);
        copied_ = 0;
        note_lost();
        if (stopped_) {
            heap_.reset();
            return false;
        }
        if (to_fill_ == 0) tag_heap();
        if (to_fill_ == 0 && heap_->heap.length == 0) heap_.reset();
    }
    return !stopped_;
}

void heap_source_impl::note_lost() {
    const std::uint64_t missing = heap_->missing;
    const bool gap = std::exchange(gap_, false);
    if (heap_->anew) values_.reset();
    if (missing == 0 && !heap_->anew && !gap) return;
    if (lost_key_) tag_all(lost_key_, pmt::from_uint64(missing));
    if (options_.on_lost == lost_action::stop && missing != 0) {
        stop_with(std::to_string(missing) + " samples are missing before heap " +
                  std::to_string(heap_->heap.heap->cnt()));
        stopped_ = true;
    }
    if (options_.on_lost == lost_action::skip || options_.on_lost == lost_action::stop) return;
    if (missing > options_.max_fill) return;
    to_fill_ = missing;
    piece_ = 0;
}

std::uint64_t heap_source_impl::copy(std::uint64_t room, const gr_vector_void_star& out) {
    const source_heap& h = heap_->heap;
    const std::uint64_t n = std::min(room, h.length - copied_);
    for (std::size_t p = 0; p < h.pieces.size(); ++p) {
        const std::size_t bytes = reader_.formats()[p].item_bytes();
        copy_samples(static_cast<std::uint8_t*>(out[p]), h.pieces[p].data + copied_ * bytes,
                     static_cast<std::size_t>(n) * bytes, h.pieces[p].unit);
    }
    copied_ += n;
    if (copied_ == h.length) {
        if (options_.on_lost == lost_action::last) keep_last();
        length_ = h.length;
        heap_.reset();
    }
    return n;
}

/// One sample again and again, in pieces as long as the heap before.
std::uint64_t heap_source_impl::fill(std::uint64_t room, const gr_vector_void_star& out) {
    if (piece_ == 0) {
        piece_ = length_ == 0 ? to_fill_ : std::min(to_fill_, length_);
        tag_length(piece_);
    }
    const std::uint64_t n = std::min(room, piece_);
    for (std::size_t p = 0; p < out.size(); ++p) {
        auto* const to = static_cast<std::uint8_t*>(out[p]);
        const std::size_t bytes = static_cast<std::size_t>(n) * filling_[p].size();
        std::copy(filling_[p].begin(), filling_[p].end(), to);
        for (std::size_t done = filling_[p].size(); done < bytes;) {
            const std::size_t more = std::min(done, bytes - done);
            std::memcpy(to + done, to, more);
            done += more;
        }
    }
    piece_ -= n;
    to_fill_ -= n;
    counts_.samples_filled.fetch_add(n);
    if (to_fill_ != 0) return n;
    position_ += n;  // where the tags belong
    tag_heap();
    position_ -= n;
    if (heap_->heap.length == 0) heap_.reset();
    return n;
}

void heap_source_impl::tag_heap() {
    const source_heap& h = heap_->heap;
    values_.changes(h, position_, [&](std::size_t port, const pmt::pmt_t& key, const auto& value) {
        add_item_tag(static_cast<unsigned>(port), position_, key, value);
    });
    if (h.length != 0) tag_length(h.length);
}

void heap_source_impl::tag_length(std::uint64_t length) {
    if (length_key_) tag_all(length_key_, pmt::from_long(static_cast<long>(length)));
}

void heap_source_impl::tag_all(const pmt::pmt_t& key, const pmt::pmt_t& value) {
    for (std::size_t p = 0; p < filling_.size(); ++p)
        add_item_tag(static_cast<unsigned>(p), position_, key, value);
}

/// The last sample of the heap is what the next gap is filled with.
void heap_source_impl::keep_last() {
    const source_heap& h = heap_->heap;
    for (std::size_t p = 0; p < filling_.size(); ++p) {
        const std::size_t bytes = filling_[p].size();
        copy_samples(filling_[p].data(), h.pieces[p].data + (h.length - 1) * bytes, bytes,
                     h.pieces[p].unit);
    }
}

}  // namespace gr::spead2
