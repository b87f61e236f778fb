# SPDX-License-Identifier: Apache-2.0
#
# Finds Python and pybind11, and defines spead2_add_python_module().

set(PYBIND11_FINDPYTHON ON)
find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 2.10 CONFIG REQUIRED)
message(STATUS "spead2: Python ${Python_VERSION} (${Python_EXECUTABLE}), pybind11 ${pybind11_VERSION}")

# spead2_add_python_module(TARGET PACKAGE COMPONENT SOURCES...): an extension module, installed into
# PACKAGE (a path below the Python directory) and finds the project's libraries from there.
function(spead2_add_python_module target package component)
    pybind11_add_module(${target} MODULE NO_EXTRAS ${ARGN})
    file(RELATIVE_PATH to_libraries ${SPEAD2_PYTHON_PATH}/${package} ${SPEAD2_LIBRARY_PATH})
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
    install(
        TARGETS ${target}
        LIBRARY DESTINATION ${SPEAD2_INSTALL_PYTHONDIR}/${package}
        COMPONENT ${component})
endfunction()
