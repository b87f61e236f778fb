// SPDX-License-Identifier: Apache-2.0
#include "ibv_environment.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include <spead2/base/log.h>

namespace spead2::python {
namespace {

struct settings {
    std::string interface;
    std::string comp_vector;
};

settings& environment() {
    static settings read;
    return read;
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

int comp_vector(const std::string& text) {
    int value = 0;
    if (text.empty()) return value;
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && last == end) return value;
    log_message(log_level::warning,
                "SPEAD2_IBV_COMP_VECTOR is '" + text + "', which is not an integer: ignored");
    return 0;
}

}  // namespace

void read_ibv_environment() {
    environment() = {variable("SPEAD2_IBV_INTERFACE"), variable("SPEAD2_IBV_COMP_VECTOR")};
}

std::optional<recv::udp_ibv_reader_options> ibv_in_place_of(
    const recv::udp_reader_options& options) {
    const std::string& interface = environment().interface;
    if (interface.empty() || options.socket || !options.interface_address.empty() ||
        options.address.family() != AF_INET)
        return std::nullopt;
    sockaddr_in local{};
    local.sin_family = AF_INET;
    if (::inet_pton(AF_INET, interface.c_str(), &local.sin_addr) != 1) {
        log_message(log_level::warning, "SPEAD2_IBV_INTERFACE is '" + interface +
                                            "', which is not an IPv4 address: ignored");
        return std::nullopt;
    }
    log_message(log_level::info,
                "Overriding reader for " + options.address.to_string() + " to use ibverbs");
    endpoint at = options.address;
    if (reinterpret_cast<const sockaddr_in*>(at.address())->sin_addr.s_addr == INADDR_ANY) {
        at = endpoint(reinterpret_cast<const sockaddr*>(&local), sizeof local);
        at.set_port(options.address.port());
    }
    recv::udp_ibv_reader_options result;
    result.endpoints = {at};
    result.interface_address = interface;
    result.max_size = options.max_size;
    result.buffer_size = options.buffer_size;
    result.comp_vector = comp_vector(environment().comp_vector);
    return result;
}

}  // namespace spead2::python
