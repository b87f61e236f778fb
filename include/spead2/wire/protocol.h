// SPDX-License-Identifier: Apache-2.0
// Numbers fixed by the SPEAD protocol document (rev 2012): reserved item IDs, stream control values
// and the sizes of a packet's fixed parts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spead2 {

inline constexpr std::uint8_t magic = 0x53;
inline constexpr int protocol_version = 4;

inline constexpr std::uint64_t null_id = 0x00;
inline constexpr std::uint64_t heap_cnt_id = 0x01;
inline constexpr std::uint64_t heap_length_id = 0x02;
inline constexpr std::uint64_t payload_offset_id = 0x03;
inline constexpr std::uint64_t payload_length_id = 0x04;
inline constexpr std::uint64_t descriptor_id = 0x05;
inline constexpr std::uint64_t stream_ctrl_id = 0x06;

inline constexpr std::uint64_t descriptor_name_id = 0x10;
inline constexpr std::uint64_t descriptor_description_id = 0x11;
inline constexpr std::uint64_t descriptor_shape_id = 0x12;
inline constexpr std::uint64_t descriptor_format_id = 0x13;
inline constexpr std::uint64_t descriptor_id_id = 0x14;
inline constexpr std::uint64_t descriptor_dtype_id = 0x15;

/// First ID given out by an item group on its own.
inline constexpr std::uint64_t first_free_id = 0x1000;

inline constexpr std::uint64_t ctrl_stream_start = 0;
inline constexpr std::uint64_t ctrl_descriptor_reissue = 1;
inline constexpr std::uint64_t ctrl_stream_stop = 2;
inline constexpr std::uint64_t ctrl_descriptor_update = 3;

inline constexpr unsigned bug_compat_descriptor_widths = 1;
inline constexpr unsigned bug_compat_shape_bit_1 = 2;
inline constexpr unsigned bug_compat_swap_endian = 4;
inline constexpr unsigned bug_compat_pyspead_0_5_2 = 7;

/// Bytes of the packet header proper.
inline constexpr std::size_t header_size = 8;
/// Bytes of one item pointer.
inline constexpr std::size_t item_pointer_size = 8;
/// Header and the four immediates that every packet starts with.
inline constexpr std::size_t prefix_size = header_size + 4 * item_pointer_size;
/// Smallest usable packet: prefix, one item pointer, eight bytes of payload.
inline constexpr std::size_t min_packet_size = prefix_size + 16;

}  // namespace spead2
