// SPDX-License-Identifier: GPL-3.0-or-later
// Flowgraphs with the sinks, meant to run under AddressSanitizer and ThreadSanitizer: all kinds of
// streams, tags good and bad, receivers that are away, and life from start to stop in every order.
// Every sample that arrives is checked; what heaps look like in detail is left to the Python tests.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gnuradio/io_signature.h>
#include <gnuradio/logger.h>
#include <gnuradio/sync_block.h>
#include <gnuradio/top_block.h>

#include <gnuradio/spead2/heap_sink.h>
#include <gnuradio/spead2/pdu_heap_sink.h>
#include <spead2/base/log.h>
#include <spead2/send/transports/bytes.h>
#include <spead2/send/transports/inproc.h>

#include "../../expect.h"

namespace {

using namespace gr::spead2;
using byte_vector = std::vector<std::uint8_t>;
using sample_vector = std::vector<std::uint32_t>;

/// Wait for what must come; a test that hangs is ended by whoever runs it.
void wait_until(const std::function<bool()>& condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// ---- Blocks

/// A length tag of the source, and whether it is as it should be.
struct packet_plan {
    std::uint64_t length;
    bool good = true;
};

/// Sample n is n. Tags tell packets as planned, again and again.
class counting_source : public gr::sync_block {
public:
    /// \param total  samples; 0: without end
    explicit counting_source(std::uint64_t total, std::vector<packet_plan> plan = {})
        : gr::sync_block("counting_source", gr::io_signature::make(0, 0, 0),
                         gr::io_signature::make(1, 1, sizeof(std::uint32_t))),
          total_(total),
          plan_(std::move(plan)) {}

    int work(int room, gr_vector_const_void_star&, gr_vector_void_star& output) override {
        std::uint64_t n = static_cast<std::uint64_t>(room);
        const std::uint64_t first = nitems_written(0);
        if (total_ != 0) n = std::min(n, total_ - std::min(total_, first));
        if (n == 0) return WORK_DONE;
        auto* const out = static_cast<std::uint32_t*>(output[0]);
        std::iota(out, out + n, static_cast<std::uint32_t>(first));
        for (; !plan_.empty() && next_tag_ < first + n; ++tags_) {
            const packet_plan& p = plan_[tags_ % plan_.size()];
            add_item_tag(0, next_tag_, pmt::mp("packet_len"),
                         p.good ? pmt::from_uint64(p.length) : pmt::mp("none"));
            next_tag_ += p.length;
        }
        return static_cast<int>(n);
    }

private:
    const std::uint64_t total_;
    const std::vector<packet_plan> plan_;
    std::uint64_t next_tag_ = 0;
    std::size_t tags_ = 0;
};

/// Passes samples on.
class copier : public gr::sync_block {
public:
    copier()
        : gr::sync_block("copier", gr::io_signature::make(1, 1, sizeof(std::uint32_t)),
                         gr::io_signature::make(1, 1, sizeof(std::uint32_t))) {}
    int work(int n, gr_vector_const_void_star& input, gr_vector_void_star& output) override {
        std::memcpy(output[0], input[0], static_cast<std::size_t>(n) * sizeof(std::uint32_t));
        return n;
    }
};

/// Counts the messages that come.
class listener : public gr::block {
public:
    listener()
        : gr::block("listener", gr::io_signature::make(0, 0, 0), gr::io_signature::make(0, 0, 0)) {
        message_port_register_in(pmt::mp("in"));
        set_msg_handler(pmt::mp("in"), [this](const pmt::pmt_t& message) {
            if (pmt::is_dict(message) && pmt::dict_has_key(message, pmt::mp("heaps_sent")))
                ++messages;
        });
    }
    std::atomic<int> messages{0};
};

template <typename Block, typename... Arguments>
std::shared_ptr<Block> make(Arguments&&... arguments) {
    return gnuradio::make_block_sptr<Block>(std::forward<Arguments>(arguments)...);
}

// ---- Receiving

/// Takes packets of SPEAD-64-40 apart.
class heap_reader {
public:
    struct received_heap {
        byte_vector payload;
        std::size_t received = 0;
        std::map<std::uint64_t, std::uint64_t> addresses;
    };

    /// \return size of the packet at \a data
    std::size_t packet(const std::uint8_t* data) {
        const std::size_t pointers = std::size_t{data[6]} << 8 | data[7];
        std::uint64_t values[5] = {};
        std::map<std::uint64_t, std::uint64_t> addresses;
        for (std::size_t i = 0; i < pointers; ++i) {
            std::uint64_t pointer = 0;
            for (std::size_t k = 0; k < 8; ++k) pointer = pointer << 8 | data[8 + 8 * i + k];
            const std::uint64_t id = pointer >> 40 & 0x7fffff;
            const std::uint64_t value = pointer & 0xffffffffff;
            if (pointer >> 63 == 0)
                addresses[id] = value;
            else if (id < 5)
                values[id] = value;
        }
        received_heap& h = heaps[values[1]];
        h.payload.resize(values[2]);
        h.received += values[4];
        h.addresses.insert(addresses.begin(), addresses.end());
        const std::size_t header = 8 + 8 * pointers;
        if (values[3] + values[4] <= h.payload.size())
            std::memcpy(h.payload.data() + values[3], data + header, values[4]);
        else
            EXPECT(!"payload is within its heap");
        return header + values[4];
    }

    /// Samples of the heaps that have item \a id, in the order of their cnts.
    std::vector<sample_vector> samples(bool network_order = false,
                                       std::uint64_t id = 0x1000) const {
        std::vector<sample_vector> result;
        for (const auto& [cnt, h] : heaps) {
            EXPECT(h.received == h.payload.size());
            const auto found = h.addresses.find(id);
            if (found == h.addresses.end()) continue;
            std::size_t end = h.payload.size();
            for (const auto& [other, address] : h.addresses)
                if (address > found->second) end = std::min<std::size_t>(end, address);
            sample_vector values((end - found->second) / sizeof(std::uint32_t));
            std::memcpy(values.data(), h.payload.data() + found->second,
                        values.size() * sizeof(std::uint32_t));
            if (network_order)
                for (std::uint32_t& v : values) v = __builtin_bswap32(v);
            result.push_back(std::move(values));
        }
        return result;
    }

    std::map<std::uint64_t, received_heap> heaps;
};

heap_reader read(::spead2::inproc_queue& queue) {
    heap_reader reader;
    while (queue.size() != 0) {
        const auto packet = queue.get_packet();
        EXPECT(reader.packet(packet->data()) == packet->size());
    }
    return reader;
}

heap_reader read(const byte_vector& bytes) {
    heap_reader reader;
    for (std::size_t at = 0; at < bytes.size();) at += reader.packet(bytes.data() + at);
    return reader;
}

bool counts_from(const sample_vector& values, std::uint64_t first) {
    for (const std::uint32_t v : values)
        if (v != static_cast<std::uint32_t>(first++)) return false;
    return true;
}

/// A socket bound to a port of the loopback interface that the kernel chose.
class local_socket {
public:
    explicit local_socket(int type) : fd_(::socket(AF_INET, type, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address_;
        const int size = 8 << 20;
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&address_), length) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &length) != 0)
            std::abort();
        if (type == SOCK_STREAM && ::listen(fd_, 1) != 0) std::abort();
    }
    local_socket(const local_socket&) = delete;
    local_socket& operator=(const local_socket&) = delete;
    ~local_socket() { ::close(fd_); }

    int fd() const { return fd_; }
    endpoint_list endpoint() const { return {{"127.0.0.1", ntohs(address_.sin_port)}}; }

