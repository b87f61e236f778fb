// SPDX-License-Identifier: Apache-2.0
// What a heap generator remembers of the items that it has sent: a note for each item ID.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <spead2/send/descriptor_schedule.h>

#include "core/item.h"
#include "engine.h"

namespace spead2::python {

/// What was sent of the item with an ID.
struct note {
    std::uint64_t id = 0;
    std::uint64_t serial = 0;  ///< of the item; 0: nothing was sent
    std::int64_t version = 0;
    bool has_value = false;
    descriptor_schedule descriptor;
};

/// All calls are made under the GIL; none runs Python code.
class sent_notes {
public:
    sent_notes();
    sent_notes(const sent_notes&) = delete;
    sent_notes& operator=(const sent_notes&) = delete;
    ~sent_notes();

    /// Position of the note about an ID; makes one.
    [[nodiscard]] std::size_t find(std::uint64_t id);
    /// The same for an item, which remembers it.
    [[nodiscard]] std::size_t find(descriptor_object& item, std::uint64_t id) {
        if (item.note_owner == serial_ && item.note_index < notes_.size() &&
            notes_[item.note_index].id == id)
            return item.note_index;
        return find_anew(item, id);
    }
    [[nodiscard]] const note& at(std::size_t position) const { return notes_[position]; }
    void set(std::size_t position, const note& now) { notes_[position] = now; }
    /// \return the weak reference to the item that the note was about, or null, which is the caller's
    [[nodiscard]] PyObject* set_item(std::size_t position, PyObject* reference);

    /// Forget what was sent of items that are gone, now and then: a group may have ever new ones.
    /// Positions may be others then, and prunes() is.
    void prune() noexcept {
        if (notes_.size() >= prune_at_) prune_now();
    }
    [[nodiscard]] std::uint64_t prunes() const noexcept { return prunes_; }

private:
    std::size_t find_anew(descriptor_object& item, std::uint64_t id);
    void prune_now() noexcept;

    std::uint64_t serial_;  ///< no two objects have the same, ever
    std::vector<note> notes_;
    std::vector<PyObject*> items_;  ///< weak references to those the notes are about, or null
    std::unordered_map<std::uint64_t, std::size_t> index_;  ///< item ID to position
    std::size_t prune_at_;                                  ///< notes
    std::uint64_t prunes_ = 0;
};

}  // namespace spead2::python
