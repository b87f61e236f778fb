// SPDX-License-Identifier: GPL-3.0-or-later
#include "uniform_vector.h"

#include "common/sample_format.h"

namespace gr::spead2 {
namespace {

struct vector_maker {
    char kind;
    std::size_t size;
    pmt::pmt_t (*make)(std::size_t n);
};

constexpr vector_maker makers[] = {
    {'u', 1, [](std::size_t n) { return pmt::make_u8vector(n, 0); }},
    {'i', 1, [](std::size_t n) { return pmt::make_s8vector(n, 0); }},
    {'u', 2, [](std::size_t n) { return pmt::make_u16vector(n, 0); }},
    {'i', 2, [](std::size_t n) { return pmt::make_s16vector(n, 0); }},
    {'u', 4, [](std::size_t n) { return pmt::make_u32vector(n, 0); }},
    {'i', 4, [](std::size_t n) { return pmt::make_s32vector(n, 0); }},
    {'u', 8, [](std::size_t n) { return pmt::make_u64vector(n, 0); }},
    {'i', 8, [](std::size_t n) { return pmt::make_s64vector(n, 0); }},
    {'f', 4, [](std::size_t n) { return pmt::make_f32vector(n, 0); }},
    {'f', 8, [](std::size_t n) { return pmt::make_f64vector(n, 0); }},
    {'c', 8, [](std::size_t n) { return pmt::make_c32vector(n, 0); }},
    {'c', 16, [](std::size_t n) { return pmt::make_c64vector(n, 0); }},
};

}  // namespace

pmt::pmt_t make_uniform_vector(char kind, std::size_t size, const std::uint8_t* data,
                               std::size_t bytes, std::size_t unit) {
    for (const vector_maker& m : makers) {
        if (m.kind != kind || m.size != size) continue;
        pmt::pmt_t v = m.make(bytes / size);
        std::size_t room = 0;
        copy_samples(static_cast<std::uint8_t*>(pmt::uniform_vector_writable_elements(v, room)),
                     data, bytes / size * size, unit);
        return v;
    }
    return {};
}

}  // namespace gr::spead2
