// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <climits>
#include <string_view>

#include "support/arguments.h"

namespace spead2::python {
namespace {

std::string repr(PyObject* object) {
    const auto text = py::reinterpret_steal<py::object>(run_python<PyObject_Repr>(object));
    if (!text) throw py::error_already_set();
    return text.cast<std::string>();
}

[[noreturn]] void type_error(const std::string& text) { throw py::type_error(text); }

bool is_socket(PyObject* object) {
    static PyObject* const type =
        py::object(py::module_::import("socket").attr("socket")).release().ptr();
    const int result = run_python<PyObject_IsInstance>(object, type);
    if (result < 0) throw py::error_already_set();
    return result != 0;
}

/// An int in a range. \throw TypeError if it is none, throw_range_error() if it is outside
std::int64_t to_int(PyObject* object, const char* name, std::int64_t low, std::int64_t high) {
    const auto index = py::reinterpret_steal<py::object>(run_python<PyNumber_Index>(object));
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
        PyErr_Clear();
        type_error(std::string(name) + " must be an int, not " + repr(object));
    }
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    if (overflow != 0 || value < low || value > high)
        throw_range_error(std::string(name) + " is " + repr(object) + ", but must be from " +
                          std::to_string(low) + " to " + std::to_string(high));
    return value;
}

std::string to_utf8(PyObject* text) {
    Py_ssize_t size = 0;
    const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 == nullptr) throw py::error_already_set();  // half a surrogate pair
    return {utf8, static_cast<std::size_t>(size)};
}

std::string to_str(PyObject* object, const char* name) {
    if (!PyUnicode_Check(object))
        type_error(std::string(name) + " must be a str, not " + repr(object));
    return to_utf8(object);
}

std::pair<std::string, int> to_endpoint(PyObject* host, PyObject* port) {
    return {to_str(host, "host name"), static_cast<int>(to_int(port, "port", 0, 65535))};
}

/// Collects arguments; each may be given once.
class collector {
public:
    explicit collector(const char* function) : function_(function) {}

    void set_pool(PyObject* object) {
        once(has_pool_, "thread_pool");
        try {
            result_.pool = py::handle(object).cast<std::shared_ptr<thread_pool>>();
        } catch (const py::cast_error&) {
            type_error("thread_pool must be a ThreadPool, not " + repr(object));
        }
        if (!result_.pool) type_error("thread_pool must be a ThreadPool, not None");
    }

    void set_config(PyObject* object) {
        once(has_config_, "config");
        py::detail::make_caster<stream_config> caster;
        if (object == Py_None || !caster.load(object, false))
            type_error("config must be a StreamConfig, not " + repr(object));
        result_.config = static_cast<stream_config&>(caster);
    }

