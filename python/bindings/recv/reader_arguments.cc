// SPDX-License-Identifier: Apache-2.0
#include "reader_arguments.h"

#include <algorithm>

namespace spead2::python {

bool reader_arguments::given(std::string_view name) const {
    return std::any_of(named_.begin(), named_.end(),
                       [name](const auto& argument) { return argument.first == name; });
}

void reader_arguments::name_places(std::size_t required, std::initializer_list<const char*> names) {
    if (args_.size() > names.size())
        throw py::type_error(std::string(function_) + "() takes at most " +
                             std::to_string(names.size()) + " positional arguments here, but " +
                             std::to_string(args_.size()) + " were given");
    for (std::size_t i = 0; i < args_.size(); ++i)
        named_.emplace_back(names.begin()[i], py::object(args_[i]));
    for (const auto& [key, value] : keywords_) {
        std::string name = to_utf8(key.ptr());
        if (given(name))
            throw py::type_error(std::string(function_) + "() got multiple values for argument '" +
                                 name + "'");
        named_.emplace_back(std::move(name), py::reinterpret_borrow<py::object>(value));
    }
    for (std::size_t i = 0; i < required; ++i)
        if (!given(names.begin()[i]))
            throw py::type_error(std::string(function_) + "() is missing the argument '" +
                                 names.begin()[i] + "'");
}

py::object reader_arguments::take(std::string_view name) {
    const auto found = std::find_if(named_.begin(), named_.end(), [name](const auto& argument) {
        return argument.first == name;
    });
    if (found == named_.end()) return {};
    py::object value = std::move(found->second);
    named_.erase(found);
    return value;
}

void reader_arguments::unexpected(const std::string& name) const {
    throw py::type_error(std::string(function_) + "() got an unexpected keyword argument '" + name +
                         "'");
}

}  // namespace spead2::python
