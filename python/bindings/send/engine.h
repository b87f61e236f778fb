// SPDX-License-Identifier: Apache-2.0
// The engine's sending wing, by its own names, for the bindings of that wing alone.
#pragma once

namespace spead2 {
namespace send {}
namespace python {
using namespace spead2::send;  // NOLINT(google-build-using-namespace): one wing, its own room
}
}  // namespace spead2
