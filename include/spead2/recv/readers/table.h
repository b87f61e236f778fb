// SPDX-License-Identifier: Apache-2.0
// The table of readers. A reader is a file pair (readers/NAME.h and .cc) and a row here: the methods
// of Python's streams and their stubs come from this table and from what the classes in it say of
// themselves.
#pragma once

#include <tuple>
#include <type_traits>

#include <spead2/recv/reader.h>
#include <spead2/recv/reader_info.h>
#include <spead2/recv/readers/buffer.h>
#include <spead2/recv/readers/inproc.h>
#include <spead2/recv/readers/pcap.h>
#include <spead2/recv/readers/tcp.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/readers/udp_ibv.h>

namespace spead2::recv {

/// One row a reader. Its class has `info` (a reader_info) and, unless it is made in a way of its own,
/// `options_type`: a structure with arguments() (base/arguments.h) and options() (base/options.h),
/// from which it is constructed.
// clang-format off
using readers = std::tuple<
    udp_reader,
    tcp_reader,
    udp_ibv_reader,
    pcap_reader,
    inproc_reader,
    buffer_reader>;
// clang-format on

/// Call \a f with a null pointer to each class of the table.
template <typename F>
constexpr void for_each_reader(F&& f) {
    [&f]<typename... T>(std::type_identity<std::tuple<T...>>) {
        (f(static_cast<T*>(nullptr)), ...);
    }(std::type_identity<readers>{});
}

}  // namespace spead2::recv