private:
    int fd_;
    sockaddr_in address_{};
};

// ---- Streams

const item samples_item{0x1000, "samples", "numbers", "uint32", {}};

::spead2::send::stream_config config(std::size_t max_heaps = 4, double rate = 0) {
    ::spead2::send::stream_config c;
    return c.set_max_packet_size(9000).set_max_heaps(max_heaps).set_rate(rate);
}

struct inproc_stream {
    explicit inproc_stream(const ::spead2::send::stream_config& c = config()) {
        auto pool = std::make_shared<::spead2::thread_pool>();
        stream = std::make_shared<::spead2::send::stream>(
            pool, c,
            std::make_unique<::spead2::send::inproc_transport>(
                std::vector<std::shared_ptr<::spead2::inproc_queue>>{queue}));
    }
    std::shared_ptr<::spead2::inproc_queue> queue = std::make_shared<::spead2::inproc_queue>();
    std::shared_ptr<::spead2::send::stream> stream;
};

heap_sink_options fixed(std::uint64_t samples) {
    heap_sink_options o;
    o.samples_per_heap = samples;
    return o;
}

// ---- Scenarios

// The thread of a block sends what goes at once. Beyond this rate a worker has to take over.
constexpr double paced = 100e6;

void fixed_heaps_on_every_stream() {
    constexpr std::uint64_t heap = 1000, heaps = 100, rest = 17;
    const auto check = [&](const heap_sink::sptr& sink, const heap_reader& reader) {
        const std::vector<sample_vector> received = reader.samples();
        EXPECT(received.size() == heaps);
        for (std::size_t n = 0; n < received.size(); ++n)
            EXPECT(received[n].size() == heap && counts_from(received[n], n * heap));
        EXPECT(sink->heaps_sent() == heaps && sink->heaps_failed() == 0);
        EXPECT(sink->samples_dropped() == rest);
    };
    const auto run = [&](const heap_sink::sptr& sink) {
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(heap * heaps + rest), 0, sink, 0);
        top->run();
    };
    {
        const inproc_stream s;
        const auto sink = heap_sink::make(s.stream, {samples_item}, fixed(heap));
        run(sink);
        check(sink, read(*s.queue));
    }
    {
        const auto collector = std::make_shared<::spead2::send::byte_collector>();
        const auto stream = std::make_shared<::spead2::send::stream>(
            std::make_shared<::spead2::thread_pool>(), config(),
            std::make_unique<::spead2::send::bytes_transport>(collector));
        const auto sink = heap_sink::make(stream, {samples_item}, fixed(heap));
        run(sink);
        check(sink, read(collector->value()));
    }
    {
        const local_socket receiver(SOCK_DGRAM);
        const auto sink = udp_heap_sink::make(receiver.endpoint(), {samples_item}, fixed(heap));
        run(sink);
        heap_reader reader;
        byte_vector packet(65536);
        while (::recv(receiver.fd(), packet.data(), packet.size(), MSG_DONTWAIT) > 0)
            reader.packet(packet.data());
        check(sink, reader);
    }
    {
        const local_socket server(SOCK_STREAM);
        const auto sink = tcp_heap_sink::make(server.endpoint(), {samples_item}, fixed(heap));
        const int connection = ::accept(server.fd(), nullptr, nullptr);
        byte_vector bytes;
        std::thread receiver([&] {
            byte_vector piece(65536);
            for (;;) {
                const ssize_t n = ::recv(connection, piece.data(), piece.size(), 0);
                if (n <= 0) break;
                bytes.insert(bytes.end(), piece.begin(), piece.begin() + n);
            }
        });
        run(sink);
        ::shutdown(connection, SHUT_RD);
        receiver.join();
        ::close(connection);
        check(sink, read(bytes));
    }
}

