// SPDX-License-Identifier: GPL-3.0-or-later
#include "pdu_heap_source_impl.h"

#include <gnuradio/block_registry.h>
#include <gnuradio/io_signature.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "uniform_vector.h"
#include "value_tags.h"

namespace gr::spead2 {

pdu_heap_source::sptr pdu_heap_source::make(receiver stream, const item& item,
                                            const pdu_heap_source_options& options) {
    return gnuradio::make_block_sptr<pdu_heap_source_impl>(std::move(stream), item, options);
}

pdu_heap_source_impl::pdu_heap_source_impl(receiver stream, const item& item,
                                           const pdu_heap_source_options& options)
    : gr::block("pdu_heap_source", gr::io_signature::make(0, 0, 0),
                gr::io_signature::make(0, 0, 0)),
      source_core(*this, d_logger, std::move(stream), {item}, options),
      options_(options),
      port_(pmt::mp("pdus")),
      more_(pmt::make_dict()) {
    if (options.max_queue == 0)
        throw std::invalid_argument("max_queue is 0, but must be at least 1 PDU");
    message_port_register_out(port_);
}

pdu_heap_source_impl::~pdu_heap_source_impl() {
    if (thread_.joinable()) {
        stopping_ = true;
        thread_.join();
    }
}

bool pdu_heap_source_impl::start() {
    begin(resumes());
    stopping_ = false;
    thread_ = std::thread([this] { run(); });
    return true;
}

bool pdu_heap_source_impl::stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    end();
    return true;
}

void pdu_heap_source_impl::run() {
    while (!stopping_) {
        wait_for_room(options_.max_queue - 1);
        if (stopping_) return;
        ordered_heap h;
        const turn t = next(h, true);
        if (t == turn::nothing) continue;
        if (t == turn::heap && h.missing != 0 && options_.on_lost == lost_pdu_action::stop)
            stop_with(std::to_string(h.missing) + " samples are missing before heap " +
                      std::to_string(h.heap.heap->cnt()));
        else if (t == turn::heap)
            publish(h);
        if (t != turn::ended && error().empty()) continue;
        // Blocks that are told the end do not look at what waits.
        wait_for_room(0);
        // What GNU Radio itself tells a block that is to finish.
        if (!stopping_) _post(pmt::mp("system"), pmt::cons(pmt::mp("done"), pmt::from_long(1)));
        return;
    }
}

void pdu_heap_source_impl::publish(ordered_heap& h) {
    pmt::pmt_t metadata = more_;
    value_tags::all(h.heap, [&](const pmt::pmt_t& key, const pmt::pmt_t& value) {
        metadata = pmt::dict_add(metadata, key, value);
    });
    if ((h.missing != 0 || h.anew) && !options_.lost_key.empty())
        metadata = pmt::dict_add(metadata, pmt::string_to_symbol(options_.lost_key),
                                 pmt::from_uint64(h.missing));
    if (h.heap.length == 0) {
        more_ = metadata;
        return;
    }
    more_ = pmt::make_dict();
    const sample_format& format = reader_.formats()[0];
    const source_heap::piece& piece = h.heap.pieces[0];
    const pmt::pmt_t samples = make_uniform_vector(
        format.kind(), format.element_bytes(), piece.data,
        static_cast<std::size_t>(h.heap.length) * format.item_bytes(), piece.unit);
    h.heap.heap.reset();  // its memory goes back before anybody takes the PDU
    message_port_pub(port_, pmt::cons(metadata, samples));
}

std::size_t pdu_heap_source_impl::behind() {
    std::size_t most = 0;
    for (pmt::pmt_t all = message_subscribers(port_); pmt::is_pair(all); all = pmt::cdr(all)) {
        const pmt::pmt_t target = pmt::car(all);
        const basic_block_sptr taker = global_block_registry.block_lookup(pmt::car(target));
        const gr::block_sptr running = taker ? cast_to_block_sptr(taker) : nullptr;
        if (running && !running->finished())
            most = std::max(most, running->nmsgs(pmt::cdr(target)));
    }
    return most;
}

void pdu_heap_source_impl::wait_for_room(std::size_t most) {
    // GNU Radio tells nobody when a message is taken.
    while (!stopping_ && behind() > most) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace gr::spead2
