// SPDX-License-Identifier: GPL-3.0-or-later
// What the values of heaps say: a value that stands until the next one is told where it changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <pmt/pmt.h>

#include "common/scalars.h"
#include "heap_reader.h"

namespace gr::spead2 {

class value_tags {
public:
    /// \param scalars  outlive this
    explicit value_tags(const std::vector<scalar_track>& scalars);

    /// All values are new.
    void reset();
    /// Call \a put with port, key and value for each value of the heap, whose first sample is number
    /// \a position, that does not follow from those before.
    template <typename Put>
    void changes(const source_heap& heap, std::uint64_t position, const Put& put) {
        for (const source_heap::value& v : heap.values)
            if (const pmt::pmt_t value = changed(v, position)) put(port(v), key(v), value);
    }
    /// The same for every value, changed or not.
    template <typename Put>
    static void all(const source_heap& heap, const Put& put) {
        for (const source_heap::value& v : heap.values)
            if (const pmt::pmt_t value = value_of(v)) put(key(v), value);
    }

private:
    struct standing {
        std::optional<scalar_value> value;
        std::uint64_t position = 0;
    };
    [[nodiscard]] pmt::pmt_t changed(const source_heap::value& v, std::uint64_t position);
    [[nodiscard]] bool follows(const scalar_track& s, const standing& before,
                               const scalar_value& value, std::uint64_t position) const;
    [[nodiscard]] static pmt::pmt_t value_of(const source_heap::value& v);
    [[nodiscard]] static std::size_t port(const source_heap::value& v);
    [[nodiscard]] static pmt::pmt_t key(const source_heap::value& v);

    const std::vector<scalar_track>& scalars_;
    std::vector<standing> standing_;
    std::map<std::uint64_t, std::vector<std::uint8_t>> others_;  ///< bytes of the last value
};

}  // namespace gr::spead2
