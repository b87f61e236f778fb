// SPDX-License-Identifier: Apache-2.0
// Python with the engine's bindings built in, so that all of it has the sanitizer from the start.
// Takes the arguments of python.
#include "built_in_python.h"

int main(int argc, char** argv) {
    return fuzz::start_python(argc, argv) ? Py_RunMain() : EXIT_FAILURE;
}
