// SPDX-License-Identifier: GPL-3.0-or-later
// The blocks' options as classes whose attributes are the C++ structures' members. No option is named
// here: the structures list them.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <gnuradio/spead2/sink_options.h>
#include <gnuradio/spead2/source_options.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bindings.h"

namespace py = pybind11;

namespace gr::spead2 {
namespace {

[[noreturn]] void bad_type(const std::string& name, const py::handle& value,
                           const std::string& wanted) {
    throw py::type_error(name + " is " + std::string(py::repr(value)) + ", but must be " + wanted);
}

/// How a type of option is said in Python: its annotation, and the way there and back.
template <typename T>
struct option_type;

template <>
struct option_type<bool> {
    static const char* annotation() { return "bool"; }
    static py::object to_python(bool value) { return py::bool_(value); }
    static bool from_python(const std::string& name, const py::handle& value) {
        const int truth = PyObject_IsTrue(value.ptr());
        if (truth < 0) throw py::error_already_set();
        static_cast<void>(name);
        return truth != 0;
    }
};

template <>
struct option_type<std::string> {
    static const char* annotation() { return "str"; }
    static py::object to_python(const std::string& value) { return py::str(value); }
    static std::string from_python(const std::string& name, const py::handle& value) {
        if (!py::isinstance<py::str>(value)) bad_type(name, value, "a str");
        return value.cast<std::string>();
    }
};

template <>
struct option_type<std::uint64_t> {
    static const char* annotation() { return "int"; }
    static py::object to_python(std::uint64_t value) { return py::int_(value); }
    static std::uint64_t from_python(const std::string& name, const py::handle& value) {
        const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        if (!number) {
            PyErr_Clear();
            bad_type(name, value, "a whole number (int)");
        }
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        const std::string text = name + " is " + std::string(py::str(number));
        if (number < py::int_(0)) throw std::invalid_argument(text + ", but must be at least 0");
        if (number > py::int_(most))
            throw std::invalid_argument(text + ", but must be at most " + std::to_string(most));
        return number.cast<std::uint64_t>();
    }
};

template <>
struct option_type<double> {
    static const char* annotation() { return "float"; }
    static py::object to_python(double value) { return py::float_(value); }
    static double from_python(const std::string& name, const py::handle& value) {
        const py::object number = py::reinterpret_steal<py::object>(PyNumber_Float(value.ptr()));
        if (py::isinstance<py::str>(value) || !number) {
            PyErr_Clear();
            bad_type(name, value, "a number");
        }
        return number.cast<double>();
    }
};

template <>
struct option_type<std::vector<std::string>> {
    static const char* annotation() { return "str | Iterable[str]"; }
    static py::object to_python(const std::vector<std::string>& texts) {
        if (texts.size() == 1) return py::str(texts.front());
        return py::tuple(py::cast(texts));
    }
    static std::vector<std::string> from_python(const std::string& name, const py::handle& value) {
        if (py::isinstance<py::str>(value)) {
            const auto text = value.cast<std::string>();
            return text.empty() ? std::vector<std::string>() : std::vector{text};
        }
        if (!py::isinstance<py::iterable>(value)) bad_type(name, value, "a str or a list of those");
        std::vector<std::string> texts;
        for (const py::handle v : py::list(py::reinterpret_borrow<py::object>(value)))
            texts.push_back(option_type<std::string>::from_python(name, v));
        return texts;
    }
};

template <typename Enum>
requires std::is_enum_v<Enum>
struct option_type<Enum> {
    static std::string annotation() {
        std::string names;
        for (const char* const n : choice_names<Enum>)
            names += (names.empty() ? "\"" : ", \"") + std::string(n) + "\"";
        return "Literal[" + names + "]";
    }
    static py::object to_python(Enum value) {
        return py::str(choice_names<Enum>[static_cast<std::size_t>(value)]);
    }
    static Enum from_python(const std::string& name, const py::handle& value) {
        const std::string text = option_type<std::string>::from_python(name, value);
        std::string names;
        for (std::size_t i = 0; i < choice_names<Enum>.size(); ++i) {
            if (text == choice_names<Enum>[i]) return static_cast<Enum>(i);
            names += (i == 0 ? "'" : " or '") + std::string(choice_names<Enum>[i]) + "'";
        }
        throw std::invalid_argument(name + " is '" + text + "'; use " + names);
    }
};

template <>
struct option_type<substream_rule> {
    static const char* annotation() { return "int | str"; }
    static py::object to_python(const substream_rule& rule) {
        switch (rule.what()) {
            case substream_rule::kind::round_robin:
                return py::str("round_robin");
            case substream_rule::kind::tag:
                return py::str("tag:" + rule.key());
            case substream_rule::kind::fixed:
                break;
        }
        return py::int_(rule.index());
    }
    static substream_rule from_python(const std::string& name, const py::handle& value) {
        if (py::isinstance<py::str>(value)) return {value.cast<std::string>()};
        const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        if (!number) {
            PyErr_Clear();
            bad_type(name, value, R"(a number, "round_robin" or "tag:KEY")");
        }
        constexpr int most = std::numeric_limits<int>::max();
        if (number > py::int_(most) || number < py::int_(-most))
            throw std::invalid_argument(name + " " + std::string(py::str(number)) +
                                        " is out of range");
        return {number.cast<int>()};
    }
};

template <>
struct option_type<split_rule> {
    static const char* annotation() { return "int | str"; }
    static py::object to_python(const split_rule& rule) {
        if (rule.axis()) return py::int_(*rule.axis());
        return py::str("new");
    }
    static split_rule from_python(const std::string& name, const py::handle& value) {
        if (py::isinstance<py::str>(value)) return {value.cast<std::string>()};
        if (!PyIndex_Check(value.ptr())) bad_type(name, value, R"("new" or the number of an axis)");
        const std::uint64_t axis = option_type<std::uint64_t>::from_python(name, value);
        constexpr std::uint64_t most = std::numeric_limits<int>::max();
        return {static_cast<int>(std::min(axis, most))};
    }
};

template <>
struct option_type<std::vector<std::uint64_t>> {
    static const char* annotation() { return "Iterable[int]"; }
    static py::object to_python(const std::vector<std::uint64_t>& numbers) {
        return py::cast(numbers);
    }
    static std::vector<std::uint64_t> from_python(const std::string& name,
                                                  const py::handle& value) {
        if (!py::isinstance<py::iterable>(value) || py::isinstance<py::str>(value))
            bad_type(name, value, "a list of numbers");
        std::vector<std::uint64_t> numbers;
        for (const py::handle v : py::list(py::reinterpret_borrow<py::object>(value)))
            numbers.push_back(option_type<std::uint64_t>::from_python(name, v));
        return numbers;
    }
};

template <>
struct option_type<engine::flavour> {
    static const char* annotation() { return "Flavour | None"; }
    static py::object to_python(const engine::flavour& flavour) { return py::cast(flavour); }
    static engine::flavour from_python(const std::string& name, const py::handle& value) {
        if (value.is_none()) return {};
        if (!py::isinstance<engine::flavour>(value)) bad_type(name, value, "a spead2.Flavour");
        return value.cast<engine::flavour>();
    }
};

template <>
struct option_type<std::vector<scalar_item>> {
    static const char* annotation() { return "ScalarItem | Iterable[ScalarItem]"; }
    static py::object to_python(const std::vector<scalar_item>& scalars) {
        return py::cast(scalars);
    }
    static std::vector<scalar_item> from_python(const std::string& name, const py::handle& value) {
        py::list values;
        if (py::isinstance<py::iterable>(value))
            values = py::list(py::reinterpret_borrow<py::object>(value));
        else
            values.append(value);
        std::vector<scalar_item> scalars;
        for (const py::handle v : values) {
            if (!py::isinstance<scalar_item>(v))
                throw py::type_error(name + " has " + std::string(py::repr(v)) +
                                     "; use tag_item, counter_item and constant_item to make them");
            scalars.push_back(v.cast<scalar_item>());
        }
        return scalars;
    }
};

template <typename Options>
void bind_options(py::module_& m, const char* name) {
    py::class_<Options> bound(m, name);
    bound.def(py::init<>());
    py::dict annotations;
    Options::for_each([&](const char* option, auto member, const char* text) {
        using type = option_type<std::remove_cvref_t<decltype(std::declval<Options&>().*member)>>;
        bound.def_property(
            option, [member](const Options& o) { return type::to_python(o.*member); },
            [member, option](Options& o, const py::handle& value) {
                o.*member = type::from_python(option, value);
            },
            text);
        annotations[option] = type::annotation();
    });
    bound.attr("ANNOTATIONS") = annotations;
}

}  // namespace

void bind_options(py::module_& m) {
    bind_options<heap_sink_options>(m, "HeapSinkOptions");
    bind_options<pdu_heap_sink_options>(m, "PduHeapSinkOptions");
    bind_options<heap_source_options>(m, "HeapSourceOptions");
    bind_options<pdu_heap_source_options>(m, "PduHeapSourceOptions");
}

}  // namespace gr::spead2
