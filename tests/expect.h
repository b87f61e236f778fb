// SPDX-License-Identifier: Apache-2.0
// For tests that are C++ programs: says which expectations fail, and counts them.
#pragma once

#include <cstdio>

inline int failures = 0;

inline void expect(bool condition, const char* what, int line) {
    if (condition) return;
    std::fprintf(stderr, "line %d: %s\n", line, what);
    ++failures;
}
#define EXPECT(condition) expect(condition, #condition, __LINE__)
