// SPDX-License-Identifier: Apache-2.0
#include "sent_notes.h"

#include <algorithm>
#include <utility>

namespace spead2::python {
namespace {

/// Notes from which on it is worth to look for some that are of no use any more.
constexpr std::size_t min_notes_to_prune = 256;

/// The item that a note is about; null if it is gone or has another ID by now.
descriptor_object* noted_item(PyObject* reference, std::uint64_t id) {
    PyObject* const object = reference == nullptr ? Py_None : PyWeakref_GetObject(reference);
    descriptor_object* const item = to_item(object);
    if (item == nullptr || item->id == nullptr || !PyLong_CheckExact(item->id)) return item;
    const std::uint64_t now = PyLong_AsUnsignedLongLong(item->id);
    if (now == id) return item;
    PyErr_Clear();
    return is_plain(object) ? nullptr : item;
}

std::uint64_t next_serial() noexcept {
    static std::uint64_t last = 0;  // under the GIL
    return ++last;
}

}  // namespace

sent_notes::sent_notes() : serial_(next_serial()), prune_at_(min_notes_to_prune) {}

sent_notes::~sent_notes() {
    for (PyObject* const item : items_) Py_XDECREF(item);
}

std::size_t sent_notes::find(std::uint64_t id) {
    if (const auto found = index_.find(id); found != index_.end()) return found->second;
    const std::size_t at = notes_.size();
    try {
        items_.push_back(nullptr);
        notes_.emplace_back().id = id;
        index_.emplace(id, at);
    } catch (...) {
        items_.resize(at);
        notes_.resize(at);
        throw;
    }
    return at;
}

std::size_t sent_notes::find_anew(descriptor_object& item, std::uint64_t id) {
    const std::size_t at = find(id);
    item.note_owner = serial_;
    item.note_index = at;
    return at;
}

PyObject* sent_notes::set_item(std::size_t position, PyObject* reference) {
    return std::exchange(items_[position], reference);
}

void sent_notes::prune_now() noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < notes_.size(); ++i) {
        descriptor_object* const item = noted_item(items_[i], notes_[i].id);
        if (item == nullptr) {
            index_.erase(notes_[i].id);
            Py_XDECREF(items_[i]);
            continue;
        }
        if (item->note_owner == serial_ && item->note_index == i) item->note_index = kept;
        index_.find(notes_[i].id)->second = kept;
        notes_[kept] = notes_[i];
        items_[kept++] = items_[i];
    }
    notes_.resize(kept);
    items_.resize(kept);
    prune_at_ = std::max(min_notes_to_prune, 2 * kept);
    ++prunes_;
}

}  // namespace spead2::python
