// SPDX-License-Identifier: Apache-2.0
// How those who use a verbs device, senders and receivers, look for completions: rows of options, for
// structures with members `int comp_vector` and `int max_poll`.
#pragma once

#include <spead2/base/options.h>

namespace spead2 {

template <typename Options>
[[nodiscard]] constexpr auto comp_vector_option() {
    return option("comp_vector", &Options::comp_vector,
                  "Completion interrupt to wait for, modulo the number that the device has; "
                  "negative: poll all the time.");
}

template <typename Options>
[[nodiscard]] constexpr auto max_poll_option() {
    return option("max_poll", &Options::max_poll, at_least(1),
                  "Polls in a row before waiting, or letting other work run; at least 1.");
}

}  // namespace spead2
