// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/pmt_text.h"

#include <algorithm>

namespace gr::spead2 {
namespace {

class bounded_writer {
public:
    bounded_writer(std::size_t max_bytes, int max_depth, std::size_t max_elements)
        : max_bytes_(max_bytes), max_depth_(max_depth), max_elements_(max_elements) {}

    void write(const pmt::pmt_t& v) { write(v, 0); }
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    void add(std::string_view s) {
        const std::size_t room = max_bytes_ - std::min(text_.size(), max_bytes_);
        if (s.size() > room) leave_out();
        text_ += s.substr(0, room);
    }
    void leave_out() { complete_ = false; }

    void write(const pmt::pmt_t& v, int depth) {
        if (pmt::is_null(v)) {
            add("()");
        } else if (pmt::is_symbol(v)) {
            add(pmt::symbol_to_string(v));
        } else if (pmt::is_bool(v) || pmt::is_number(v)) {
            add(pmt::write_string(v));
        } else if (depth == max_depth_ || text_.size() >= max_bytes_) {
            leave_out();
        } else if (pmt::is_tuple(v)) {
            sequence("{", pmt::length(v), "}", depth,
                     [&](std::size_t i) { return pmt::tuple_ref(v, i); });
        } else if (pmt::is_uniform_vector(v)) {
            // Of samples there may be millions, of any type.
            add("#[" + std::to_string(pmt::length(v)) + " numbers]");
        } else if (pmt::is_vector(v)) {
            sequence("#[", pmt::length(v), "]", depth,
                     [&](std::size_t i) { return pmt::vector_ref(v, i); });
        } else if (pmt::is_pair(v)) {
            list(v, depth);
        } else {
            add("#<object>");
        }
    }

    template <typename Element>
    void sequence(const char* open, std::size_t length, const char* close, int depth,
                  const Element& element) {
        add(open);
        for (std::size_t i = 0; i < length; ++i) {
            if (i != 0) add(" ");
            if (i == max_elements_) {
                leave_out();
                break;
            }
            write(element(i), depth + 1);
        }
        add(close);
    }

    void list(pmt::pmt_t v, int depth) {
        add("(");
        for (std::size_t i = 0; pmt::is_pair(v); ++i, v = pmt::cdr(v)) {
            if (i != 0) add(" ");
            if (i == max_elements_) {
                leave_out();
                return add(")");
            }
            write(pmt::car(v), depth + 1);
        }
        if (!pmt::is_null(v)) {
            add(" . ");
            write(v, depth + 1);
        }
        add(")");
    }

    const std::size_t max_bytes_;
    const int max_depth_;
    const std::size_t max_elements_;
    std::string text_;
    bool complete_ = true;
};

}  // namespace

std::string brief(const pmt::pmt_t& value) {
    bounded_writer writer(80, 4, 8);
    writer.write(value);
    std::string text = writer.take();
    // One line each in a log, whatever is in the text.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return writer.complete() ? text : text + "...";
}

std::optional<std::string> whole_text(const pmt::pmt_t& value) {
    bounded_writer writer(4096, 16, 4096);
    writer.write(value);
    if (!writer.complete()) return std::nullopt;
    return writer.take();
}

}  // namespace gr::spead2
