// SPDX-License-Identifier: Apache-2.0
// Counts the bytes of heaps that come over TCP, on the thread that receives them: call_back PORT
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <future>
#include <memory>
#include <span>
#include <string>

#include <spead2/recv/readers/tcp.h>
#include <spead2/recv/stream.h>

namespace {

class byte_counter final : public spead2::recv::stream {
public:
    using stream::stream;
    ~byte_counter() override { stop(); }
    std::uint64_t wait() {
        ended_.get_future().get();
        return bytes_;
    }

protected:
    std::size_t heaps_ready(std::span<spead2::recv::heap_ptr> heaps) noexcept override {
        for (const auto& heap : heaps) bytes_ += heap->received_length();
        return heaps.size();
    }
    void heaps_stopped() noexcept override { ended_.set_value(); }

private:
    std::atomic<std::uint64_t> bytes_{0};
    std::promise<void> ended_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: call_back PORT\n");
        return 2;
    }
    byte_counter stream(std::make_shared<spead2::thread_pool>(1));
    spead2::recv::tcp_reader_options source;
    source.address = spead2::endpoint::resolve("0.0.0.0", std::stoi(argv[1]));
    stream.add_reader<spead2::recv::tcp_reader>(source);
    std::printf("%llu bytes\n", static_cast<unsigned long long>(stream.wait()));
    return 0;
}
