// SPDX-License-Identifier: Apache-2.0
// The table of transports. A transport is a file pair (NAME.h here and its .cc) and a row here:
// Python's streams, their stubs, what GNU Radio's sinks go over and what Companion offers all come
// from this table and from what the classes in it say of themselves.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <spead2/base/text.h>
#include <spead2/send/config.h>
#include <spead2/send/transport.h>
#include <spead2/send/transport_info.h>
#include <spead2/send/transports/bytes.h>
#include <spead2/send/transports/inproc.h>
#include <spead2/send/transports/pcap.h>
#include <spead2/send/transports/tcp.h>
#include <spead2/send/transports/udp.h>
#include <spead2/send/transports/udp_ibv.h>

namespace spead2::send {

/// One row a transport. Its class has `info` (a transport_info) and, unless its streams are made in
/// a way of their own, `options_type`: a structure with arguments() (base/arguments.h) and options()
/// (base/options.h), from which it is constructed, maybe with the size of the largest packet behind.
// clang-format off
using transports = std::tuple<
    udp_transport,
    tcp_transport,
    udp_ibv_transport,
    pcap_transport,
    inproc_transport,
    bytes_transport>;
// clang-format on

/// Call \a f with a null pointer to each class of the table.
template <typename F>
constexpr void for_each_transport(F&& f) {
    [&f]<typename... T>(std::type_identity<std::tuple<T...>>) {
        (f(static_cast<T*>(nullptr)), ...);
    }(std::type_identity<transports>{});
}

template <typename Transport>
inline constexpr bool has_options = requires {
    typename Transport::options_type;
};

/// Make a transport for streams of a configuration. \throw what its constructor throws
template <typename Transport, typename Options>
[[nodiscard]] std::unique_ptr<Transport> make_transport(const Options& options,
                                                        const stream_config& config) {
    if constexpr (std::is_constructible_v<Transport, const Options&, std::size_t>)
        return std::make_unique<Transport>(options, config.max_packet_size());
    else
        return std::make_unique<Transport>(options);
}

namespace detail {

using all_transports = std::type_identity<transports>;

template <typename... T>
consteval std::size_t row_named(std::string_view name, std::type_identity<std::tuple<T...>>) {
    std::size_t row = 0;
    static_cast<void>(((T::info.name == name || (++row, false)) || ...));
    return row;
}

template <typename Transport, typename Options>
inline constexpr bool is_made_from = false;
template <typename Transport, typename Options>
requires std::is_same_v<typename Transport::options_type, Options>
inline constexpr bool is_made_from<Transport, Options> = true;

template <typename Options, typename... T>
consteval std::size_t row_made_from(std::type_identity<std::tuple<T...>>) {
    std::size_t row = 0;
    static_cast<void>(((is_made_from<T, Options> || (++row, false)) || ...));
    return row;
}

}  // namespace detail

/// The transport of a name: transport_named<"udp">.
template <literal_text Name>
using transport_named =
    std::tuple_element_t<detail::row_named(Name.view(), detail::all_transports{}), transports>;

/// The transport that is made from these options.
template <typename Options>
using transport_made_from =
    std::tuple_element_t<detail::row_made_from<Options>(detail::all_transports{}), transports>;

}  // namespace spead2::send
