// SPDX-License-Identifier: Apache-2.0
#include "pcap_library.h"

#include <dlfcn.h>

#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

namespace spead2 {
namespace {

[[noreturn]] void fail(const std::string& reason) {
    throw std::runtime_error(
        "capture files cannot be read on this machine: " + reason +
        ". Install libpcap (Debian, Ubuntu: libpcap0.8; Fedora, RHEL: libpcap)");
}

template <typename T>
void find(void* handle, const char* name, T& function) {
    function = reinterpret_cast<T>(::dlsym(handle, name));
    if (function == nullptr) fail(std::string("the library there has no function ") + name);
}

pcap_library load() {
    void* handle = nullptr;
    std::string reason;
    for (const char* const name : {"libpcap.so.1", "libpcap.so.0.8"}) {
        handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (handle != nullptr) break;
        const char* const why = ::dlerror();
        reason = why != nullptr ? why : name;
    }
    if (handle == nullptr) fail(reason);
    pcap_library lib{};
    find(handle, "pcap_fopen_offline_with_tstamp_precision", lib.open);
    find(handle, "pcap_close", lib.close);
    find(handle, "pcap_datalink", lib.link_type);
    find(handle, "pcap_next_ex", lib.next);
    find(handle, "pcap_geterr", lib.error_text);
    find(handle, "pcap_compile", lib.compile);
    find(handle, "pcap_setfilter", lib.set_filter);
    find(handle, "pcap_freecode", lib.free_filter);
    return lib;
}

}  // namespace

const pcap_library& pcap_library::get() {
    // A failure is not remembered: the library may be installed while the program runs.
    static std::mutex mutex;
    static std::optional<pcap_library> instance;
    const std::lock_guard lock(mutex);
    if (!instance) instance = load();
    return *instance;
}

}  // namespace spead2
