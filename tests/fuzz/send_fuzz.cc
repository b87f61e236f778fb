// SPDX-License-Identifier: Apache-2.0
// Heaps of all shapes, made of the fuzzer's bytes, as packets: by a stream, alone and in groups, and
// by packet_generator. Both make the same packets, and what is received is what was sent.
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

#include <spead2/send/packet_generator.h>
#include <spead2/send/stream.h>
#include <spead2/send/transports/bytes.h>

#include "fuzz_input.h"

namespace {

namespace send = spead2::send;
using bytes = std::vector<std::uint8_t>;

/// A heap and what it must arrive as. One in two parts is sent as two heaps.
struct planned_heap {
    std::vector<send::heap> parts;
    std::vector<std::unique_ptr<std::uint8_t[]>> memory;  ///< each of just the size of its item
    std::vector<std::pair<std::uint64_t, bytes>> addressed;
    std::map<std::pair<std::uint64_t, std::uint64_t>, bool> immediates;  ///< by value and ID
    std::size_t n_pointers = 0;
};

const std::uint8_t* new_memory(planned_heap& plan, std::size_t length, std::uint8_t seed) {
    auto& memory = plan.memory.emplace_back(std::make_unique<std::uint8_t[]>(length));
    for (std::size_t i = 0; i < length; ++i)
        memory[i] = static_cast<std::uint8_t>(seed + i + (i >> 8U));
    return memory.get();
}

void add_addressed(planned_heap& plan, std::uint64_t id, std::size_t length, std::uint8_t seed) {
    const std::uint8_t* const data = new_memory(plan, length, seed);
    if (plan.parts.size() == 1) {
        plan.parts[0].add_item(id, data, length, false);
    } else {  // the second one has a piece in the middle
        const std::size_t begin = length / 3;
        const std::size_t count = length / 2 - begin;
        const send::item_blocks outer[] = {
            {data, 0, begin, 1, 0},
            {data + begin + count, begin + count, length - begin - count, 1, 0}};
        const send::item_blocks inner[] = {{data + begin, begin, count, 1, 0}};
        plan.parts[0].add_item_part(id, length, outer);
        plan.parts[1].add_item_part(id, length, inner);
    }
    if (length != 0) plan.addressed.emplace_back(id, bytes(data, data + length));
}

void add_item(planned_heap& plan, fuzz::input& in) {
    const std::uint8_t kind = in.byte();
    // Each has its own: where an empty item stands before another of its ID, both have the same item
    // pointer, of which receivers take one.
    const std::uint64_t id = 7 + plan.n_pointers;
    const std::size_t address_bytes = plan.parts[0].get_flavour().address_bytes();
    ++plan.n_pointers;
    switch (kind & 7U) {
        case 0: {  // read when it is sent
            const std::size_t length = in.byte() % (address_bytes + 1);
            const std::uint8_t* const data = new_memory(plan, length, in.byte());
            std::uint64_t value = 0;
            for (std::size_t i = 0; i < length; ++i) value = value << 8 | data[i];
            for (send::heap& part : plan.parts) part.add_item(id, data, length, true);
            plan.immediates[{value, id}] = true;
            break;
        }
        case 1: {
            const std::uint64_t value = in.number(address_bytes);
            for (send::heap& part : plan.parts) part.add_immediate(id, value);
            plan.immediates[{value, id}] = true;
            break;
        }
        case 2:
            add_addressed(plan, id, in.number(2) % 5000, kind);
            break;
        default:
            add_addressed(plan, id, in.byte() % (kind % 2 != 0 ? 256 : 9), kind);
    }
}

planned_heap plan_heap(fuzz::input& in, const spead2::flavour& flavour) {
    const std::uint8_t kind = in.byte();
    planned_heap plan;
    const bool in_parts = (kind & 3U) == 3;
    plan.parts.assign(in_parts ? 2 : 1, send::heap(flavour));
    if (in_parts) {
        plan.parts[0].set_part(send::part_pointers::first);
        plan.parts[1].set_part((kind & 4U) != 0 ? send::part_pointers::none
                                                : send::part_pointers::every);
    }
    for (std::size_t n = in.byte() % 24; n != 0; --n) add_item(plan, in);
    for (send::heap& part : plan.parts) part.set_repeat_pointers((kind & 8U) != 0);
    if (in_parts) {
        const std::uint64_t padding =
            send::part_padding(plan.n_pointers, plan.parts[0].held_size());
        plan.parts[0].set_part_padding(padding, true);
        plan.parts[1].set_part_padding(padding, false);
    } else if ((kind & 16U) != 0) {
        // The items' pointers, and those of SPEAD among them, turned so that others come first.
        std::vector<std::uint64_t> order{4, 1, 3};
        if ((kind & 32U) != 0) order.push_back(2);
        const spead2::send::heap_contents& contents = plan.parts[0].view();
        for (const send::heap_item& item : contents.items()) {
            const std::uint64_t pointer = __builtin_bswap64(item.pointer);
            order.push_back((pointer & ~(std::uint64_t{1} << 63U)) >>
                            static_cast<unsigned>(flavour.heap_address_bits()));
        }
        std::rotate(order.begin(), order.begin() + in.byte() % order.size(), order.end());
        plan.parts[0].set_pointer_order(order);
    }
    return plan;
}

void check(const spead2::recv::heap& h, planned_heap& plan) {
    fuzz::require(h.complete());
    auto addressed = plan.addressed.begin();
    for (const spead2::recv::raw_item& item : h.items()) {
        if (item.is_immediate) {
            fuzz::require(plan.immediates.erase({item.immediate_value, item.id}) == 1);
            continue;
        }
        fuzz::require(addressed != plan.addressed.end() && addressed->first == item.id);
        fuzz::require(addressed->second == bytes(item.data, item.data + item.length));
        ++addressed;
    }
    fuzz::require(addressed == plan.addressed.end() && plan.immediates.empty());
}

bytes generate(const send::heap& h, std::uint64_t cnt, std::size_t max_packet_size) {
    bytes all;
    for (send::packet_generator packets(h, cnt, max_packet_size); !packets.done();) {
        const std::size_t size = packets.next_size();
        all.resize(all.size() + size);
        packets.next(std::span(all).last(size));
    }
    return all;
}

void run(fuzz::input in) {
    const std::uint8_t options = in.byte();
    const spead2::flavour flavour(4, 64, 8 * (1 + (options & 7U) % 7));
    const std::size_t max_packet_size = 40 + in.number(2) % ((options & 8U) != 0 ? 100 : 10000);
    const bool serial = (options & 16U) != 0;
    std::vector<planned_heap> plans;
    for (std::size_t n = 1 + in.byte() % 5; n != 0; --n) plans.push_back(plan_heap(in, flavour));

    send::heap_list list;
    bytes generated;
    std::int64_t cnt = 1;
    for (const planned_heap& plan : plans) {
        for (const send::heap& part : plan.parts) {
            list.add(part, cnt);
            const bytes some = generate(part, static_cast<std::uint64_t>(cnt), max_packet_size);
            generated.insert(generated.end(), some.begin(), some.end());
        }
        ++cnt;
    }

    static const auto pool = std::make_shared<spead2::thread_pool>(1);
    auto collector = std::make_shared<send::byte_collector>();
    send::stream_config config;
    config.set_max_packet_size(max_packet_size).set_max_heaps(100);
    send::stream stream(pool, config, std::make_unique<send::bytes_transport>(collector));
    const auto mode = serial ? send::group_mode::serial : send::group_mode::round_robin;
    bytes sent;
    for (int time = 0; time < 3; ++time) {  // from the second time on with packets that were kept
        const std::size_t before = sent.size();
        const std::uint64_t size = stream.send_heaps(list, mode, (options >> 5U) & 3U);
        sent = collector->value();
        fuzz::require(sent.size() - before == size && size == generated.size());
        if (serial)
            fuzz::require(std::equal(generated.begin(), generated.end(),
                                     sent.end() - static_cast<std::ptrdiff_t>(size)));
        if (time == 0 && (options & 128U) != 0) break;
    }
    spead2::recv::stream_config receiving;
    receiving.set_allow_out_of_order(true).set_stop_on_stop_item(false).set_max_heaps(16);
    const auto first = std::span(sent).first(generated.size());
    const auto heaps = fuzz::receive(receiving, first);
    fuzz::require(heaps.size() == plans.size());
    for (const spead2::recv::heap_ptr& h : heaps) check(*h, plans.at(h->cnt() - 1));
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    fuzz::no_log();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        run(fuzz::input({data, size}));
    } catch (const std::invalid_argument&) {
        // Not possible with these packets or this flavour, and refused.
    }
    return 0;
}
