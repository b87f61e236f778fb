// SPDX-License-Identifier: Apache-2.0
#ifdef SPEAD2_HAVE_IBVERBS_HEADERS

#include "slots.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace spead2::send::detail {
namespace {

// SPEAD headers then begin on a cache line.
constexpr std::size_t cache_line = 64;
constexpr std::size_t header_offset = cache_line - frame_header::size;
static_assert(frame_header::size < cache_line);

// Of one batch. Copying 8972-byte packets took 507 ns each with 128 KiB, 463 ns with 64 KiB, since
// more of the slots stays in the first cache; smaller ones gain nothing from less.
constexpr std::size_t batch_bytes = 65536;

// From this size on glibc copies with `rep movsb` where the processor recommends it. Unaligned, as
// it is here, this took 500 ns for the payload of 8972-byte packets, and 436 ns in two pieces.
constexpr std::size_t slow_copy = 8192;
constexpr std::size_t copy_piece = 4096;

/// \return the end of what was written
std::uint8_t* copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length) noexcept {
    for (; length >= slow_copy; length -= copy_piece, from += copy_piece, to += copy_piece)
        std::memcpy(to, from, copy_piece);
    std::memcpy(to, from, length);
    return to + length;
}

}  // namespace

void slot_ring::unmapper::operator()(std::uint8_t* p) const noexcept { ::munmap(p, length); }

slot_ring::slot_ring(const verbs_device& device, parameters&& p)
    : headers_(std::move(p.headers)), max_elements_(p.max_elements) {
    for (const ibv_memory_region& r : p.regions) {
        const auto* const begin = static_cast<const std::uint8_t*>(r.data);
        registrations_.push_back(device.register_memory(begin, r.length, 0, "a memory region"));
        regions_.push_back({begin, begin + r.length, registrations_.back()->lkey});
    }
    const std::size_t n = p.slots;
    const std::size_t stride =
        (cache_line + p.max_packet_size + cache_line - 1) & ~(cache_line - 1);
    void* const memory = ::mmap(nullptr, n * stride, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        verbs_device::fail(
            errno, std::to_string(n * stride) + " bytes of memory for packets cannot be had");
    memory_ = std::unique_ptr<std::uint8_t, unmapper>(static_cast<std::uint8_t*>(memory),
                                                      unmapper{n * stride});
    registrations_.push_back(device.register_memory(memory, n * stride, 0, "the packet buffer"));
    memory_key_ = registrations_.back()->lkey;
    if (device.checksum_offload()) request_flags_ |= IBV_SEND_IP_CSUM;
    // So small that the device has work while the next batch is made ready.
    batch_size_ = std::max<std::size_t>(std::min(n / 4, batch_bytes / stride), 1);

    slots_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
        slot& s = slots_[i];
        s.frame = memory_.get() + i * stride + header_offset;
        s.elements[0].addr = reinterpret_cast<std::uintptr_t>(s.frame);
        s.elements[0].lkey = memory_key_;
        s.request.wr_id = i;
        s.request.next = &slots_[i + 1 == n ? 0 : i + 1].request;
        s.request.sg_list = s.elements;
        s.request.num_sge = 1;
        s.request.opcode = IBV_WR_SEND;
    }
}

/// The region that \a data is in, or null. \a run is cut to what is in that region, or to what
/// comes before the next.
const slot_ring::region* slot_ring::find_region(const std::uint8_t* data,
                                                std::size_t& run) noexcept {
    const region* found = &regions_[last_region_];
    if (data < found->begin || data >= found->end) {
        const auto after =
            std::upper_bound(regions_.begin(), regions_.end(), data,
                             [](const std::uint8_t* d, const region& r) { return d < r.begin; });
        if (after != regions_.end())
            run = std::min(run, static_cast<std::size_t>(after->begin - data));
        if (after == regions_.begin() || data >= std::prev(after)->end) return nullptr;
        found = &*std::prev(after);
        last_region_ = static_cast<std::size_t>(found - regions_.data());
    }
    run = std::min(run, static_cast<std::size_t>(found->end - data));
    return found;
}

/// Copy what is not in a region, list what is.
void slot_ring::gather(slot& s, const packet& p, const iovec* iovs) noexcept {
    std::uint8_t* to = s.frame + frame_header::size;
    std::size_t left = p.size;
    ibv_sge* element = s.elements;
    std::size_t n = 1;
    bool copying = true;  // the last element is of the slot's own memory
    element->length = frame_header::size;
    for (std::uint32_t i = 0; i < p.n_iov; ++i) {
        const auto* data = static_cast<const std::uint8_t*>(iovs[i].iov_base);
        std::size_t length = iovs[i].iov_len;
        while (length > 0) {
            std::size_t run = length;
            const region* const r = i == 0 ? nullptr : find_region(data, run);
            if (r != nullptr && !copying && element->lkey == r->key &&
                element->addr + element->length == reinterpret_cast<std::uintptr_t>(data)) {
                element->length += static_cast<std::uint32_t>(run);
            } else if (r != nullptr &&
                       (n + 1 < max_elements_ || (n + 1 == max_elements_ && run == left))) {
                // One element stays for what may have to be copied after this.
                element = &s.elements[n++];
                *element = {reinterpret_cast<std::uintptr_t>(data), static_cast<std::uint32_t>(run),
                            r->key};
                copying = false;
            } else {
                if (!copying) {
                    element = &s.elements[n++];
                    *element = {reinterpret_cast<std::uintptr_t>(to), 0, memory_key_};
                    copying = true;
                }
                to = copy(to, data, run);
                element->length += static_cast<std::uint32_t>(run);
            }
            data += run;
            length -= run;
            left -= run;
        }
    }
    s.request.num_sge = static_cast<int>(n);
}

void slot_ring::write(slot& s, const packet& p, const iovec* iovs) noexcept {
    if (s.substream != p.substream) {
        headers_[p.substream].write(s.frame, p.size);
        s.substream = p.substream;
        s.size = p.size;
    } else if (s.size != p.size) {
        headers_[p.substream].write_size(s.frame, p.size);
        s.size = p.size;
    }
    s.request.send_flags = request_flags_;
    if (!regions_.empty()) {
        gather(s, p, iovs);
        return;
    }
    std::uint8_t* to = s.frame + frame_header::size;
    for (std::uint32_t i = 0; i < p.n_iov; ++i)
        to = copy(to, static_cast<const std::uint8_t*>(iovs[i].iov_base), iovs[i].iov_len);
    s.elements[0].length = static_cast<std::uint32_t>(to - s.frame);
}

std::size_t slot_ring::fill(packet_span packets) noexcept {
    const std::size_t n =
        std::min({packets.packets.size(), slots_.size() - in_flight_, batch_size_});
    if (in_flight_ == 0) head_ = tail_ = 0;  // these slots are the likeliest to be in the cache
    for (std::size_t i = 0; i < n; ++i) {
        const packet& p = packets.packets[i];
        write(slots_[head_], p, packets.iovs + p.first_iov);
        head_ = head_ + 1 == slots_.size() ? 0 : head_ + 1;
    }
    in_flight_ += n;
    return n;
}

}  // namespace spead2::send::detail

#endif
