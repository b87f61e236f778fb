// SPDX-License-Identifier: GPL-3.0-or-later
// Items of a block are told apart by their IDs and by their names.
#pragma once

#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>

#include <spead2/wire/protocol.h>

namespace gr::spead2 {

class item_names {
public:
    /// \throw std::invalid_argument if it is reserved, or there was one of the kind
    void add(std::uint64_t id, const std::string& name) {
        if (id <= engine::stream_ctrl_id)
            throw std::invalid_argument(
                "item '" + name + "': id " + std::to_string(id) +
                " is reserved by the protocol; use 4096 (0x1000) and above");
        if (!ids_.insert(id).second)
            throw std::invalid_argument("item '" + name + "': id " + std::to_string(id) +
                                        " is used twice");
        if (!names_.insert(name).second)
            throw std::invalid_argument("item '" + name + "': the name is used twice");
    }

private:
    std::set<std::uint64_t> ids_;
    std::set<std::string> names_;
};

}  // namespace gr::spead2
