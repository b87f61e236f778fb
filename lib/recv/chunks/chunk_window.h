// SPDX-License-Identifier: Apache-2.0
// The chunks that a stream fills at a time. Everything that a place function answers is checked against
// the chunk's memory here.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <spead2/recv/chunk.h>
#include <spead2/runtime/thread_pool.h>

#include "../assembly/placer.h"

namespace spead2::recv {

class stream_core;

class chunk_window final : public placer,
                           public pool_task,
                           public std::enable_shared_from_this<chunk_window> {
public:
    chunk_window(const chunk_stream_config& config, std::uint64_t stream_id,
                 std::size_t too_old_index, std::shared_ptr<thread_pool> pool,
                 std::shared_ptr<chunk_ring> data, std::shared_ptr<chunk_ring> free);

    /// Who counts, logs, and is resumed when a ring has what was missing.
    void set_core(const std::shared_ptr<stream_core>& core);

    // As placer: under the stream's lock.
    [[nodiscard]] placement place(const packet_view& first) noexcept override;
    [[nodiscard]] bool packet_placed(placement& where, const packet_view& p) noexcept override;
    void heap_placed(placement& where) noexcept override;

    /// The stream has ended: give out what is there, as room comes.
    void flush() noexcept;
    /// Drop what is there.
    void drop() noexcept;

    [[nodiscard]] const chunk_stream_config& config() const noexcept { return config_; }
    [[nodiscard]] const std::shared_ptr<chunk_ring>& data_ring() const noexcept { return data_; }
    [[nodiscard]] const std::shared_ptr<chunk_ring>& free_ring() const noexcept { return free_; }

    // As task: goes on with flush().
    [[nodiscard]] task_wait run() noexcept override;
    void stopped() noexcept override {}

private:
    class resumer;
    class flusher;

    [[nodiscard]] bool move_to(std::int64_t id);
    [[nodiscard]] bool push_oldest();
    [[nodiscard]] bool fetch_next();
    [[nodiscard]] placement reject(const char* what, std::uint64_t value, std::uint64_t limit);
    [[nodiscard]] std::unique_ptr<chunk>& slot(std::int64_t id) noexcept {
        return chunks_[static_cast<std::size_t>(id) % chunks_.size()];
    }
    void log_dropped(std::int64_t id);

    const chunk_stream_config config_;
    const std::uint64_t stream_id_;
    const std::size_t too_old_;   ///< index of the statistic
    const std::size_t rejected_;  ///< index of the statistic
    const std::shared_ptr<thread_pool::worker> worker_;
    const std::shared_ptr<chunk_ring> data_;
    const std::shared_ptr<chunk_ring> free_;
    stream_core* core_ = nullptr;
    std::shared_ptr<resumer> resumer_;
    std::shared_ptr<flusher> flusher_;

    std::mutex mutex_;                            ///< of the chunks; taken once a chunk or heap
    std::vector<std::unique_ptr<chunk>> chunks_;  ///< of first_ to end_ - 1, by id modulo its size
    std::int64_t first_ = 0;
    std::int64_t end_ = 0;
    bool flushing_ = false;
    bool done_ = false;

    std::vector<std::int64_t> items_;  ///< for the place function
    std::vector<std::uint8_t> extra_;  ///< the same
    chunk_place_data answer_{};        ///< of the heap that has to wait
    bool waiting_ = false;
    std::uint64_t waiting_cnt_ = 0;
};

}  // namespace spead2::recv
