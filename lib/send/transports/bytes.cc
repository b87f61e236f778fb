// SPDX-License-Identifier: Apache-2.0
#include <spead2/send/transports/bytes.h>

#include <new>
#include <utility>

namespace spead2::send {

std::vector<std::uint8_t> byte_collector::value() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

bytes_transport::bytes_transport(std::shared_ptr<byte_collector> collector)
    : collector_(std::move(collector)) {}

send_result bytes_transport::send(packet_span packets) noexcept {
    send_result result;
    const std::lock_guard lock(collector_->mutex_);
    std::vector<std::uint8_t>& bytes = collector_->bytes_;
    for (const packet& p : packets.packets) {
        const std::size_t before = bytes.size();
        ++result.accepted;
        try {
            for (std::uint32_t i = 0; i < p.n_iov; ++i) {
                const iovec& part = packets.iovs[p.first_iov + i];
                const auto* const data = static_cast<const std::uint8_t*>(part.iov_base);
                bytes.insert(bytes.end(), data, data + part.iov_len);
            }
        } catch (const std::exception&) {  // bad_alloc or length_error
            bytes.resize(before);
            result.failed = 1;
            result.error = std::make_error_code(std::errc::not_enough_memory);
            break;
        }
        ++result.released;
    }
    return result;
}

}  // namespace spead2::send
