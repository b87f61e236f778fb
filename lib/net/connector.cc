// SPDX-License-Identifier: Apache-2.0
#include "connector.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace spead2 {
namespace {

/// Before the next address is tried beside those that have not answered: what RFC 8305 recommends.
constexpr std::chrono::milliseconds attempt_delay{250};

}  // namespace

void connector::failed(const endpoint& to, int error) {
    const std::error_code code(error, std::generic_category());
    if (!error_) error_ = code;
    if (!failures_.empty()) failures_ += ", ";
    failures_ += to.to_string() + ": " + code.message();
    next_start_ = {};
}

/// Start with the next address. \return whether it is connected at once
bool connector::start() {
    const endpoint to = addresses_[next_++];
    unique_fd fd = make_(to);
    const bool done = ::connect(fd.get(), to.address(), to.length()) == 0;
    if (!done && errno != EINPROGRESS && errno != EINTR) {
        failed(to, errno);
        return false;
    }
    next_start_ = clock::now() + attempt_delay;
    if (done) {
        connected_ = std::move(fd);
        peer_ = to;
    } else {
        attempts_.push_back({std::move(fd), to});
    }
    return done;
}

connector::state connector::advance(std::chrono::milliseconds patience) {
    while (next_ < addresses_.size() && (attempts_.empty() || clock::now() >= next_start_))
        if (start()) return state::connected;
    if (attempts_.empty()) return state::failed;

    if (next_ < addresses_.size()) {
        const auto until_next =
            std::chrono::ceil<std::chrono::milliseconds>(next_start_ - clock::now());
        patience = std::clamp(until_next, std::chrono::milliseconds::zero(), patience);
    }
    std::vector<pollfd> waiting;
    waiting.reserve(attempts_.size());
    for (const attempt& a : attempts_) waiting.push_back({a.fd.get(), POLLOUT, 0});
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count())) <= 0)
        return state::connecting;
    for (std::size_t i = waiting.size(); i-- > 0;) {
        if (waiting[i].revents == 0) continue;
        attempt& a = attempts_[i];
        const int error = get_option(a.fd, SOL_SOCKET, SO_ERROR);
        if (error == 0) {
            connected_ = std::move(a.fd);
            peer_ = a.to;
            attempts_.clear();
            return state::connected;
        }
        failed(a.to, error < 0 ? EIO : error);
        attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return attempts_.empty() && next_ == addresses_.size() ? state::failed : state::connecting;
}

}  // namespace spead2
