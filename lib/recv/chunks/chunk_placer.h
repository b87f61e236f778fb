// SPDX-License-Identifier: Apache-2.0
// Asks the place function where a heap goes, and checks what it answers against the chunk's memory.
// All but what the window calls is under the stream's lock: nothing here takes one for a heap or packet.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <spead2/recv/chunk.h>
#include <spead2/runtime/thread_pool.h>

#include "../assembly/placer.h"
#include "shared_window.h"

namespace spead2::recv {

class stream_core;

class chunk_placer final : public placer,
                           public window_member,
                           public std::enable_shared_from_this<chunk_placer> {
public:
    /// \param too_old_index  of this statistic; that of rejected heaps follows it
    chunk_placer(const chunk_stream_config& config, std::uint64_t stream_id,
                 std::size_t too_old_index, std::shared_ptr<shared_window> window);

    /// Join the window. \param core   counts, logs, and is resumed; its payload comes here
    ///                  \param others  there may be other members: keep a task with the worker that
    ///                                 says when it ends, and gives up chunks
    void join(const std::shared_ptr<stream_core>& core, bool others);

    [[nodiscard]] placement place(const packet_view& first) noexcept override;
    void heap_placed(placement& where) noexcept override;

    void try_again() noexcept override;
    void move_on() noexcept override;

    /// No heap will be placed any more.
    void leave() noexcept;

    [[nodiscard]] const chunk_stream_config& config() const noexcept { return config_; }

private:
    class lookout;
    /// What place said of a heap that could not be taken yet.
    struct kept_answer {
        std::uint64_t cnt;
        chunk_place_data answer;
        std::vector<std::uint8_t> extra;
    };

    [[nodiscard]] bool ask(const packet_view& p, chunk_place_data& answer);
    void read_items(const packet_view& p);
    [[nodiscard]] bool remember_form(const packet_view& p);
    [[nodiscard]] bool recall(std::uint64_t cnt, chunk_place_data& answer);
    void keep(std::uint64_t cnt, const chunk_place_data& answer);
    void give_up() noexcept;
    void accept(const packet_view& p, const chunk_place_data& answer, placement& where);
    void reject(const char* what, std::uint64_t value, std::uint64_t limit);

    const chunk_stream_config config_;
    const place_function place_;
    const std::uint64_t stream_id_;
    const std::size_t too_old_;
    const std::size_t rejected_;
    const std::shared_ptr<shared_window> window_;
    stream_core* core_ = nullptr;
    std::weak_ptr<stream_core> weak_core_;
    std::shared_ptr<thread_pool::worker> worker_;
    std::shared_ptr<lookout> lookout_;

    // What the window has lent: chunks oldest_ to end_ - 1, by id modulo the size.
    std::vector<chunk*> chunks_;
    std::int64_t end_ = 0;
    bool left_ = false;

    // For the place function.
    std::vector<std::int64_t> items_;
    std::vector<std::uint8_t> extra_;
    std::vector<kept_answer> kept_;

    // Packets have the same item pointers again and again, but for values: where items are in them.
    std::vector<std::uint64_t> form_;  ///< the pointers, as they are in packets
    std::uint64_t id_mask_ = 0;        ///< what of them has to be the same
    std::uint32_t form_first_ = 0;     ///< packet_view::first_item
    const bool wants_control_;         ///< items before that are asked for, too
    std::vector<std::uint32_t> item_at_;
};

}  // namespace spead2::recv
