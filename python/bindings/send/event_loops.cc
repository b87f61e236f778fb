// SPDX-License-Identifier: Apache-2.0
#include "event_loops.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "stream.h"
#include "support/objects.h"

namespace spead2::python {

std::shared_ptr<event_loops> make_event_loops() { return std::make_shared<event_loops>(); }

void asyncio_group::complete() noexcept { finished_.push(*this); }

loop_state::loop_state() {
    blocks_.reserve(max_blocks);
    fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(),
                                "cannot make a descriptor for the event loop");
}

loop_state::~loop_state() {
    for (void* block : blocks_) ::operator delete(block);
    for (asyncio_group* g = take(); g != nullptr;) {
        const std::unique_ptr<asyncio_group> owned(g);
        g = g->next;
    }
    if (loop) release_reference(loop.release().ptr());
    ::close(fd_);
}

void loop_state::clear_signal() const noexcept {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd_, &count, sizeof count));
}

void loop_state::signal() const noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(fd_, &one, sizeof one));
}

loop_state* event_loops::find(const py::object& loop) const noexcept {
    for (const std::unique_ptr<loop_state>& state : loops_)
        if (state->loop.is(loop)) return state.get();
    return nullptr;
}

loop_state& event_loops::get(const py::object& loop) {
    if (loop_state* const found = find(loop)) return *found;
    std::vector<std::pair<loop_state*, py::object>> others;
    others.reserve(loops_.size());
    for (const std::unique_ptr<loop_state>& state : loops_) {
        if (!state->loop) {
            state->set_loop(loop);
            return *state;
        }
        others.emplace_back(state.get(), state->loop);
    }
    // Asking a loop runs Python code: other threads, and this one, may come here meanwhile.
    for (const auto& [state, other] : others) {
        const auto closed = py::reinterpret_steal<py::object>(
            run_python<PyObject_CallMethod>(other.ptr(), "is_closed", nullptr));
        if (!closed) throw py::error_already_set();
        const bool is_closed = is_true(closed.ptr());
        if (loop_state* const found = find(loop)) return *found;
        if (is_closed && state->loop.is(other)) {
            state->set_loop(loop);
            return *state;
        }
    }
    auto made = std::make_unique<loop_state>();
    made->loop = loop;
    loops_.push_back(std::move(made));
    return *loops_.back();
}

}  // namespace spead2::python
