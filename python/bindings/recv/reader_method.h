// SPDX-License-Identifier: Apache-2.0
// The method of streams that adds a reader of the table (spead2/recv/readers/table.h), made from what the
// reader says of itself: its arguments are given by place or name, its options by name.
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/readers/table.h>
#include <spead2/recv/stream.h>

#include "bound_types.h"
#include "support/argument_values.h"

namespace spead2::python {

using bound_stream = py::class_<recv::stream, std::shared_ptr<recv::stream>>;

/// Add a reader without the GIL. What the operating system refuses is both an OSError and a
/// RuntimeError, for programs that look for either.
template <typename Reader, typename Options>
void add_reader(recv::stream& s, const Options& options) {
    try {
        const gil_release released;
        s.add_reader<Reader>(options);
    } catch (const socket_setup_error&) {
        throw;
    } catch (const std::system_error& e) {
        throw socket_setup_error(e.code(), e.what());
    }
}

/// Add the method: add_NAME_reader(*arguments, **options).
template <typename Reader, std::size_t... I>
void add_method(bound_stream& bound, const std::string& doc, std::index_sequence<I...>) {
    using options_type = Reader::options_type;
    bound.def(
        Reader::info.method,
        [](recv::stream& s, const object_argument<I>&... arguments, const py::kwargs& keywords) {
            auto options = options_by_keyword<options_type>(Reader::info.method, keywords);
            auto loaded = load_arguments<options_type>(arguments...);
            {
                const gil_release released;
                set_arguments(options, loaded);
            }
            add_reader<Reader>(s, options);
        },
        argument_place<options_type, I>()..., doc.c_str());
}

/// Add the method of a reader, that which follows from its arguments and options. Readers that are
/// made in a way of their own have a file of their own, and their names below.
template <typename Reader>
void bind_reader(const py::module_& m, bound_stream& bound) {
    using options_type = Reader::options_type;
    std::vector<option_row> rows = argument_texts<options_type>();
    for (option_row& row : option_rows<options_type>()) rows.push_back(std::move(row));
    const std::string doc = std::string(Reader::info.text) + "\n" + parameters_section(rows) + R"(
Raises
------
OSError
    If the operating system refuses (RuntimeError, too).
RuntimeError
    If a host is not found, if what it needs is not on this machine, or if what is to be read is not
    what it should be; after :meth:`start` with `explicit_start`.
ValueError
    If an argument makes no sense; the text names it and the limit.
)";
    add_method<Reader>(bound, doc, argument_indices<options_type>());
    publish_options(m, Reader::info.method, option_rows<options_type>());
}

template <>
void bind_reader<recv::buffer_reader>(const py::module_& m, bound_stream& bound);
template <>
void bind_reader<recv::inproc_reader>(const py::module_& m, bound_stream& bound);
template <>
void bind_reader<recv::tcp_reader>(const py::module_& m, bound_stream& bound);
template <>
void bind_reader<recv::udp_reader>(const py::module_& m, bound_stream& bound);
template <>
void bind_reader<recv::udp_ibv_reader>(const py::module_& m, bound_stream& bound);

}  // namespace spead2::python
