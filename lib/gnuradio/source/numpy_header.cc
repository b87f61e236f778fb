// SPDX-License-Identifier: GPL-3.0-or-later
#include "numpy_header.h"

#include <charconv>
#include <utility>

namespace gr::spead2 {
namespace {

constexpr std::size_t max_dimensions = 32;  // as numpy has

/// What is left of the text. Each function takes its part, or says that it is not there.
class scanner {
public:
    explicit scanner(std::string_view text) : rest_(text) {}

    bool take(std::string_view word) {
        skip_spaces();
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    [[nodiscard]] bool at_end() {
        skip_spaces();
        return rest_.empty();
    }
    std::optional<std::string> text() {
        skip_spaces();
        if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
        const std::size_t end = rest_.find(rest_[0], 1);
        if (end == std::string_view::npos) return std::nullopt;
        std::string found(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return found;
    }
    std::optional<bool> truth() {
        if (take("True")) return true;
        if (take("False")) return false;
        return std::nullopt;
    }
    std::optional<std::vector<std::int64_t>> shape() {
        if (!take("(")) return std::nullopt;
        std::vector<std::int64_t> sizes;
        while (!take(")")) {
            skip_spaces();
            std::int64_t size = 0;
            const auto [end, error] =
                std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
            if (error != std::errc() || size < 0 || sizes.size() == max_dimensions)
                return std::nullopt;
            rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
            sizes.push_back(size);
            static_cast<void>(take("L"));  // Python 2 wrote long numbers so
            if (!take(",") && !rest_.starts_with(')')) return std::nullopt;
        }
        return sizes;
    }

private:
    void skip_spaces() {
        while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

}  // namespace

std::optional<numpy_header> parse_numpy_header(std::string_view text) {
    scanner s(text);
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::int64_t>> shape;
    if (!s.take("{")) return std::nullopt;
    while (!s.take("}")) {
        const std::optional<std::string> key = s.text();
        if (!key || !s.take(":")) return std::nullopt;
        bool known = false;
        if (*key == "descr")
            known = (descr = s.text()).has_value();
        else if (*key == "fortran_order")
            known = (fortran_order = s.truth()).has_value();
        else if (*key == "shape")
            known = (shape = s.shape()).has_value();
        if (!known) return std::nullopt;
        static_cast<void>(s.take(","));
    }
    if (!s.at_end() || !descr || !fortran_order || !shape) return std::nullopt;
    return numpy_header{*std::move(descr), *fortran_order, *std::move(shape)};
}

}  // namespace gr::spead2
