# SPDX-License-Identifier: Apache-2.0
#
# Where things are installed. There are two layouts: below a prefix (the classical one), and in a
# Python wheel, where the libraries live inside the package and headers are left out.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(SKBUILD)
    set(SPEAD2_INSTALL_LIBDIR spead2)
    set(SPEAD2_INSTALL_PYTHONDIR .)
    set(SPEAD2_INSTALL_DATADIR ${SKBUILD_DATA_DIR}/share)
else()
    set(SPEAD2_INSTALL_LIBDIR ${CMAKE_INSTALL_LIBDIR})
    set(SPEAD2_INSTALL_CMAKEDIR ${CMAKE_INSTALL_LIBDIR}/cmake/spead2)
    set(SPEAD2_INSTALL_DATADIR ${CMAKE_INSTALL_DATADIR})
    set(SPEAD2_INSTALL_PYTHONDIR "${SPEAD2_PYTHON_DIR}")
    if(SPEAD2_PYTHON AND NOT SPEAD2_PYTHON_DIR)
        # Debian's own Python reads dist-packages, a virtual environment or any other site-packages.
        execute_process(
            COMMAND ${Python_EXECUTABLE} -c
                    "import sys, sysconfig as s
scheme = getattr(s, 'get_default_scheme', getattr(s, '_get_default_scheme', None))()
debian = scheme == 'posix_local' or 'dist-packages' in s.get_path('platlib')
print('lib/python%d.%d/' % sys.version_info[:2] + ('dist' if debian else 'site') + '-packages')"
            OUTPUT_VARIABLE SPEAD2_INSTALL_PYTHONDIR
            OUTPUT_STRIP_TRAILING_WHITESPACE
            COMMAND_ERROR_IS_FATAL ANY)
    endif()
endif()

# The same as absolute paths, to derive run paths from.
cmake_path(ABSOLUTE_PATH SPEAD2_INSTALL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE
           OUTPUT_VARIABLE SPEAD2_LIBRARY_PATH)
cmake_path(ABSOLUTE_PATH SPEAD2_INSTALL_PYTHONDIR BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} NORMALIZE
           OUTPUT_VARIABLE SPEAD2_PYTHON_PATH)

# A wheel with blocks is one thing; else they can be installed apart from the Python package.
set(SPEAD2_BLOCKS_COMPONENT gnuradio)
if(SKBUILD)
    set(SPEAD2_BLOCKS_COMPONENT python)
endif()

# spead2_install_library(TARGET COMPONENT): installs a library with the CMake target file that
# spead2-config.cmake reads. In a wheel it is one file, since wheels know no symbolic links.
function(spead2_install_library target component)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    if(SKBUILD)
        install(TARGETS ${target} LIBRARY DESTINATION ${SPEAD2_INSTALL_LIBDIR} COMPONENT python)
    else()
        set_target_properties(
            ${target} PROPERTIES VERSION ${PROJECT_VERSION}
                                 SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
        install(
            TARGETS ${target}
            EXPORT ${target}-targets
            LIBRARY DESTINATION ${SPEAD2_INSTALL_LIBDIR}
                    COMPONENT ${component}
                    NAMELINK_COMPONENT dev
            ARCHIVE DESTINATION ${SPEAD2_INSTALL_LIBDIR} COMPONENT dev)
        install(
            EXPORT ${target}-targets
            NAMESPACE spead2::
            DESTINATION ${SPEAD2_INSTALL_CMAKEDIR}
            COMPONENT dev)
    endif()
endfunction()
