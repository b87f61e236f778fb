// SPDX-License-Identifier: Apache-2.0
// Completion channels and completion queues of the software verbs device. An event is eight bytes
// in a pipe, so a channel's file descriptor can be polled and made non-blocking like a real one.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "softverbs.h"

namespace softverbs {
namespace {

completion_queue& from_base(ibv_cq* base) { return *reinterpret_cast<completion_queue*>(base); }
completion_queue& from_base(ibv_cq_ex* base) { return *reinterpret_cast<completion_queue*>(base); }

int poll_cq(ibv_cq* base, int wanted, ibv_wc* entries) {
    completion_queue& cq = from_base(base);
    if (cq.replays_to != nullptr) {
        replay(*cq.replays_to, static_cast<std::size_t>(wanted));
    }
    const std::lock_guard lock(cq.mutex);
    ++cq.polls;
    int got = 0;
    completion item;
    while (got < wanted && cq.pop(item)) {
        entries[got++] = item.entry;
    }
    if (got == 0) {
        ++cq.empty_polls;
        if (cq.overrun) {
            return -1;
        }
    }
    return got;
}

int req_notify_cq(ibv_cq* base, int) {
    completion_queue& cq = from_base(base);
    {
        const std::lock_guard lock(cq.mutex);
        if (cq.overrun) {
            return EIO;
        }
        cq.armed = true;
    }
    if (cq.replays_to != nullptr) {
        replay(*cq.replays_to, 1);
    }
    return 0;
}

int next_poll(ibv_cq_ex* base) {
    completion_queue& cq = from_base(base);
    const std::lock_guard lock(cq.mutex);
    if (!cq.pop(cq.current)) {
        return cq.overrun ? EIO : ENOENT;
    }
    cq.base.wr_id = cq.current.entry.wr_id;
    cq.base.status = cq.current.entry.status;
    return 0;
}

int start_poll(ibv_cq_ex* base, ibv_poll_cq_attr*) {
    completion_queue& cq = from_base(base);
    if (cq.replays_to != nullptr) {
        replay(*cq.replays_to, 64);
    }
    {
        const std::lock_guard lock(cq.mutex);
        ++cq.polls;
        cq.empty_polls += cq.count == cq.unseen;
    }
    return next_poll(base);
}

void end_poll(ibv_cq_ex*) {}

ibv_cq* create(ibv_context* verbs, std::uint32_t entries, void* cq_context,
               ibv_comp_channel* events, std::uint32_t vector) {
    context& self = *from_verbs(verbs);
    if (self.is_gone) {
        errno = EIO;
        return nullptr;
    }
    if (entries == 0 || entries > static_cast<std::uint32_t>(self.options.max_cqe) ||
        (events != nullptr && vector >= static_cast<std::uint32_t>(verbs->num_comp_vectors))) {
        errno = EINVAL;
        return nullptr;
    }
    auto cq = std::make_unique<completion_queue>();
    cq->base.context = verbs;
    cq->base.channel = events;
    cq->base.cq_context = cq_context;
    cq->base.cqe = static_cast<int>(entries);
    cq->base.start_poll = &start_poll;
    cq->base.next_poll = &next_poll;
    cq->base.end_poll = &end_poll;
    cq->base.read_opcode = [](ibv_cq_ex* base) { return from_base(base).current.entry.opcode; };
    cq->base.read_vendor_err = [](ibv_cq_ex* base) {
        return from_base(base).current.entry.vendor_err;
    };
    cq->base.read_byte_len = [](ibv_cq_ex* base) { return from_base(base).current.entry.byte_len; };
    cq->base.read_qp_num = [](ibv_cq_ex* base) { return from_base(base).current.entry.qp_num; };
    cq->base.read_wc_flags = [](ibv_cq_ex* base) { return from_base(base).current.entry.wc_flags; };
    cq->events = reinterpret_cast<channel*>(events);
    cq->ring.resize(entries);
    if (events != nullptr) {
        ++events->refcnt;
    }
    self.add_object(1);
    log_event(self.options, "create_cq",
              "\"cqe\": " + std::to_string(entries) +
                  ", \"channel\": " + (events != nullptr ? "true" : "false") +
                  ", \"comp_vector\": " + std::to_string(vector));
    return reinterpret_cast<ibv_cq*>(&cq.release()->base);
}

ibv_cq_ex* create_cq_ex(ibv_context* verbs, ibv_cq_init_attr_ex* attr) {
    constexpr std::uint64_t offered = IBV_WC_STANDARD_FLAGS;
    if ((attr->wc_flags & ~offered) != 0) {
        errno = EOPNOTSUPP;
        return nullptr;
    }
    return reinterpret_cast<ibv_cq_ex*>(
        create(verbs, attr->cqe, attr->cq_context, attr->channel, attr->comp_vector));
}

}  // namespace

bool completion_queue::push(const completion& item) {
    context& self = device_context();
    if (self.is_gone) {
        return true;
    }
    const std::uint64_t number = ++self.completions;
    const std::lock_guard lock(mutex);
    if (number == self.options.lose_completion) {
        log_event(self.options, "lost_completion", "");
        return true;
    }
    if (!overrun && (count == ring.size() || number == self.options.cq_overrun)) {
        overrun = true;
        log_event(self.options, "cq_overrun", "\"cqe\": " + std::to_string(ring.size()));
        ibv_async_event event{};
        event.element.cq = reinterpret_cast<ibv_cq*>(&base);
        event.event_type = IBV_EVENT_CQ_ERR;
        self.raise_async(event);
    }
    if (!overrun) {
        std::size_t at = first + count;
        if (at >= ring.size()) {
            at -= ring.size();
        }
        ring[at] = item;
        ++count;
        ++delivered;
        if (++unseen < self.options.complete_together && item.entry.status == IBV_WC_SUCCESS) {
            return true;
        }
        unseen = 0;
    }
    if (armed && events != nullptr) {
        armed = false;
        const std::uint64_t event_number = ++self.events;
        if (self.options.lose_events == 0 || event_number < self.options.lose_events) {
            ++events_sent;
            const completion_queue* handle = this;
            [[maybe_unused]] const auto written =
                ::write(events->write_end, &handle, sizeof(handle));
        }
    }
    return !overrun;
}

bool completion_queue::pop(completion& item) {
    if (count == unseen) {
        return false;
    }
    item = ring[first];
    first = first + 1 == ring.size() ? 0 : first + 1;
    --count;
    if (item.owner != nullptr && item.retires != 0) {
        item.owner->retired.store(item.retires, std::memory_order_release);
    }
    return true;
}

void completion_queue::purge(const queue_pair* owner) {
    const std::lock_guard lock(mutex);
    const std::size_t before = count;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < before; ++i) {
        const completion& item = ring[(first + i) % ring.size()];
        if (item.owner != owner) {
            ring[(first + kept++) % ring.size()] = item;
        }
    }
    count = kept;
    unseen = 0;
}

