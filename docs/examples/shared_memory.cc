// SPDX-License-Identifier: Apache-2.0
// Receives heaps over UDP into memory that other processes can map: shared_memory NAME ADDRESS PORT
// Prints where in /dev/shm/NAME each heap's payload lies, and keeps it there until it reads a line.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include <spead2/base/errors.h>
#include <spead2/recv/allocator.h>
#include <spead2/recv/readers/udp.h>
#include <spead2/recv/stream.h>

namespace {

/// Blocks of one size in a file of /dev/shm. Pinned memory, or memory of a device that the processor
/// can write to, would be given out in the same way.
class shared_memory_allocator final : public spead2::recv::memory_allocator {
public:
    shared_memory_allocator(const std::string& name, std::size_t block, std::size_t blocks)
        : name_("/" + name), block_(block), size_(block * blocks) {
        const int fd = ::shm_open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), "shm_open");
        void* memory = MAP_FAILED;
        if (::ftruncate(fd, static_cast<off_t>(size_)) == 0)
            memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        const int error = errno;
        ::close(fd);
        if (memory == MAP_FAILED) {
            ::shm_unlink(name_.c_str());
            throw std::system_error(error, std::generic_category(), "mmap");
        }
        // Huge pages, if the system has them for shared memory (shmem_enabled).
        static_cast<void>(::madvise(memory, size_, MADV_HUGEPAGE));
        memory_ = static_cast<std::uint8_t*>(memory);
        for (std::size_t i = blocks; i-- > 0;) free_.push_back(memory_ + i * block);
    }
    ~shared_memory_allocator() override { ::munmap(memory_, size_); }

    /// Nobody else is to find the memory any more. Not left to the destructor: the last to let go of
    /// memory may be a thread that outlives main().
    void unlink() noexcept { ::shm_unlink(name_.c_str()); }

    // Called by the thread that receives; a heap that gets no memory is dropped, with a message.
    [[nodiscard]] spead2::recv::memory allocate(std::size_t bytes,
                                                const spead2::packet_view*) override {
        const std::lock_guard hold(mutex_);
        if (bytes > block_ || free_.empty()) throw std::bad_alloc();
        std::uint8_t* const data = free_.back();
        free_.pop_back();
        return {data, block_, shared_from_this()};
    }
    // All of a heap can be had at once.
    [[nodiscard]] bool lazy() const noexcept override { return true; }

    [[nodiscard]] std::size_t offset_of(const std::uint8_t* data) const {
        return static_cast<std::size_t>(data - memory_);
    }

protected:
    // Called by whoever lets go of a heap.
    void deallocate(std::uint8_t* data, std::size_t) noexcept override {
        const std::lock_guard hold(mutex_);
        free_.push_back(data);  // has room: all blocks were in it
    }

private:
    const std::string name_;
    const std::size_t block_;
    const std::size_t size_;
    std::uint8_t* memory_ = nullptr;
    std::mutex mutex_;
    std::vector<std::uint8_t*> free_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: shared_memory NAME ADDRESS PORT\n");
        return 2;
    }
    using namespace spead2::recv;
    const auto shared = std::make_shared<shared_memory_allocator>(argv[1], 1 << 20, 16);
    ring_stream stream(std::make_shared<spead2::thread_pool>(1),
                       stream_config().set_allocator(shared));
    udp_reader_options source;
    source.address = spead2::endpoint::resolve(argv[2], std::stoi(argv[3]));
    stream.add_reader<udp_reader>(source);
    try {
        for (;;) {
            const heap_ptr heap = stream.pop();
            std::printf("heap %" PRIu64 ": %zu bytes at %zu\n", heap->cnt(), heap->payload().size(),
                        shared->offset_of(heap->payload().data()));
            std::fflush(stdout);
            std::getchar();
        }
    } catch (const spead2::stopped_error&) {
        shared->unlink();
        return 0;
    }
}
