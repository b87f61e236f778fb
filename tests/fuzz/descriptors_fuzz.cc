// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as the content of a descriptor item: reading them does no harm, and what was read
// and can be written is read as the same again.
#include <stdexcept>

#include <spead2/wire/descriptor.h>

#include "fuzz_input.h"

namespace {

bool same(const spead2::descriptor& a, const spead2::descriptor& b) {
    return a.id == b.id && a.name == b.name && a.description == b.description &&
           a.shape == b.shape && a.format == b.format && a.numpy_header == b.numpy_header;
}

void run(fuzz::input in) {
    const std::uint8_t options = in.byte();
    const unsigned bug_compat = options & 7U;
    const spead2::flavour flavour(4, 64, 8 * (1 + (options >> 3U) % 7), bug_compat);
    const auto no_note = [](const std::string&) {};
    for (const spead2::descriptor& d :
         spead2::decode_descriptors(in.bytes(-1), bug_compat, no_note)) {
        std::vector<std::uint8_t> written;
        try {
            written = spead2::encode_descriptor(d, flavour);
        } catch (const std::invalid_argument&) {
            continue;  // too wide for this flavour, or not ASCII
        }
        const auto again = spead2::decode_descriptors(written, bug_compat, no_note);
        fuzz::require(again.size() == 1 && same(again[0], d));
    }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    fuzz::no_log();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    run(fuzz::input({data, size}));
    return 0;
}
