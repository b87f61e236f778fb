// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink puts into its heaps: samples (item) and single values beside them (scalar_item).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gnuradio/spead2/api.h>

namespace gr::spead2 {

/// The samples of one input port (or of a PDU).
struct SPEAD2_GR_API item {
    std::uint64_t id = 0x1000;
    std::string name;         ///< ASCII
    std::string description;  ///< ASCII
    /// Type of an element: numpy's names and codes ("complex64", "<i2", ...), GNU Radio's
    /// ("complex", "float", "int", "short", "byte") and pairs of integers: "sc8" and "sc16" are
    /// int8 and int16 with one more dimension of 2.
    std::string dtype = "complex64";
    /// Elements of one GNU Radio item; empty: one. Vectors of n elements: {n}.
    std::vector<std::int64_t> shape{};
};

/// Bytes of one GNU Radio item.
/// \throw std::invalid_argument for a dtype or shape that GNU Radio's streams do not have
[[nodiscard]] SPEAD2_GR_API std::size_t item_size(const item& i);

/// A single value.
using scalar_value = std::variant<std::int64_t, std::uint64_t, double, std::string>;

/// An item with one value a heap. Made by tag_item(), counter_item() or constant_item().
struct SPEAD2_GR_API scalar_item {
    enum class source : std::uint8_t { tag, counter, constant };

    std::uint64_t id = 0;
    std::string name;
    std::string description;
    /// "int8" to "int64" and "uint8" to "uint64" in steps of 8 bits, "float32", "float64", "str".
    std::string dtype = "uint64";
    source from = source::constant;

    std::string key{};        ///< tag: its key
    bool sticky = true;       ///< tag: stands until the next one
    int port = 0;             ///< tag: input port that it is read from
    double tick_rate = 0;     ///< tag: ticks per second that a time is converted to
    double tag_step = 0;      ///< tag: added for each sample from the tag to the heap's first one
    std::uint64_t start = 0;  ///< counter: value at sample 0
    std::int64_t step = 1;    ///< counter: added for each sample
    std::optional<scalar_value> value{};  ///< constant; for a tag: before the first tag
};

struct tag_options {
    std::string dtype = "uint64";
    /// true: the heap gets the value of the last tag at or before its first sample. false: a heap
    /// in which the tag stands gets its value (the first, if there are several), others no value.
    bool sticky = true;
    int port = 0;
    /// A time, as UHD's rx_time (a tuple of whole and fractional seconds), becomes ticks of this
    /// rate. Without it a time needs a float dtype and is in seconds.
    double rate = 0;
    /// Added for each sample from the tag to the heap's first one: ticks per sample for a time.
    double step = 0;
    /// Value before the first tag; without it the heaps before have none.
    std::optional<scalar_value> initial{};
};

/// The value of the stream tag (for PDUs: of the metadata entry) \a key. A value that the dtype
/// cannot hold is left out, counted and logged.
[[nodiscard]] SPEAD2_GR_API scalar_item tag_item(std::uint64_t id, const std::string& name,
                                                 const std::string& description,
                                                 const std::string& key,
                                                 const tag_options& options = {});

/// \a start + \a step x (number of the heap's first sample since the flowgraph started), modulo
/// what \a dtype holds: the timestamp of radio astronomy.
[[nodiscard]] SPEAD2_GR_API scalar_item counter_item(std::uint64_t id, const std::string& name,
                                                     const std::string& description,
                                                     std::uint64_t start = 0, std::int64_t step = 1,
                                                     const std::string& dtype = "uint64");

/// The same value in every heap. \a dtype "" is the widest for the kind of the value.
[[nodiscard]] SPEAD2_GR_API scalar_item constant_item(std::uint64_t id, const std::string& name,
                                                      const std::string& description,
                                                      const scalar_value& value,
                                                      const std::string& dtype = "");

}  // namespace gr::spead2
