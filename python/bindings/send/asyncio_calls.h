// SPDX-License-Identifier: Apache-2.0
// What is asked of asyncio: its loops and futures, without the detours of its Python code where they
// are asyncio's own. May run Python code, all of it, and throw py::error_already_set.
#pragma once

#include "support/python.h"

namespace spead2::python {

/// The running loop of this thread, or None.
[[nodiscard]] py::object running_loop();
/// The running loop, or else the one that is set for this thread.
[[nodiscard]] py::object current_loop();

void add_reader(const py::object& loop, const py::object& fd, const py::object& callback);
void remove_reader(const py::object& loop, const py::object& fd);
void call_soon(const py::object& loop, const py::object& callback);

[[nodiscard]] py::object make_future(PyObject* loop);
/// Set a future, unless it is done (cancelled). A closed loop does not matter any more.
void set_future_result(PyObject* future, PyObject* value);
void set_future_exception(PyObject* future, PyObject* exception);

/// Look up what the others use. Before them.
void find_asyncio();

}  // namespace spead2::python
