// SPDX-License-Identifier: Apache-2.0
#include "live_streams.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/runtime/forks.h>

#include "stream_core.h"

namespace spead2::send::detail {
namespace {

struct registry {
    std::mutex mutex;
    std::vector<stream_core*> streams;
    const std::uint64_t made_in = fork_count();
};

// Never destroyed: streams may be destroyed after anything else. The child of a fork has none of the
// streams, and perhaps not the lock.
registry& streams_here() {
    static std::atomic<registry*> current{std::make_unique<registry>().release()};
    registry* found = current.load();
    while (found->made_in != fork_count()) {
        auto another = std::make_unique<registry>();
        if (current.compare_exchange_strong(found, another.get())) found = another.release();
    }
    return *found;
}

void tell_all() {
    registry& here = streams_here();
    const std::lock_guard lock(here.mutex);
    for (stream_core* const stream : here.streams) stream->tell_left();
}

}  // namespace

void remember(stream_core& stream) {
    [[maybe_unused]] static const int registered = std::atexit(tell_all);
    registry& here = streams_here();
    const std::lock_guard lock(here.mutex);
    here.streams.push_back(&stream);
}

void forget(stream_core& stream) noexcept {
    registry& here = streams_here();
    const std::lock_guard lock(here.mutex);
    here.streams.erase(std::remove(here.streams.begin(), here.streams.end(), &stream),
                       here.streams.end());
}

}  // namespace spead2::send::detail
