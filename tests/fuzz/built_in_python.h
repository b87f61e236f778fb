// SPDX-License-Identifier: Apache-2.0
// An interpreter in this program, with the engine's bindings built in.
#pragma once

#include <Python.h>

#include <cstdlib>

extern "C" PyObject* PyInit__spead2();

namespace fuzz {

/// Start it. \param arguments  as those of python
inline bool start_python(int n, char** arguments) {
    static_cast<void>(::setenv("PYTHONPATH", PYTHON_SOURCES, 0));
    if (PyImport_AppendInittab("spead2._spead2", PyInit__spead2) != 0) return false;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyConfig_SetBytesArgv(&config, n, arguments);
    const PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status) != 0) return false;
    // Python itself looks for no part of a package among what is built in.
    return PyRun_SimpleString(R"(
import importlib.machinery, sys

class BuiltIn(importlib.machinery.BuiltinImporter):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, cls) if name == "spead2._spead2" else None

    @staticmethod
    def create_module(spec):
        made = importlib.machinery.BuiltinImporter.create_module(spec)
        for name in [name for name in sys.modules if name.startswith("_spead2.")]:
            sys.modules["spead2." + name] = sys.modules[name]
        return made

sys.meta_path.insert(0, BuiltIn)
)") == 0;
}

}  // namespace fuzz
