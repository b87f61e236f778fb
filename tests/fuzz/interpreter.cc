// SPDX-License-Identifier: Apache-2.0
// Python with the engine's bindings built in, so that all of it has the sanitizer from the start.
// Takes the arguments of python.
#include <cstdlib>
#include <new>

#include "built_in_python.h"

// The sanitizers' own end the program when there is not as much memory, which is an error to handle.
void* operator new(std::size_t size) {
    if (void* const p = std::malloc(size == 0 ? 1 : size)) return p;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept {
    return operator new(size, none);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

int main(int argc, char** argv) {
    return fuzz::start_python(argc, argv) ? Py_RunMain() : EXIT_FAILURE;
}
