// SPDX-License-Identifier: Apache-2.0
// Sending: a work request's memory becomes a frame on the wire. Reading it is put off to a thread, as a
// device's DMA would be, unless SOFTVERBS_THREAD=0.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "queue_pair.h"

namespace softverbs {
namespace {

constexpr std::size_t transmit_batch = 64;

/// Set the checksum of an IPv4 header without options; frames of other kinds stay as they are.
void insert_checksum(std::vector<std::uint8_t>& frame) {
    if (frame.size() < ethernet_header + ipv4_header || frame[12] != 0x08 || frame[13] != 0x00 ||
        frame[ethernet_header] != 0x45) {
        return;
    }
    std::uint8_t* header = frame.data() + ethernet_header;
    header[10] = header[11] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < ipv4_header; i += 2) {
        sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    header[10] = static_cast<std::uint8_t>(~sum >> 8);
    header[11] = static_cast<std::uint8_t>(~sum);
}

ibv_wc_status send_frame(const queue_pair& qp, const std::vector<std::uint8_t>& frame) {
    while (::send(qp.packet_socket, frame.data(), frame.size(), 0) < 0) {
        if (errno == ENOBUFS || errno == EAGAIN) {
            // The interface's queue is full; a device would hold the frame back as well.
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        } else if (errno != EINTR) {
            return errno == EMSGSIZE ? IBV_WC_LOC_LEN_ERR : IBV_WC_GENERAL_ERR;
        }
    }
    return IBV_WC_SUCCESS;
}

/// Count a send; whether it is one that the settings want to fail.
bool is_to_fail(context& self) {
    const settings& options = self.options;
    const std::uint64_t number = ++self.sends;
    if (number != options.fail_wr && (options.fail_wr_every == 0 || number < options.fail_wr ||
                                      (number - options.fail_wr) % options.fail_wr_every != 0)) {
        return false;
    }
    log_event(options, "failed_send", "\"number\": " + std::to_string(number));
    return true;
}

/// Do what one work request asks for: check it, read its memory, put the frame on the wire.
ibv_wc_status perform(queue_pair& qp, const ibv_sge* elements, std::size_t count, unsigned flags,
                      const std::vector<std::uint8_t>* inline_data,
                      std::vector<std::uint8_t>& frame) {
    context& self = qp.device_context();
    const settings& options = self.options;
    if (options.fail_wr != 0 && is_to_fail(self)) {
        return options.fail_status;
    }
    if (options.gone != 0 && ++self.sends_before_gone >= options.gone) {
        if (!self.is_gone.exchange(true)) {
            log_event(options, "gone", "");
        }
        return IBV_WC_FATAL_ERR;
    }
    if (!options.discard) {
        frame.clear();
    }
    std::size_t length = 0;
    if (inline_data != nullptr && (flags & IBV_SEND_INLINE) != 0) {
        length = inline_data->size();
        if (!options.discard) {
            frame = *inline_data;
        }
    } else {
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint8_t* data = self.translate(elements[i]);
            if (data == nullptr) {
                return IBV_WC_LOC_PROT_ERR;
            }
            length += elements[i].length;
            if (!options.discard) {
                frame.insert(frame.end(), data, data + elements[i].length);
            }
        }
    }
    qp.total_bytes += length;
    qp.total_elements += count;
    if (length < ethernet_header || length > ethernet_header + static_cast<std::size_t>(self.mtu)) {
        return IBV_WC_LOC_LEN_ERR;
    }
    if ((flags & IBV_SEND_IP_CSUM) != 0) {
        ++qp.total_checksums;
    }
    if (options.discard) {
        return IBV_WC_SUCCESS;
    }
    if ((flags & IBV_SEND_IP_CSUM) != 0) {
        insert_checksum(frame);
    }
    return send_frame(qp, frame);
}

/// Report the outcome of send number `number`. Called with the queue pair's mutex held.
void conclude(queue_pair& qp, std::uint64_t wr_id, unsigned flags, std::uint64_t number,
              ibv_wc_status status) {
    const bool signaled = qp.signal_all || (flags & IBV_SEND_SIGNALED) != 0;
    qp.total_signaled += signaled;
    qp.processed = number;
    if (status != IBV_WC_SUCCESS && status != IBV_WC_WR_FLUSH_ERR) {
        qp.state = IBV_QPS_ERR;
        qp.base.state = IBV_QPS_ERR;
    }
    if (!signaled && status == IBV_WC_SUCCESS) {
        return;
    }
    completion item;
    item.entry.wr_id = wr_id;
    item.entry.status = status;
    item.entry.opcode = IBV_WC_SEND;
    item.entry.qp_num = qp.base.qp_num;
    item.owner = &qp;
    item.retires = number;
    if (!qp.send_cq->push(item) && qp.state != IBV_QPS_ERR) {
        qp.state = IBV_QPS_ERR;
        qp.base.state = IBV_QPS_ERR;
        ibv_async_event event{};
        event.element.qp = &qp.base;
        event.event_type = IBV_EVENT_QP_FATAL;
        qp.device_context().raise_async(event);
    }
}

bool is_held(const settings& options) {
    return !options.hold.empty() && ::access(options.hold.c_str(), F_OK) == 0;
}

}  // namespace

