// SPDX-License-Identifier: Apache-2.0
// A library that is looked for when it is first needed, so that machines may be without it.
#pragma once

#include <dlfcn.h>

#include <initializer_list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>

namespace spead2 {

/// One that was opened. It is never closed: what it loads may not stand being unloaded.
class dynamic_library {
public:
    /// \param names  file names, of which the first is taken that is there
    /// \param refuse  throws an error with the reason that it gets
    dynamic_library(std::initializer_list<const char*> names,
                    void (*refuse)(const std::string& reason))
        : refuse_(refuse) {
        std::string reason;
        for (const char* const name : names) {
            handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (handle_ != nullptr) return;
            const char* const why = ::dlerror();
            reason = why != nullptr ? why : name;
        }
        refuse_(reason);
    }

    template <typename T>
    void find(const char* name, T& function) const {
        function = reinterpret_cast<T>(::dlsym(handle_, name));
        if (function == nullptr) refuse_(std::string("the library there has no function ") + name);
    }

private:
    void (*refuse_)(const std::string&);
    void* handle_ = nullptr;
};

/// What load() gives, which is called once. A failure is not remembered: the library may be
/// installed while the program runs.
template <typename Library>
const Library& loaded_once(Library (*load)()) {
    static std::mutex mutex;
    static std::optional<Library> instance;
    const std::lock_guard lock(mutex);
    if (!instance) instance = load();
    return *instance;
}

}  // namespace spead2
