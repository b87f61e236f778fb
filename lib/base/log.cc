// SPDX-License-Identifier: Apache-2.0
#include <spead2/base/log.h>

#include <pthread.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

namespace spead2 {
namespace {

struct sink_state {
    std::mutex mutex;
    std::shared_ptr<const log_sink> sink;
};

sink_state& state() {
    // Never destroyed: threads may log while the process ends. Nobody has the lock during a fork(),
    // where the child would find it locked for ever.
    static auto* const instance = [] {
        static_cast<void>(::pthread_atfork([] { state().mutex.lock(); },
                                           [] { state().mutex.unlock(); },
                                           [] { state().mutex.unlock(); }));
        return std::make_unique<sink_state>().release();
    }();
    return *instance;
}

void to_standard_error(log_level level, const std::string& message) {
    static constexpr const char* names[] = {"debug", "info", "warning", "error"};
    std::fprintf(stderr, "spead2: %s: %s\n", names[static_cast<int>(level)], message.c_str());
}

}  // namespace

log_sink set_log_sink(log_sink sink) {
    auto replacement = sink ? std::make_shared<const log_sink>(std::move(sink)) : nullptr;
    const std::lock_guard lock(state().mutex);
    state().sink.swap(replacement);
    return replacement ? *replacement : log_sink();
}

void log_message(log_level level, const std::string& message) noexcept {
    try {
        std::shared_ptr<const log_sink> sink;
        {
            const std::lock_guard lock(state().mutex);
            sink = state().sink;
        }
        if (sink)
            (*sink)(level, message);
        else
            to_standard_error(level, message);
    } catch (...) {
        to_standard_error(log_level::error, "a log message was lost: its sink threw");
    }
}

}  // namespace spead2