void install_completion_operations(context& target) {
    target.extended.context.ops.poll_cq = &poll_cq;
    target.extended.context.ops.req_notify_cq = &req_notify_cq;
    target.extended.create_cq_ex = &create_cq_ex;
}

}  // namespace softverbs

using namespace softverbs;

SOFTVERBS_EXPORT ibv_comp_channel* ibv_create_comp_channel(ibv_context* verbs) {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return nullptr;
    }
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    auto* result = new channel;
    result->base.context = verbs;
    result->base.fd = ends[0];
    result->write_end = ends[1];
    from_verbs(verbs)->add_object(1);
    return &result->base;
}

SOFTVERBS_EXPORT int ibv_destroy_comp_channel(ibv_comp_channel* base) {
    if (base->refcnt != 0) {
        return EBUSY;
    }
    auto* self = reinterpret_cast<channel*>(base);
    from_verbs(base->context)->add_object(-1);
    ::close(base->fd);
    ::close(self->write_end);
    delete self;
    return 0;
}

SOFTVERBS_EXPORT ibv_cq* ibv_create_cq(ibv_context* verbs, int entries, void* cq_context,
                                       ibv_comp_channel* events, int vector) {
    if (entries <= 0 || vector < 0) {
        errno = EINVAL;
        return nullptr;
    }
    return create(verbs, static_cast<std::uint32_t>(entries), cq_context, events,
                  static_cast<std::uint32_t>(vector));
}

SOFTVERBS_EXPORT int ibv_resize_cq(ibv_cq*, int) { return EOPNOTSUPP; }

SOFTVERBS_EXPORT int ibv_get_cq_event(ibv_comp_channel* events, ibv_cq** cq, void** cq_context) {
    completion_queue* handle = nullptr;
    if (::read(events->fd, &handle, sizeof(handle)) != static_cast<ssize_t>(sizeof(handle))) {
        return -1;
    }
    *cq = reinterpret_cast<ibv_cq*>(&handle->base);
    *cq_context = handle->base.cq_context;
    return 0;
}

SOFTVERBS_EXPORT void ibv_ack_cq_events(ibv_cq* base, unsigned count) {
    auto& cq = *reinterpret_cast<completion_queue*>(base);
    const std::lock_guard lock(cq.mutex);
    cq.events_acked += count;
    cq.acked.notify_all();
}

SOFTVERBS_EXPORT int ibv_destroy_cq(ibv_cq* base) {
    std::unique_ptr<completion_queue> cq(reinterpret_cast<completion_queue*>(base));
    context& self = cq->device_context();
    {
        std::unique_lock lock(cq->mutex);
        if (cq->users != 0) {
            lock.unlock();
            static_cast<void>(cq.release());
            return EBUSY;
        }
        // As with the real library: a program that got an event and never acknowledges it stays
        // here for ever. Events that were sent and not read do not count.
        if (cq->events != nullptr) {
            std::uint64_t unread = 0;
            completion_queue* handle = nullptr;
            const int flags = ::fcntl(cq->events->base.fd, F_GETFL);
            ::fcntl(cq->events->base.fd, F_SETFL, flags | O_NONBLOCK);
            std::vector<completion_queue*> others;
            while (::read(cq->events->base.fd, &handle, sizeof(handle)) == sizeof(handle)) {
                if (handle == cq.get()) {
                    ++unread;
                } else {
                    others.push_back(handle);
                }
            }
            ::fcntl(cq->events->base.fd, F_SETFL, flags);
            for (auto* other : others) {
                [[maybe_unused]] const auto written =
                    ::write(cq->events->write_end, &other, sizeof(other));
            }
            cq->acked.wait(lock, [&] { return cq->events_acked + unread >= cq->events_sent; });
            --cq->events->base.refcnt;
        }
    }
    self.add_object(-1);
    log_event(self.options, "destroy_cq",
              "\"polls\": " + std::to_string(cq->polls) +
                  ", \"empty_polls\": " + std::to_string(cq->empty_polls) +
                  ", \"completions\": " + std::to_string(cq->delivered) +
                  ", \"events\": " + std::to_string(cq->events_sent) +
                  ", \"overrun\": " + (cq->overrun ? "true" : "false"));
    return 0;
}
