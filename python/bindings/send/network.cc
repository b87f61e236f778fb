// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <array>

namespace spead2::python {
namespace {

[[noreturn]] void type_error(const std::string& text) { throw py::type_error(text); }

bool is_iterable(PyObject* object) {
    return Py_TYPE(object)->tp_iter != nullptr || PySequence_Check(object) != 0;
}

/// Collects arguments; each may be given once.
class collector {
public:
    explicit collector(const char* function) { result_.function = function; }

    void set_pool(const py::object& object) {
        once(has_pool_, "thread_pool");
        try {
            result_.pool = object.cast<std::shared_ptr<thread_pool>>();
        } catch (const py::cast_error&) {
            type_error("thread_pool must be a ThreadPool, not " + repr(object.ptr()));
        }
        if (!result_.pool) type_error("thread_pool must be a ThreadPool, not None");
    }

    void set_config(const py::object& object) {
        once(has_config_, "config");
        py::detail::make_caster<stream_config> caster;
        if (object.is_none() || !caster.load(object, false))
            type_error("config must be a StreamConfig, not " + repr(object.ptr()));
        result_.config = static_cast<stream_config&>(caster);
    }

    void set_endpoints(const py::object& object) {
        if (hostname_) type_error("endpoints and hostname cannot both be given");
        once(result_.has_endpoints, "endpoints");
        result_.endpoints = to_endpoints(object);
    }

    void set_hostname(const py::object& object) {
        if (result_.has_endpoints) type_error("endpoints and hostname cannot both be given");
        once(hostname_, object, "hostname");
    }
    void set_port(const py::object& object) { once(port_, object, "port"); }

    void set_socket(const py::object& object) {
        once(has_socket_, "socket");
        if (!is_socket(object.ptr()))
            type_error("socket must be a socket.socket, not " + repr(object.ptr()));
        result_.socket_object = object;
        const int fd = object.attr("fileno")().cast<int>();
        if (fd < 0) throw py::value_error("socket is closed: " + repr(object.ptr()));
        result_.socket = fd;
    }

    void set_option(const char* name, const py::object& object) {
        bool given = result_.given(name);
        once(given, name);
        result_.options.emplace_back(name, object);
    }

    /// An argument after those with a fixed place.
    void add_by_type(const py::object& object) {
        if (is_socket(object.ptr()))
            set_socket(object);
        else if (PyUnicode_Check(object.ptr()))
            set_option("interface_address", object);
        else
            set_option(result_.given("ttl") ? "interface_index" : "ttl", object);
    }

    void add_by_name(const std::string& name, const py::object& object) {
        struct setter {
            std::string_view name;
            void (collector::*set)(const py::object&);
        };
        static constexpr std::array<setter, 6> setters{{
            {"thread_pool", &collector::set_pool},
            {"endpoints", &collector::set_endpoints},
            {"hostname", &collector::set_hostname},
            {"port", &collector::set_port},
            {"config", &collector::set_config},
            {"socket", &collector::set_socket},
        }};
        for (const setter& s : setters) {
            if (s.name == name) {
                (this->*s.set)(object);
                return;
            }
        }
        set_option(name.c_str(), object);
    }

    [[nodiscard]] network_arguments finish() {
        if (!has_pool_)
            type_error(std::string(result_.function) + "() is missing the argument 'thread_pool'");
        if (static_cast<bool>(hostname_) != static_cast<bool>(port_))
            type_error(std::string(result_.function) + "() is missing the argument '" +
                       (port_ ? "hostname'" : "port'"));
        if (hostname_) {
            result_.endpoints.push_back(to_endpoint(hostname_.ptr(), port_.ptr()));
            result_.has_endpoints = true;
        }
        return std::move(result_);
    }

private:
    void once(bool& given, const char* name) const {
        if (given)
            type_error(std::string(result_.function) + "() got multiple values for argument '" +
                       name + "'");
        given = true;
    }
    void once(py::object& place, const py::object& object, const char* name) const {
        bool given = static_cast<bool>(place);
        once(given, name);
        place = object;
    }

    network_arguments result_;
    bool has_pool_ = false;
    bool has_config_ = false;
    bool has_socket_ = false;
    py::object hostname_;
    py::object port_;
};

}  // namespace

network_arguments sort_network_arguments(const char* function, const py::args& args,
                                         const py::kwargs& keywords) {
    collector c(function);
    std::size_t next = 0;
    const auto more = [&] { return next != args.size(); };
    const auto take = [&] { return py::object(args[next++]); };
    if (more()) c.set_pool(take());
    const bool with_socket = more() && is_socket(py::object(args[next]).ptr());
    if (with_socket) c.set_socket(take());
    if (more()) {
        const py::object following = args[next];
        if (PyUnicode_Check(following.ptr())) {
            c.set_hostname(take());
            if (more()) c.set_port(take());
        } else if (!with_socket || is_iterable(following.ptr())) {
            c.set_endpoints(take());
        }
    }
    if (more()) c.set_config(take());
    if (more() && !with_socket) c.set_option("buffer_size", take());
    for (int left = 3; more() && !with_socket && left > 0; --left) c.add_by_type(take());
    if (more())
        type_error(std::string(function) + "() got " + std::to_string(args.size()) +
                   " positional arguments, the last of them " +
                   repr(py::object(args[args.size() - 1]).ptr()) + ", but takes fewer");
    for (const auto& [name, value] : keywords)
        c.add_by_name(to_utf8(name.ptr()), py::reinterpret_borrow<py::object>(value));
    return c.finish();
}

}  // namespace spead2::python
