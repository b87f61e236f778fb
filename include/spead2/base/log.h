// SPDX-License-Identifier: Apache-2.0
// Log messages of the engine. A program chooses where they go; by default to standard error.
#pragma once

#include <functional>
#include <string>

namespace spead2 {

enum class log_level { debug, info, warning, error };

/// Where messages go. May be called from any thread; must not throw and must not call the engine.
using log_sink = std::function<void(log_level, const std::string&)>;

/// Replace the sink and return the old one. An empty function restores standard error.
log_sink set_log_sink(log_sink sink);

/// Hand a message to the sink. Never throws.
void log_message(log_level level, const std::string& message) noexcept;

}  // namespace spead2
