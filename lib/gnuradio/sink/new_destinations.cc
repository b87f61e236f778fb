// SPDX-License-Identifier: GPL-3.0-or-later
#include "new_destinations.h"

#include <stdexcept>
#include <vector>

#include <spead2/send/transports/udp.h>

namespace gr::spead2 {
namespace {

/// Of the addresses that a name stands for the first that packets can go to.
engine::endpoint find(const engine::send::udp_transport& carrier, const std::string& host, int port,
                      std::size_t substream) {
    const std::vector<engine::endpoint> all = engine::resolve_every(host, port);
    for (const engine::endpoint& to : all) {
        try {
            carrier.check_destination(substream, to);
            return to;
        } catch (const std::invalid_argument&) {
            if (&to == &all.back()) throw;
        }
    }
    throw std::invalid_argument("'" + host + "' has no address");
}

}  // namespace

void new_destinations::ask(engine::send::stream& stream, const std::string& host, int port,
                           std::size_t substream) {
    const auto* const carrier = dynamic_cast<engine::send::udp_transport*>(&stream.carrier());
    if (carrier == nullptr)
        throw std::invalid_argument("the stream is " + stream.describe() +
                                    ", but only UDP streams can get another destination");
    const engine::endpoint to = find(*carrier, host, port, substream);
    const std::lock_guard lock(mutex_);
    list_[substream] = to;
    asked_.store(true, std::memory_order_relaxed);
}

new_destinations::list new_destinations::take() {
    const std::lock_guard lock(mutex_);
    asked_.store(false, std::memory_order_relaxed);
    return std::exchange(list_, {});
}

void new_destinations::redirect(engine::send::stream& stream, std::size_t substream,
                                const engine::endpoint& to) {
    auto& carrier = dynamic_cast<engine::send::udp_transport&>(stream.carrier());
    stream.call_in_turn([&carrier, substream, to] { carrier.set_destination(substream, to); });
}

}  // namespace gr::spead2
