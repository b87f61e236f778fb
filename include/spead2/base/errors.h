// SPDX-License-Identifier: Apache-2.0
// Exceptions of the package that the standard library has no name for. Everything else is
// std::invalid_argument (a bad argument) or std::system_error (the operating system or the queue).
#pragma once

#include <stdexcept>

namespace spead2 {

/// A host name or address could not be resolved. The text contains "Host not found".
class resolve_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A queue was used after it was stopped.
class stopped_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace spead2
