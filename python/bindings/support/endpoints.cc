// SPDX-License-Identifier: Apache-2.0
#include "endpoints.h"

#include <spead2/wire/limits.h>

#include "objects.h"

namespace spead2::python {

bool is_socket(PyObject* object) {
    static PyObject* const type =
        py::object(py::module_::import("socket").attr("socket")).release().ptr();
    const int result = run_python<PyObject_IsInstance>(object, type);
    if (result < 0) throw py::error_already_set();
    return result != 0;
}

py::object to_tuple(PyObject* object) {
    if (PyUnicode_Check(object) || PyBytes_Check(object)) return {};
    const auto iterator = py::reinterpret_steal<py::object>(run_python<PyObject_GetIter>(object));
    if (!iterator) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
        PyErr_Clear();
        return {};
    }
    return steal(run_python<PySequence_Tuple>(iterator.ptr()));
}

std::pair<std::string, int> to_endpoint(PyObject* host, PyObject* port) {
    return {to_str(host, "host name"), static_cast<int>(to_int(port, "port", 0, max_port))};
}

host_list to_endpoints(const py::handle& object) {
    const auto wrong = [&object] {
        throw py::type_error("endpoints must be an iterable of pairs (host name, port), not " +
                             repr(object.ptr()));
    };
    const py::object elements = to_tuple(object.ptr());
    if (!elements) wrong();
    host_list endpoints;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(elements.ptr()); ++i) {
        const py::object pair = to_tuple(PyTuple_GET_ITEM(elements.ptr(), i));
        if (!pair || PyTuple_GET_SIZE(pair.ptr()) != 2) wrong();
        endpoints.push_back(
            to_endpoint(PyTuple_GET_ITEM(pair.ptr(), 0), PyTuple_GET_ITEM(pair.ptr(), 1)));
    }
    return endpoints;
}

}  // namespace spead2::python
