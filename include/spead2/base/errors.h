// SPDX-License-Identifier: Apache-2.0
// Exceptions of the package that the standard library has no name for. Everything else is
// std::invalid_argument (a bad argument) or std::system_error (the operating system or the queue).
#pragma once

#include <stdexcept>
#include <system_error>

namespace spead2 {

/// A host name or address could not be resolved. The text contains "Host not found".
class resolve_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The operating system does not let a new socket have the address or option that was asked for.
class socket_setup_error : public std::system_error {
    using std::system_error::system_error;
};

/// A number is outside of what it may be. The text names both.
class range_error : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// A queue was used after it was stopped.
class stopped_error : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace spead2
