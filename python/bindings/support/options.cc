// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <string_view>

namespace spead2::python {
namespace {

constexpr std::size_t line_width = 92;

/// \a text in lines behind four blanks.
std::string wrapped(std::string_view text) {
    std::string out = "   ";
    std::size_t column = out.size();
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (column + 1 + end > line_width) {
            out += "\n   ";
            column = 3;
        }
        out += ' ';
        out += text.substr(0, end);
        column += 1 + end;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace

std::string parameters_section(const std::vector<option_row>& rows, const char* others) {
    std::string out = "\nParameters\n----------\n";
    for (const option_row& row : rows)
        out += row.name + " : " + row.type + "\n" + wrapped(row.text) + "\n";
    return out + others;
}

py::list show_rows(const std::vector<option_row>& rows) {
    py::list list;
    for (const option_row& row : rows)
        list.append(py::make_tuple(row.name, row.type, row.initial, row.text, row.limits));
    return list;
}

void publish_options(const py::module_& m, const char* owner, const std::vector<option_row>& rows) {
    if (!py::hasattr(m, "OPTIONS")) m.attr("OPTIONS") = py::dict();
    m.attr("OPTIONS")[owner] = show_rows(rows);
}

void set_attributes(const py::handle& self, const py::kwargs& keywords) {
    const py::handle type = py::type::handle_of(self);
    for (const auto& [name, value] : keywords) {
        PyObject* const attribute =
            to_utf8(name.ptr()).starts_with('_')
                ? nullptr
                : _PyType_Lookup(reinterpret_cast<PyTypeObject*>(type.ptr()), name.ptr());
        if (attribute == nullptr) {
            set_error(PyExc_TypeError, "%S() got an unexpected keyword argument '%U'",
                      type.attr("__name__").ptr(), name.ptr());
            throw py::error_already_set();
        }
        if (PyObject_TypeCheck(attribute, &PyProperty_Type) == 0) {
            set_error(PyExc_AttributeError, "attribute '%U' of %S cannot be set", name.ptr(),
                      type.attr("__name__").ptr());
            throw py::error_already_set();
        }
        if (run_python<PyObject_SetAttr>(self.ptr(), name.ptr(), value.ptr()) != 0)
            throw py::error_already_set();
    }
}

std::string show_attributes(const py::handle& self, const char* function,
                            const std::vector<std::string>& names) {
    const py::object enumeration = py::module_::import("enum").attr("Enum");
    std::string out = std::string(function) + "(";
    for (const std::string& name : names) {
        const py::object value = self.attr(name.c_str());
        out += (out.back() == '(' ? "" : ", ") + name + "=";
        out += py::isinstance(value, enumeration) ? std::string(py::str(value)) : repr(value.ptr());
    }
    return out + ")";
}

}  // namespace spead2::python
