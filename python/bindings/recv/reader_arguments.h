// SPDX-License-Identifier: Apache-2.0
// Arguments of add_udp_reader() and the like, which come in several forms: each has places of its own,
// and every form takes the reader's options by name.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/options.h"

namespace spead2::python {

class reader_arguments {
public:
    /// \param function  its name, for errors
    reader_arguments(const char* function, py::args args, py::kwargs keywords)
        : function_(function), args_(std::move(args)), keywords_(std::move(keywords)) {}

    /// Whether an argument was given by this name, or the first place holds one of \a matches.
    template <typename Matches>
    [[nodiscard]] bool begins_with(const char* name, Matches matches) const {
        return !args_.empty() ? matches(py::object(args_[0]).ptr()) : keywords_.contains(name);
    }
    /// What is in a place. \return null if nothing is
    [[nodiscard]] py::object at(std::size_t place) const {
        return place < args_.size() ? py::object(args_[place]) : py::object();
    }
    [[nodiscard]] bool given(std::string_view name) const;

    /// Say what the places are called, now that the form is known; the first \a required are needed.
    /// \throw TypeError if there are too many or too few, or two of one name
    void name_places(std::size_t required, std::initializer_list<const char*> names);

    /// Take an argument out. \return null if it was not given
    [[nodiscard]] py::object take(std::string_view name);

    /// The options among the arguments, which are all that are left.
    /// \throw TypeError for others
    template <typename Options>
    void set_options(Options& options) const {
        for (const auto& [name, value] : named_)
            if (!set_option(options, name, value)) unexpected(name);
    }
    /// \throw TypeError unless all arguments have been taken
    void finish() const {
        if (!named_.empty()) unexpected(named_.front().first);
    }

private:
    [[noreturn]] void unexpected(const std::string& name) const;

    const char* function_;
    py::args args_;
    py::kwargs keywords_;
    std::vector<std::pair<std::string, py::object>> named_;
};

}  // namespace spead2::python
