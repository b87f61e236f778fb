// SPDX-License-Identifier: Apache-2.0
// Reads the device's settings from the environment and writes its log. A setting that makes no
// sense ends the program: a test that runs on a device other than it asked for proves nothing.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "softverbs.h"

namespace softverbs {
namespace {

[[noreturn]] void reject(const char* name, std::string_view value, const char* expected) {
    std::fprintf(stderr, "softverbs: %s=%.*s: expected %s\n", name, static_cast<int>(value.size()),
                 value.data(), expected);
    std::abort();
}

template <typename T>
T parse_number(const char* name, std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        reject(name, text, "a whole number in range");
    }
    return value;
}

template <typename T>
void read_number(const char* name, T& value) {
    if (const char* text = std::getenv(name)) {
        value = parse_number<T>(name, text);
    }
}

void read_switch(const char* name, bool& value) {
    if (const char* text = std::getenv(name)) {
        const std::string_view given = text;
        if (given != "0" && given != "1") {
            reject(name, given, "0 or 1");
        }
        value = given == "1";
    }
}

void read_text(const char* name, std::string& value) {
    if (const char* text = std::getenv(name)) {
        value = text;
    }
}

}  // namespace

settings settings::from_environment() {
    settings result;
    if (const char* mode = std::getenv("SOFTVERBS_MODE")) {
        if (std::strcmp(mode, "discard") == 0) {
            result.discard = true;
            result.device_thread = false;
        } else if (std::strcmp(mode, "wire") != 0) {
            reject("SOFTVERBS_MODE", mode, "wire or discard");
        }
    }
    read_switch("SOFTVERBS_THREAD", result.device_thread);
    read_switch("SOFTVERBS_IP_CSUM", result.ip_checksum);
    read_switch("SOFTVERBS_QUERY_EX", result.extended_query);
    read_number("SOFTVERBS_MAX_QP_WR", result.max_qp_wr);
    read_number("SOFTVERBS_GRANTED_QP_WR", result.granted_qp_wr);
    read_number("SOFTVERBS_MAX_CQE", result.max_cqe);
    read_number("SOFTVERBS_MAX_SGE", result.max_sge);
    read_number("SOFTVERBS_MAX_INLINE", result.max_inline);
    read_number("SOFTVERBS_MAX_MR", result.max_mr);
    read_number("SOFTVERBS_MAX_MR_BYTES", result.max_mr_bytes);
    read_number("SOFTVERBS_COMP_VECTORS", result.comp_vectors);
    read_number("SOFTVERBS_FAIL_WR", result.fail_wr);
    read_number("SOFTVERBS_FAIL_WR_EVERY", result.fail_wr_every);
    read_number("SOFTVERBS_FAIL_POST", result.fail_post);
    read_number("SOFTVERBS_FAIL_MODIFY", result.fail_modify);
    read_number("SOFTVERBS_CQ_OVERRUN", result.cq_overrun);
    read_number("SOFTVERBS_LOSE_COMPLETION", result.lose_completion);
    read_number("SOFTVERBS_LOSE_EVENTS", result.lose_events);
    read_number("SOFTVERBS_COMPLETE_TOGETHER", result.complete_together);
    read_number("SOFTVERBS_GONE", result.gone);
    read_number("SOFTVERBS_FAIL_RECEIVE", result.fail_receive);
    read_switch("SOFTVERBS_STEER_BY_MAC", result.steer_by_mac);
    int status = result.fail_status;
    read_number("SOFTVERBS_FAIL_STATUS", status);
    result.fail_status = static_cast<ibv_wc_status>(status);
    if (const char* text = std::getenv("SOFTVERBS_PACING")) {
        const std::string_view range = text;
        const auto colon = range.find(':');
        if (colon == std::string_view::npos) {
            reject("SOFTVERBS_PACING", range, "minimum:maximum in kbit/s");
        }
        result.pacing_min_kbps =
            parse_number<std::uint32_t>("SOFTVERBS_PACING", range.substr(0, colon));
        result.pacing_max_kbps =
            parse_number<std::uint32_t>("SOFTVERBS_PACING", range.substr(colon + 1));
    }
    read_text("SOFTVERBS_HOLD", result.hold);
    read_text("SOFTVERBS_LOG", result.log);
    read_text("SOFTVERBS_REPLAY", result.replay);
    read_number("SOFTVERBS_REPLAY_TIMES", result.replay_times);
    std::string names;
    read_text("SOFTVERBS_INTERFACES", names);
    for (std::size_t start = 0; start < names.size();) {
        const auto end = std::min(names.find(',', start), names.size());
        if (end > start) {
            result.interfaces.push_back(names.substr(start, end - start));
        }
        start = end + 1;
    }
    if (result.max_mr > static_cast<int>(max_memory_regions)) {
        reject("SOFTVERBS_MAX_MR", std::to_string(result.max_mr), "at most 4096");
    }
    if (!result.hold.empty() && !result.device_thread) {
        reject("SOFTVERBS_HOLD", result.hold, "a device with SOFTVERBS_THREAD=1");
    }
    return result;
}

std::vector<std::uint8_t> read_capture(const std::string& path) {
    constexpr std::size_t file_header = 24;
    constexpr std::size_t record_header = 16;
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
    std::uint32_t magic = 0;
    if (all.size() >= file_header) {
        std::memcpy(&magic, all.data(), sizeof(magic));
    }
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
        reject("SOFTVERBS_REPLAY", path, "a capture file (pcap)");
    }
    std::vector<std::uint8_t> frames;
    for (std::size_t at = file_header; at + record_header <= all.size();) {
        std::uint32_t length = 0;
        std::memcpy(&length, all.data() + at + 8, sizeof(length));
        at += record_header;
        if (length > all.size() - at) {
            reject("SOFTVERBS_REPLAY", path, "a capture file that is not cut off");
        }
        const auto* prefix = reinterpret_cast<const std::uint8_t*>(&length);
        frames.insert(frames.end(), prefix, prefix + sizeof(length));
        frames.insert(frames.end(), all.data() + at, all.data() + at + length);
        at += length;
    }
    return frames;
}

void log_event(const settings& options, const char* name, const std::string& body) {
    if (options.log.empty()) {
        return;
    }
    std::string line = std::string(R"({"event": ")") + name + '"';
    if (!body.empty()) {
        line += ", " + body;
    }
    line += "}\n";
    const int fd = ::open(options.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        std::fprintf(stderr, "softverbs: cannot write SOFTVERBS_LOG=%s: %s\n", options.log.c_str(),
                     std::strerror(errno));
        std::abort();
    }
    ::close(fd);
}

}  // namespace softverbs