    void set_endpoints(PyObject* object) {
        if (hostname_ != nullptr) type_error("endpoints and hostname cannot both be given");
        once(result_.has_endpoints, "endpoints");
        const std::string wrong =
            "endpoints must be a list of pairs (host name, port), not " + repr(object);
        if (PyUnicode_Check(object) || PySequence_Check(object) == 0) type_error(wrong);
        const auto list =
            py::reinterpret_steal<py::object>(run_python<PySequence_Fast>(object, ""));
        if (!list) {
            if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
            PyErr_Clear();
            type_error(wrong);
        }
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.ptr()); ++i) {
            // Owned, since looking into it may run code that changes the list.
            const auto element =
                py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(list.ptr(), i));
            if (PyUnicode_Check(element.ptr()) || PySequence_Check(element.ptr()) == 0 ||
                run_python<PySequence_Size>(element.ptr()) != 2)
                type_error(wrong);
            const auto pair =
                py::reinterpret_steal<py::object>(run_python<PySequence_Tuple>(element.ptr()));
            if (!pair || PyTuple_GET_SIZE(pair.ptr()) != 2) throw py::error_already_set();
            result_.endpoints.push_back(
                to_endpoint(PyTuple_GET_ITEM(pair.ptr(), 0), PyTuple_GET_ITEM(pair.ptr(), 1)));
        }
    }

    void set_hostname(PyObject* object) {
        if (result_.has_endpoints) type_error("endpoints and hostname cannot both be given");
        once(hostname_, object, "hostname");
    }
    void set_port(PyObject* object) { once(port_, object, "port"); }

    void set_buffer_size(PyObject* object) {
        once(has_buffer_size_, "buffer_size");
        std::size_t bytes = 0;
        if (!to_integer(object, "buffer_size", bytes)) throw py::error_already_set();
        result_.buffer_size = bytes;
    }
    void set_ttl(PyObject* object) {
        once(has_ttl_, "ttl");
        result_.ttl = static_cast<int>(to_int(object, "ttl", 0, 255));
    }
    void set_interface_address(PyObject* object) {
        once(has_interface_address_, "interface_address");
        result_.interface_address = to_str(object, "interface_address");
    }
    void set_interface_index(PyObject* object) {
        once(has_interface_index_, "interface_index");
        result_.interface_index =
            static_cast<unsigned>(to_int(object, "interface_index", 0, UINT_MAX));
    }
    void set_socket(PyObject* object) {
        once(has_socket_, "socket");
        if (!is_socket(object)) type_error("socket must be a socket.socket, not " + repr(object));
        result_.socket_object = py::reinterpret_borrow<py::object>(object);
        const auto number = py::reinterpret_steal<py::object>(
            run_python<PyObject_CallMethodNoArgs>(object, py::str("fileno").ptr()));
        if (!number) throw py::error_already_set();
        const int fd = number.cast<int>();
        if (fd < 0) throw py::value_error("socket is closed: " + repr(object));
        result_.socket = fd;
    }

    /// An argument after those with a fixed place.
    void add_by_type(PyObject* object) {
        if (is_socket(object))
            set_socket(object);
        else if (PyUnicode_Check(object))
            set_interface_address(object);
        else if (!has_ttl_)
            set_ttl(object);
        else
            set_interface_index(object);
    }

    void add_by_name(std::string_view name, PyObject* object) {
        struct setter {
            std::string_view name;
            void (collector::*set)(PyObject*);
        };
        static constexpr std::array<setter, 10> setters{{
            {"thread_pool", &collector::set_pool},
            {"endpoints", &collector::set_endpoints},
            {"hostname", &collector::set_hostname},
            {"port", &collector::set_port},
            {"config", &collector::set_config},
            {"buffer_size", &collector::set_buffer_size},
            {"ttl", &collector::set_ttl},
            {"interface_address", &collector::set_interface_address},
            {"interface_index", &collector::set_interface_index},
            {"socket", &collector::set_socket},
        }};
        for (const setter& s : setters) {
            if (s.name == name) {
                (this->*s.set)(object);
                return;
            }
        }
        type_error(std::string(function_) + "() got an unexpected keyword argument '" +
                   std::string(name) + "'");
    }

    [[nodiscard]] network_arguments finish() {
        if (!has_pool_)
            type_error(std::string(function_) + "() is missing the argument 'thread_pool'");
        if ((hostname_ != nullptr) != (port_ != nullptr))
            type_error(std::string(function_) + "() is missing the argument '" +
                       (port_ == nullptr ? "port'" : "hostname'"));
        if (hostname_ != nullptr) {
            result_.endpoints.push_back(to_endpoint(hostname_, port_));
            result_.has_endpoints = true;
        }
        if (result_.interface_index && !result_.ttl)
            type_error("interface_index can only be given with ttl");
        if (result_.interface_index && result_.interface_address)
            type_error("interface_index and interface_address cannot both be given");
        return std::move(result_);
    }

    [[nodiscard]] const char* function() const noexcept { return function_; }

private:
    void once(bool& given, const char* name) const {
        if (given)
            type_error(std::string(function_) + "() got multiple values for argument '" + name +
                       "'");
        given = true;
    }
    void once(PyObject*& place, PyObject* object, const char* name) const {
        bool given = place != nullptr;
        once(given, name);
        place = object;
    }

    const char* function_;
    network_arguments result_;
    bool has_pool_ = false;
    bool has_config_ = false;
    bool has_buffer_size_ = false;
    bool has_ttl_ = false;
    bool has_interface_address_ = false;
    bool has_interface_index_ = false;
    bool has_socket_ = false;
    PyObject* hostname_ = nullptr;  // borrowed from the arguments
    PyObject* port_ = nullptr;
};

}  // namespace

network_arguments sort_network_arguments(const char* function, const py::args& args,
                                         const py::kwargs& keywords) {
    collector c(function);
    PyObject* const* next = &PyTuple_GET_ITEM(args.ptr(), 0);
    PyObject* const* const end = next + PyTuple_GET_SIZE(args.ptr());
    if (next != end) c.set_pool(*next++);
    const bool with_socket = next != end && is_socket(*next);
    if (with_socket) c.set_socket(*next++);
    if (next != end) {
        if (PyUnicode_Check(*next)) {
            c.set_hostname(*next++);
            if (next != end) c.set_port(*next++);
        } else if (!with_socket || PySequence_Check(*next) != 0) {
            c.set_endpoints(*next++);
        }
    }
    if (next != end) c.set_config(*next++);
    if (next != end && !with_socket) c.set_buffer_size(*next++);
    for (int left = 3; next != end && !with_socket && left > 0; --left) c.add_by_type(*next++);
    if (next != end)
        type_error(std::string(function) + "() got " + std::to_string(args.size()) +
                   " positional arguments, the last of them " + repr(end[-1]) +
                   ", but takes fewer");
    for (const auto& [name, value] : keywords) c.add_by_name(to_utf8(name.ptr()), value.ptr());
    return c.finish();
}

}  // namespace spead2::python
