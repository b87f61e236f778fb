// SPDX-License-Identifier: Apache-2.0
#include <spead2/wire/flavour.h>

#include <stdexcept>

namespace spead2 {

flavour::flavour(int version, int item_pointer_bits, int heap_address_bits, unsigned bug_compat)
    : address_bits_(heap_address_bits), bug_compat_(bug_compat) {
    if (version != protocol_version)
        throw std::invalid_argument("version is " + std::to_string(version) +
                                    ", but only version 4 is supported");
    if (item_pointer_bits != 64)
        throw std::invalid_argument("item_pointer_bits is " + std::to_string(item_pointer_bits) +
                                    ", but only 64 is supported");
    if (heap_address_bits <= 0 || heap_address_bits >= 64 || heap_address_bits % 8 != 0)
        throw std::invalid_argument("heap_address_bits is " + std::to_string(heap_address_bits) +
                                    ", but must be a multiple of 8 above 0 and below 64");
    if (bug_compat > bug_compat_pyspead_0_5_2)
        throw std::invalid_argument("bug_compat is " + std::to_string(bug_compat) +
                                    ", but only bits of BUG_COMPAT_PYSPEAD_0_5_2 (7) are known");
}

void flavour::refuse_id(std::uint64_t id) const {
    throw std::invalid_argument("item ID " + std::to_string(id) + " is out of range 1 to " +
                                std::to_string(max_id()) + " for " + to_string());
}

std::string flavour::to_string() const { return "SPEAD-64-" + std::to_string(address_bits_); }

}  // namespace spead2
