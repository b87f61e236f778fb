// SPDX-License-Identifier: Apache-2.0
// Python with the engine's bindings built in, so that all of it has the sanitizer from the start.
// Takes the arguments of python.
#include <Python.h>

#include <cstdlib>

extern "C" PyObject* PyInit__spead2();

int main(int argc, char** argv) {
    ::setenv("PYTHONPATH", PYTHON_SOURCES, 0);
    PyImport_AppendInittab("spead2._spead2", PyInit__spead2);
    return Py_BytesMain(argc, argv);
}
