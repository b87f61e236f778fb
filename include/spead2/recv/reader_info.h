// SPDX-License-Identifier: Apache-2.0
// What a reader says of itself to faces, which have it from there and do not name it again.
#pragma once

namespace spead2::recv {

/// Each reader has one, as its static member `info`.
struct reader_info {
    const char* name;    ///< in programs: "udp"
    const char* method;  ///< of Python's streams: "add_udp_reader"
    const char* label;   ///< where people choose: "UDP"
    const char* text;    ///< what it receives; the first line is a summary
};

}  // namespace spead2::recv
