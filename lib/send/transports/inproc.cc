// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/inproc.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <spead2/base/errors.h>

namespace spead2::send {

inproc_transport::inproc_transport(std::vector<std::shared_ptr<inproc_queue>> queues)
    : queues_(std::move(queues)) {
    if (queues_.empty()) throw std::invalid_argument("queues is empty, but needs at least one");
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (!queues_[i]) throw std::invalid_argument("queue " + std::to_string(i) + " is null");
}

send_result inproc_transport::send(packet_span packets) noexcept {
    send_result result;
    for (const packet& p : packets.packets) {
        ++result.accepted;
        try {
            inproc_queue::packet_bytes bytes;
            bytes.reserve(p.size);
            for (std::uint32_t i = 0; i < p.n_iov; ++i) {
                const iovec& part = packets.iovs[p.first_iov + i];
                const auto* const data = static_cast<const std::uint8_t*>(part.iov_base);
                bytes.insert(bytes.end(), data, data + part.iov_len);
            }
            queues_[p.substream]->add_packet(std::move(bytes));
        } catch (const stopped_error&) {
            result.error = std::make_error_code(std::errc::operation_canceled);
        } catch (const std::exception&) {  // bad_alloc or length_error
            result.error = std::make_error_code(std::errc::not_enough_memory);
        }
        if (result.error) {
            result.failed = 1;
            break;
        }
        ++result.released;
    }
    return result;
}

std::string inproc_transport::describe() const {
    return "inproc " + std::to_string(queues_.size()) +
           (queues_.size() == 1 ? " queue" : " queues");
}

}  // namespace spead2::send