void run_sender(queue_pair& qp) {
    using clock = std::chrono::steady_clock;
    const settings& options = qp.device_context().options;
    std::vector<std::uint8_t> frame;
    auto due = clock::now();
    std::unique_lock lock(qp.mutex);
    while (true) {
        qp.work.wait(lock, [&] { return qp.stopping || qp.processed < qp.posted; });
        if (qp.stopping) {
            return;
        }
        for (bool first = true; is_held(options) && !qp.stopping; first = false) {
            if (first) {
                log_event(options, "held", "");
            }
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            lock.lock();
        }
        if (qp.stopping || qp.processed >= qp.posted) {
            continue;
        }
        if (qp.rate_kbps != 0) {
            const auto now = clock::now();
            if (due > now) {
                qp.work.wait_until(lock, due, [&] { return qp.stopping; });
                continue;
            }
            if (due < now - std::chrono::milliseconds(1)) {
                due = now;
            }
        }
        const std::uint64_t number = qp.processed + 1;
        const std::uint64_t generation = qp.generation;
        const queued_send& item = qp.sends[qp.processed % qp.sends.size()];
        ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
        if (qp.state == IBV_QPS_RTS) {
            const std::uint64_t bytes_before = qp.total_bytes;
            qp.busy = true;
            lock.unlock();  // posting goes on while the device works; a reset waits for it
            status = perform(qp, item.elements.data(), item.elements.size(), item.flags,
                             &item.inline_data, frame);
            lock.lock();
            qp.busy = false;
            qp.idle.notify_all();
            if (qp.rate_kbps != 0) {
                const double bits = static_cast<double>(qp.total_bytes - bytes_before) * 8;
                due += std::chrono::duration_cast<clock::duration>(
                    std::chrono::duration<double>(bits / (qp.rate_kbps * 1000.0)));
            }
        }
        if (generation == qp.generation) {
            conclude(qp, item.wr_id, item.flags, number, status);
        }
    }
}

int post_send(ibv_qp* base, ibv_send_wr* wr, ibv_send_wr** bad) {
    queue_pair& qp = from_base(base);
    context& self = qp.device_context();
    const settings& options = self.options;
    const std::lock_guard lock(qp.mutex);
    ++qp.post_calls;
    std::vector<std::uint8_t>& frame = qp.scratch;
    const bool threaded = qp.sender.joinable();
    int error = 0;
    for (; wr != nullptr; wr = wr->next) {
        if (qp.state != IBV_QPS_RTS && qp.state != IBV_QPS_ERR && qp.state != IBV_QPS_SQE) {
            error = EINVAL;
        } else if (self.is_gone) {
            error = EIO;
        } else if (qp.posted - qp.retired.load(std::memory_order_acquire) >= qp.cap.max_send_wr) {
            error = ENOMEM;
        } else if (wr->opcode != IBV_WR_SEND || wr->num_sge < 0 ||
                   static_cast<std::uint32_t>(wr->num_sge) > qp.cap.max_send_sge ||
                   ((wr->send_flags & IBV_SEND_IP_CSUM) != 0 && !options.ip_checksum)) {
            error = EINVAL;
        }
        if (options.fail_post != 0 && error == 0 && ++self.posted == options.fail_post) {
            error = ENOMEM;
            log_event(options, "refused_post", "");
        }
        if (error != 0) {
            *bad = wr;
            break;
        }
        ++qp.total_sends;
        const std::uint64_t number = ++qp.posted;
        if (!threaded && (wr->send_flags & IBV_SEND_INLINE) == 0) {
            ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
            if (qp.state == IBV_QPS_RTS) {
                status = perform(qp, wr->sg_list, static_cast<std::size_t>(wr->num_sge),
                                 wr->send_flags, nullptr, frame);
            }
            conclude(qp, wr->wr_id, wr->send_flags, number, status);
            continue;
        }
        queued_send item;
        queued_send& slot = threaded ? qp.sends[(number - 1) % qp.sends.size()] : item;
        slot.wr_id = wr->wr_id;
        slot.flags = wr->send_flags;
        slot.elements.assign(wr->sg_list, wr->sg_list + wr->num_sge);
        slot.inline_data.clear();
        if ((wr->send_flags & IBV_SEND_INLINE) != 0) {
            for (const ibv_sge& sge : slot.elements) {
                const auto* data = reinterpret_cast<const std::uint8_t*>(sge.addr);
                slot.inline_data.insert(slot.inline_data.end(), data, data + sge.length);
            }
            if (slot.inline_data.size() > qp.cap.max_inline_data) {
                --qp.posted;
                --qp.total_sends;
                *bad = wr;
                error = EINVAL;
                break;
            }
        }
        if (!threaded) {
            ibv_wc_status status = IBV_WC_WR_FLUSH_ERR;
            if (qp.state == IBV_QPS_RTS) {
                status = perform(qp, slot.elements.data(), slot.elements.size(), slot.flags,
                                 &slot.inline_data, frame);
            }
            conclude(qp, slot.wr_id, slot.flags, number, status);
        }
    }
    if (threaded) {
        qp.work.notify_one();
    }
    return error;
}

}  // namespace softverbs