void heaps_larger_than_buffers() {
    struct {
        std::uint64_t samples, heaps;
        double rate;
    } const runs[] = {{3'000'000, 3, 0}, {100'000, 7, paced}, {100'000, 100, 20 * paced}};
    for (const auto& [samples, heaps, rate] : runs) {
        const inproc_stream s(config(4, rate));
        const auto sink = heap_sink::make(s.stream, {samples_item}, fixed(samples));
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(heaps * samples), 0, sink, 0);
        top->run();
        const std::vector<sample_vector> received = read(*s.queue).samples();
        EXPECT(received.size() == heaps);
        for (std::size_t n = 0; n < received.size(); ++n)
            EXPECT(received[n].size() == samples && counts_from(received[n], n * samples));
    }
}

void tagged_packets_of_many_lengths() {
    const std::vector<packet_plan> plan{{1}, {2}, {3}, {100}, {8191}, {16384}, {40'000}, {7}};
    for (const int kind : {0, 1, 2, 3}) {
        const bool network_order = kind & 1;
        const inproc_stream s(config(3, kind & 2 ? paced : 0));
        heap_sink_options o;
        o.variable_length = network_order;
        const std::vector<packet_plan> used =
            network_order ? plan : std::vector<packet_plan>{{5000}};
        std::uint64_t total = 0;
        for (const packet_plan& p : used) total += 5 * p.length;
        o.scalars = {counter_item(0x1600, "timestamp", ""),
                     tag_item(0x1601, "length", "", "packet_len"),
                     constant_item(0x1602, "name", "", std::string("stress"))};
        o.descriptor_interval = 3;
        const auto sink = heap_sink::make(s.stream, {samples_item}, o);
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(total, used), 0, sink, 0);
        top->run();
        const std::vector<sample_vector> received = read(*s.queue).samples(network_order);
        EXPECT(received.size() == 5 * used.size());
        std::uint64_t at = 0;
        for (std::size_t n = 0; n < received.size(); ++n) {
            EXPECT(received[n].size() == used[n % used.size()].length);
            EXPECT(counts_from(received[n], at));
            at += received[n].size();
        }
        EXPECT(sink->samples_dropped() == 0 && sink->error().empty());
    }
}

void bad_tags() {
    const std::vector<packet_plan> plan{{500}, {500}, {300, false}, {500}, {20'000, false}};
    for (const bad_tag_action action : {bad_tag_action::resync, bad_tag_action::error}) {
        const inproc_stream s;
        heap_sink_options o;
        o.on_bad_tag = action;
        const auto sink = heap_sink::make(s.stream, {samples_item}, o);
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(10 * 21'800, plan), 0, sink, 0);
        top->run();
        const std::vector<sample_vector> received = read(*s.queue).samples();
        for (const sample_vector& values : received)
            EXPECT(values.size() == 500 && counts_from(values, values[0]));
        const bool stops = action == bad_tag_action::error;
        EXPECT(received.size() == (stops ? 2 : 30));
        EXPECT(sink->heaps_sent() == received.size());
        EXPECT(sink->error().empty() != stops);
        if (!stops) EXPECT(sink->samples_dropped() == 10 * 20'300);
    }
}

void two_ports() {
    const inproc_stream s(config(4, paced));
    item other = samples_item;
    other.id = 0x1001;
    other.name = "other";
    const auto sink = heap_sink::make(s.stream, {samples_item, other}, fixed(3000));
    const auto top = gr::make_top_block("top");
    const auto passed = make<copier>();
    top->connect(make<counting_source>(300'000), 0, sink, 0);
    top->connect(make<counting_source>(300'000), 0, passed, 0);
    top->connect(passed, 0, sink, 1);
    top->run();
    const heap_reader reader = read(*s.queue);
    for (const std::uint64_t id : {0x1000u, 0x1001u}) {
        const std::vector<sample_vector> received = reader.samples(false, id);
        EXPECT(received.size() == 100);
        for (std::size_t n = 0; n < received.size(); ++n)
            EXPECT(received[n].size() == 3000 && counts_from(received[n], n * 3000));
    }
}

/// Heaps of a flowgraph that was stopped or locked somewhere: whole, and without a gap in a run.
void check_whole(const std::vector<sample_vector>& received, std::uint64_t heap) {
    for (const sample_vector& values : received)
        EXPECT(values.size() == heap && counts_from(values, values[0]));
}

void start_stop_start() {
    const inproc_stream s;
    const auto top = gr::make_top_block("top");
    const auto sink = heap_sink::make(s.stream, {samples_item}, fixed(777));
    const auto ear = make<listener>();
    top->connect(make<counting_source>(0), 0, sink, 0);
    top->msg_connect(sink, "stats", ear, "in");
    std::uint64_t heaps = 0;
    for (int i = 0; i < 10; ++i) {
        const std::uint64_t before = sink->heaps_sent();
        top->start();
        wait_until([&] { return sink->heaps_sent() > before + 5; });
        top->stop();
        top->wait();
        const std::vector<sample_vector> received = read(*s.queue).samples();
        check_whole(received, 777);
        heaps += received.size();
        EXPECT(heaps == sink->heaps_sent());
    }
    EXPECT(sink->heaps_failed() == 0);
}

void lock_and_unlock() {
    const inproc_stream s;
    const auto top = gr::make_top_block("top");
    // Slow enough for the queue not to grow without end.
    s.stream->set_rate(50e6);
    const auto source = make<counting_source>(0);
    const auto sink = heap_sink::make(s.stream, {samples_item}, fixed(1500));
    top->connect(source, 0, sink, 0);
    top->start();
    for (int i = 0; i < 6; ++i) {
        const std::uint64_t before = sink->heaps_sent();
        wait_until([&] { return sink->heaps_sent() > before + 3; });
        const auto between = make<copier>();
        top->lock();
        top->disconnect(source, 0, sink, 0);
        top->connect(source, 0, between, 0);
        top->connect(between, 0, sink, 0);
        top->unlock();
        const std::uint64_t now = sink->heaps_sent();
        wait_until([&] { return sink->heaps_sent() > now + 3; });
        top->lock();
        top->disconnect(source, 0, between, 0);
        top->disconnect(between, 0, sink, 0);
        top->connect(source, 0, sink, 0);
        top->unlock();
    }
    top->stop();
    top->wait();
    const std::vector<sample_vector> received = read(*s.queue).samples();
    check_whole(received, 1500);
    EXPECT(received.size() == sink->heaps_sent() && sink->heaps_failed() == 0);
}

/// One queue that is too short for both, so that they wait for each other all the time.
void two_sinks_on_one_stream() {
    const inproc_stream s(config(1, paced));
    const auto top = gr::make_top_block("top");
    item other = samples_item;
    other.id = 0x1001;
    const auto first = heap_sink::make(s.stream, {samples_item}, fixed(500));
    const auto second = heap_sink::make(s.stream, {other}, fixed(300));
    top->connect(make<counting_source>(100'000), 0, first, 0);
    top->connect(make<counting_source>(60'000), 0, second, 0);
    std::atomic<bool> done{false};
    std::thread reader_of_counts([&] {
        while (!done) {
            EXPECT(first->heaps_sent() <= 200 && second->heaps_sent() <= 200);
            first->set_descriptor_interval(first->heaps_sent() % 7);
            second->set_rate(second->heaps_sent() % 2 ? 0 : paced);
            static_cast<void>(first->bytes_sent() + second->samples_dropped());
            std::this_thread::yield();
        }
    });
    top->run();
    done = true;
    reader_of_counts.join();
    const heap_reader reader = read(*s.queue);
    for (const std::uint64_t id : {0x1000u, 0x1001u}) {
        const std::vector<sample_vector> received = reader.samples(false, id);
        EXPECT(received.size() == 200);
        for (std::size_t n = 0; n < received.size(); ++n)
            EXPECT(counts_from(received[n], n * received[n].size()));
    }
}

/// Of two flowgraphs that share a stream, the first is torn down while the second runs.
void two_flowgraphs_on_one_stream() {
    const inproc_stream s(config(2, paced));
    const auto second = heap_sink::make(s.stream, {samples_item}, fixed(400));
    const auto second_top = gr::make_top_block("second");
    second_top->connect(make<counting_source>(400 * 1000), 0, second, 0);
    second_top->start();
    for (int i = 0; i < 5; ++i) {
        item other = samples_item;
        other.id = 0x1001;
        const auto first = heap_sink::make(s.stream, {other}, fixed(900));
        const auto top = gr::make_top_block("first");
        top->connect(make<counting_source>(0), 0, first, 0);
        top->start();
        wait_until([&] { return first->heaps_sent() > 3; });
        top->stop();
        top->wait();
    }
    second_top->wait();
    const heap_reader reader = read(*s.queue);
    const std::vector<sample_vector> received = reader.samples();
    EXPECT(received.size() == 1000);
    for (std::size_t n = 0; n < received.size(); ++n) EXPECT(counts_from(received[n], n * 400));
    check_whole(reader.samples(false, 0x1001), 900);
}

void receiver_that_is_away() {
    {
        // Nobody has the port any more.
        std::unique_ptr<local_socket> gone = std::make_unique<local_socket>(SOCK_DGRAM);
        const endpoint_list nobody = gone->endpoint();
        gone.reset();
        const auto sink = udp_heap_sink::make(nobody, {samples_item}, fixed(1000));
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(100'000), 0, sink, 0);
        top->run();
        EXPECT(sink->heaps_sent() + sink->heaps_failed() == 100);
    }
    {
        const local_socket server(SOCK_STREAM);
        heap_sink_options o = fixed(1000);
        o.on_send_error = send_error_action::error;
        const auto sink = tcp_heap_sink::make(server.endpoint(), {samples_item}, o);
        const auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(0), 0, sink, 0);
        top->start();
        const int connection = ::accept(server.fd(), nullptr, nullptr);
        byte_vector piece(65536);
        static_cast<void>(::recv(connection, piece.data(), piece.size(), 0));
        ::close(connection);
        top->wait();  // the error ends the flowgraph
        EXPECT(!sink->error().empty());
    }
}

/// The connection stands, but nobody reads. The flowgraph and its stream are torn down meanwhile,
/// which gives up after some seconds.
void receiver_that_does_not_read() {
    const local_socket server(SOCK_STREAM);
    const auto sink = tcp_heap_sink::make(server.endpoint(), {samples_item}, fixed(100'000));
    const auto top = gr::make_top_block("top");
    top->connect(make<counting_source>(0), 0, sink, 0);
    top->start();
    const int connection = ::accept(server.fd(), nullptr, nullptr);
    std::uint64_t seen = 0;
    wait_until([&] {  // until the connection is full
        const std::uint64_t before = std::exchange(seen, sink->nitems_read(0));
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        return seen != 0 && before == seen;
    });
    top->stop();
    top->wait();
    ::close(connection);
}

/// A flowgraph whose last heaps are on a slow stream when it stops.
void stop_with_heaps_in_flight_and_an_unfinished_one() {
    const inproc_stream s(config(8, 2e6));
    auto sink = heap_sink::make(s.stream, {samples_item}, fixed(20'000));
    auto top = gr::make_top_block("top");
    top->connect(make<counting_source>(20'000 * 5 + 333), 0, sink, 0);
    top->start();
    wait_until([&] { return sink->nitems_read(0) != 0; });
    top->stop();
    top->wait();
    const std::uint64_t heaps = sink->heaps_sent();
    top.reset();
    sink.reset();
    const std::vector<sample_vector> received = read(*s.queue).samples();
    EXPECT(received.size() == heaps);
    for (std::size_t n = 0; n < received.size(); ++n)
        EXPECT(received[n].size() == 20'000 && counts_from(received[n], n * 20'000));
}

void pdus_from_many_threads() {
    for (const bool variable : {true, false}) {
        const inproc_stream s(config(2, paced));
        pdu_heap_sink_options o;
        o.variable_length = variable;
        o.scalars = {tag_item(0x1600, "number", "", "number"),
                     counter_item(0x1601, "first", "", 0, 1)};
        const auto sink = pdu_heap_sink::make(s.stream, samples_item, o);
        const auto ear = make<listener>();
        const auto top = gr::make_top_block("top");
        top->msg_connect(sink, "stats", ear, "in");
        top->start();
        constexpr int threads = 3, messages = 60;
        std::vector<std::thread> senders;
        for (int t = 0; t < threads; ++t)
            senders.emplace_back([&, t] {
                std::mt19937 random(static_cast<unsigned>(t));
                for (int i = 0; i < messages; ++i) {
                    sample_vector values(variable ? 1 + random() % 3000 : 500);
                    std::iota(values.begin(), values.end(), static_cast<std::uint32_t>(random()));
                    pmt::pmt_t metadata = pmt::make_dict();
                    metadata = pmt::dict_add(metadata, pmt::mp("number"), pmt::from_long(i));
                    sink->_post(pmt::mp("pdus"),
                                pmt::cons(metadata, pmt::init_u32vector(values.size(), values)));
                    if (i % 20 == 0) sink->_post(pmt::mp("pdus"), pmt::mp("no PDU"));
                    sink->set_descriptor_interval(static_cast<std::uint64_t>(i % 5));
                    static_cast<void>(sink->heaps_sent() + sink->bytes_sent());
                }
            });
        for (std::thread& t : senders) t.join();
        wait_until([&] { return sink->heaps_sent() > 10 && ear->messages > 0; });
        top->stop();
        top->wait();
        const std::vector<sample_vector> received = read(*s.queue).samples(variable);
        EXPECT(received.size() == threads * messages && sink->heaps_sent() == received.size());
        EXPECT(sink->bad_tags() == threads * messages / 20);
        for (const sample_vector& values : received) EXPECT(counts_from(values, values[0]));
    }
}

/// The block, its stream and its flowgraph go in every order, without having run or after it.
void destruction_in_every_order() {
    for (int order = 0; order < 8; ++order) {
        auto s = std::make_unique<inproc_stream>();
        auto sink = heap_sink::make(s->stream, {samples_item}, fixed(100));
        auto top = gr::make_top_block("top");
        top->connect(make<counting_source>(10'000), 0, sink, 0);
        if (order & 1) top->run();
        if (order & 2) s.reset();
        if (order & 4) sink.reset();
        top.reset();
    }
}

}  // namespace

int main() {
    // Bad tags and lost peers are meant to be logged; here they would only be in the way.
    gr::logging::singleton().set_default_level(gr::log_level::off);
    ::spead2::set_log_sink([](::spead2::log_level, const std::string&) {});
    const std::pair<const char*, void (*)()> scenarios[] = {
        {"fixed heaps on every stream", fixed_heaps_on_every_stream},
        {"heaps larger than buffers", heaps_larger_than_buffers},
        {"tagged packets of many lengths", tagged_packets_of_many_lengths},
        {"bad tags", bad_tags},
        {"two ports", two_ports},
        {"start, stop, start", start_stop_start},
        {"lock and unlock", lock_and_unlock},
        {"two sinks on one stream", two_sinks_on_one_stream},
        {"two flowgraphs on one stream", two_flowgraphs_on_one_stream},
        {"receiver that is away", receiver_that_is_away},
        {"receiver that does not read", receiver_that_does_not_read},
        {"stop with heaps in flight", stop_with_heaps_in_flight_and_an_unfinished_one},
        {"PDUs from many threads", pdus_from_many_threads},
        {"destruction in every order", destruction_in_every_order},
    };
    for (const auto& [name, run] : scenarios) {
        const int before = failures;
        run();
        if (failures != before) std::fprintf(stderr, "in: %s\n", name);
    }
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
