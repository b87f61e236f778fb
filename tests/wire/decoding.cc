// SPDX-License-Identifier: Apache-2.0
// Packets and descriptors are read as the protocol says, and what is none is refused with the text
// that says why: every length of a packet, every width of an address, random damage.
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <spead2/wire/descriptor.h>
#include <spead2/wire/packet.h>

#include "../expect.h"

namespace {

using namespace spead2;
using bytes = std::vector<std::uint8_t>;

bytes from_hex(const std::string& text) {
    bytes out;
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return out;
}

std::string fault_of(const bytes& b) {
    packet_view p;
    return describe(decode_packet(b, p), b);
}

const std::string whole =
    "5304030500000005 8000010000000001 8000020000000004 8000030000000000 8000040000000004 "
    "0010000000000000 61626364";

void fields_are_read() {
    const bytes b = from_hex(whole + "99");
    packet_view p;
    EXPECT(decode_packet(b, p) == packet_fault::none);
    EXPECT(p.heap_cnt == 1 && p.heap_length == 4 && p.payload_offset == 0);
    EXPECT(p.payload_length == 4 && p.payload == b.data() + 48 && p.size() == 52);
    EXPECT(p.n_pointers == 5 && p.first_item == 4 && p.heap_address_bits == 40);
}

void items_come_in_any_order_and_the_last_one_counts() {
    packet_view p;
    const bytes b = from_hex(
        "5304030500000006 8000040000000001 8000010000000001 8000030000000002 0010000000000000 "
        "8000010000000007 8000000000000000 ff");
    EXPECT(decode_packet(b, p) == packet_fault::none);
    EXPECT(p.heap_cnt == 7 && p.heap_length == -1 && p.payload_offset == 2);
    EXPECT(p.first_item == 0);
    const bytes c = from_hex(
        "5304030500000005 8000010000000001 8000020000000004 8000030000000000 8000040000000000 "
        "8000020000000009");
    EXPECT(decode_packet(c, p) == packet_fault::none);
    EXPECT(p.heap_length == 9);
    const std::string usual =
        "5304030500000006 8000010000000001 8000020000000004 8000030000000000 8000040000000000 ";
    for (const char* const more :
         {"8000010000000009 8000050000000001", "8000050000000001 8000010000000009"}) {
        EXPECT(decode_packet(from_hex(usual + more), p) == packet_fault::none);
        EXPECT(p.heap_cnt == 9 && p.heap_length == 4);
    }
}

void faults_are_told_apart() {
    EXPECT(fault_of({}) == "packet rejected because too small (0 bytes)");
    EXPECT(fault_of(bytes(7, 0x53)) == "packet rejected because too small (7 bytes)");
    EXPECT(fault_of(from_hex("5404030500000000")) ==
           "packet rejected because magic or version did not match");
    EXPECT(fault_of(from_hex("5303030500000000")) ==
           "packet rejected because magic or version did not match");
    EXPECT(fault_of(from_hex("5304030400000000")) ==
           "packet rejected because flavour is not SPEAD-64-*");
    EXPECT(fault_of(from_hex("5304080000000000")) == "packet rejected because flavour is invalid");
    EXPECT(fault_of(from_hex("5304000800000000")) == "packet rejected because flavour is invalid");
    EXPECT(fault_of(from_hex("5304030500000001")) ==
           "packet rejected because the items overflow the packet");
    EXPECT(fault_of(from_hex("5304030500000000")) ==
           "packet rejected because it does not have required items");
    EXPECT(fault_of(from_hex("5304030500000004 8000010000000001 8000020000000000 8000030000000000 "
                             "8000040000000001 ff")) ==
           "packet rejected because payload would overflow given heap length");
    // An addressed item does not count.
    EXPECT(fault_of(from_hex("5304030500000003 0000010000000001 8000030000000000 "
                             "8000040000000000")) ==
           "packet rejected because it does not have required items");
    bytes cut = from_hex(whole);
    cut.pop_back();
    EXPECT(fault_of(cut) ==
           "packet rejected because payload length overflows packet size (52 > 51)");
    EXPECT(fault_of(from_hex("5304030500000004 8000010000000009 8000020000000004 "
                             "8000030000000002 8000040000000004 61626364")) ==
           "packet rejected because payload would overflow given heap length");
}

void every_width_of_addresses_is_read() {
    for (int address_bytes = 1; address_bytes <= 7; ++address_bytes) {
        const int bits = 8 * address_bytes;
        bytes b{0x53,
                4,
                static_cast<std::uint8_t>(8 - address_bytes),
                static_cast<std::uint8_t>(address_bytes),
                0xaa,
                0xbb,
                0,
                4};
        const std::uint64_t cnt = (std::uint64_t{1} << bits) - 1;
        const std::uint64_t values[] = {cnt, 3, 0, 3};
        for (std::uint64_t id = 1; id <= 4; ++id) {
            const std::uint64_t pointer = (std::uint64_t{1} << 63) | (id << bits) | values[id - 1];
            for (int i = 7; i >= 0; --i) b.push_back(static_cast<std::uint8_t>(pointer >> 8 * i));
        }
        b.insert(b.end(), {1, 2, 3});
        packet_view p;
        EXPECT(decode_packet(b, p) == packet_fault::none);
        EXPECT(p.heap_cnt == cnt && p.heap_length == 3 && p.heap_address_bits == bits);
    }
}

/// Memory of exactly this size, so that AddressSanitizer sees a byte too far.
std::span<const std::uint8_t> exact(std::unique_ptr<std::uint8_t[]>& memory, const bytes& b,
                                    std::size_t n) {
    memory = std::make_unique<std::uint8_t[]>(n);
    if (n != 0) std::memcpy(memory.get(), b.data(), n);
    return {memory.get(), n};
}

void beginnings_of_packets_are_measured() {
    const bytes b = from_hex(whole);
    std::unique_ptr<std::uint8_t[]> memory;
    for (std::size_t n = 0; n <= b.size(); ++n) {
        const packet_extent extent = measure_packet(exact(memory, b, n));
        EXPECT(extent.fault == packet_fault::none);
        EXPECT(extent.known == (n >= 48));
        EXPECT(extent.size == (n < 8 ? 8 : n < 48 ? 48 : 52));
        packet_view p;
        EXPECT((decode_packet({memory.get(), n}, p) == packet_fault::none) == (n == 52));
    }
    EXPECT(measure_packet(from_hex("5304030500000001 8000010000000001")).fault ==
           packet_fault::missing_items);
    EXPECT(measure_packet(from_hex("5304030500000000")).fault == packet_fault::missing_items);
}

void damage_does_no_harm() {
    std::mt19937 random(1);
    const bytes good = from_hex(whole);
    std::unique_ptr<std::uint8_t[]> memory;
    std::size_t sound = 0;
    for (int i = 0; i < 200'000; ++i) {
        bytes b = good;
        for (unsigned k = random() % 4; k-- > 0;)
            b[random() % b.size()] = static_cast<std::uint8_t>(random());
        const std::size_t n = random() % 3 == 0 ? random() % (b.size() + 1) : b.size();
        const auto view = exact(memory, b, n);
        packet_view p;
        const packet_fault fault = decode_packet(view, p);
        EXPECT(!describe(fault, view).empty());
        if (fault != packet_fault::none) continue;
        ++sound;
        EXPECT(p.bytes == view.data() && p.size() <= n);
        EXPECT(measure_packet(view).known && measure_packet(view).size == p.size());
    }
    EXPECT(sound > 1000);
}

std::vector<descriptor> read(const bytes& item, unsigned bug_compat, std::string& notes) {
    return decode_descriptors(item, bug_compat,
                              [&](const std::string& note) { notes += note + "\n"; });
}

void descriptors_come_back_as_they_went() {
    for (int bits = 16; bits <= 48; bits += 8) {
        for (unsigned bugs = 0; bugs <= 7; ++bugs) {
            const flavour f(4, 64, bits, bugs);
            descriptor d;
            d.id = 0x34;
            d.name = "name";
            d.description = "what it is";
            d.shape = {3, variable_dimension, 0};
            d.format = {{'u', 12}, {'f', 64}};
            std::string notes;
            const auto got = read(encode_descriptor(d, f), bugs, notes);
            EXPECT(notes.empty());
            EXPECT(got.size() == 1);
            if (got.size() != 1) continue;
            EXPECT(got[0].id == d.id && got[0].name == d.name);
            EXPECT(got[0].description == d.description && got[0].shape == d.shape);
            EXPECT(got[0].format == d.format && got[0].numpy_header.empty());

            d.format.clear();
            d.shape = {2};
            d.numpy_header = make_numpy_header("'<u2'", false, d.shape);
            const auto with_dtype = read(encode_descriptor(d, f), bugs, notes);
            EXPECT(with_dtype.size() == 1 && with_dtype[0].numpy_header == d.numpy_header);
            EXPECT(with_dtype.size() == 1 && with_dtype[0].shape.empty());
        }
    }
}

std::string refusal_of(const format_field& field) {
    descriptor d;
    d.id = 0x1000;
    d.format = {{'u', 8}, field};
    try {
        static_cast<void>(encode_descriptor(d, flavour()));
    } catch (const std::invalid_argument& e) {
        return e.what();
    }
    return {};
}

void fields_that_no_receiver_knows_are_refused() {
    const std::string legal = " bits, but there are only " + legal_fields_text();
    EXPECT(refusal_of({'x', 8}) == "format has code 'x' with 8" + legal);
    EXPECT(refusal_of({'f', 48}) == "format has code 'f' with 48" + legal);
    EXPECT(refusal_of({'u', 0}) == "format has code 'u' with 0" + legal);
    EXPECT(refusal_of({'\0', 8}) == "format has code 0 with 8" + legal);
    EXPECT(refusal_of({'\xff', 8}) == "format has code 255 with 8" + legal);
    for (const number_type& type : number_types)
        EXPECT(refusal_of({type.code, type.min_bits}).empty());
}

void broken_descriptors_are_noted() {
    std::string notes;
    const std::string start =
        "5304030500000005 8000010000000001 8000020000000002 8000030000000000 8000040000000002 ";
    EXPECT(read(from_hex(start + "0000100000000000 6e6d"), 0, notes).empty());
    EXPECT(notes == "incomplete descriptor (no ID)\n");
    notes.clear();
    EXPECT(read(from_hex(start + "0000140000000000 6e6d"), 0, notes).empty());
    EXPECT(notes ==
           "Ignoring descriptor ID that is not an immediate\nincomplete descriptor (no ID)\n");
    notes.clear();
    EXPECT(read(from_hex(start + "0000300000000000 6e6d"), 0, notes).empty());
    EXPECT(notes == "Unrecognised descriptor item ID 0x30\nincomplete descriptor (no ID)\n");
    notes.clear();
    EXPECT(read(from_hex("00"), 0, notes).empty());
    EXPECT(notes == "packet rejected because too small (1 bytes)\n");
    // A heap longer than what came gives nothing.
    notes.clear();
    EXPECT(read(from_hex("5304030500000005 8000010000000001 8000020000000009 8000030000000000 "
                         "8000040000000002 8000140000001234 6e6d"),
                0, notes)
               .empty());
    EXPECT(notes.empty());
}

void descriptors_may_take_several_packets_and_follow_each_other() {
    std::string notes;
    const std::string two =
        "5304030500000006 8000010000000001 8000020000000004 8000030000000000 8000040000000002 "
        "8000140000001234 0000100000000000 6162"
        "5304030500000004 8000010000000001 8000020000000004 8000030000000002 8000040000000002 "
        "6364";
    const std::string another =
        "5304030500000006 8000010000000001 8000020000000001 8000030000000000 8000040000000001 "
        "8000140000001235 0000100000000000 65";
    const auto got = read(from_hex(two + another), 0, notes);
    EXPECT(notes.empty());
    EXPECT(got.size() == 2);
    if (got.size() != 2) return;
    EXPECT(got[0].id == 0x1234 && got[0].name == "abcd");
    EXPECT(got[1].id == 0x1235 && got[1].name == "e");
}

void damaged_descriptors_do_no_harm() {
    std::mt19937 random(2);
    descriptor d;
    d.id = 0x1234;
    d.name = "name";
    d.shape = {3, variable_dimension};
    d.format = {{'u', 12}};
    const bytes good = encode_descriptor(d, flavour());
    std::unique_ptr<std::uint8_t[]> memory;
    std::size_t found = 0;
    for (int i = 0; i < 100'000; ++i) {
        bytes b = good;
        b.insert(b.end(), good.begin(), good.end());
        for (unsigned k = random() % 4; k-- > 0;)
            b[random() % b.size()] = static_cast<std::uint8_t>(random());
        const auto view = exact(memory, b, random() % (b.size() + 1));
        found +=
            decode_descriptors(view, static_cast<unsigned>(random() % 8), [](const std::string&) {
            }).size();
    }
    EXPECT(found > 1000);
}

void numpy_headers_are_what_numpy_writes() {
    const auto header = [](bool fortran_order, const std::vector<std::int64_t>& shape) {
        return make_numpy_header("'<c8'", fortran_order, shape);
    };
    EXPECT(header(false, {}) == "{'descr': '<c8', 'fortran_order': False, 'shape': ()}");
    EXPECT(header(false, {3}) == "{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}");
    EXPECT(header(true, {2, 3}) == "{'descr': '<c8', 'fortran_order': True, 'shape': (2, 3)}");
}

}  // namespace

int main() {
    fields_are_read();
    items_come_in_any_order_and_the_last_one_counts();
    faults_are_told_apart();
    every_width_of_addresses_is_read();
    beginnings_of_packets_are_measured();
    damage_does_no_harm();
    descriptors_come_back_as_they_went();
    fields_that_no_receiver_knows_are_refused();
    broken_descriptors_are_noted();
    descriptors_may_take_several_packets_and_follow_each_other();
    damaged_descriptors_do_no_harm();
    numpy_headers_are_what_numpy_writes();
    if (failures == 0) std::puts("all held");
    return failures == 0 ? 0 : 1;
}
