# SPDX-License-Identifier: Apache-2.0
#
# Debian packages by CPack, from a build with -DCMAKE_INSTALL_PREFIX=/usr: cpack -G DEB --config
# build/CPackConfig.cmake. One for each of: library, headers, Python package, GNU Radio blocks.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME spead2)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The gr-spead2 authors <gr-spead2@invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL library dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib ${PROJECT_BINARY_DIR}/lib/gnuradio)
set(CPACK_STRIP_FILES ON)

# spead2_debian_package(COMPONENT NAME SECTION DESCRIPTION DEPENDS COMPONENTS...)
macro(spead2_debian_package component name section description depends)
    string(TOUPPER ${component} _component)
    set(CPACK_DEBIAN_${_component}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${_component}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${_component}_PACKAGE_DEPENDS "${depends}")
    set(CPACK_COMPONENT_${_component}_DESCRIPTION "${description}")
    set(CPACK_COMPONENT_${_component}_DEPENDS ${ARGN})
    install(
        DIRECTORY ${PROJECT_SOURCE_DIR}/LICENSES
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name}
        COMPONENT ${component})
endmacro()

# spead2_debian_python_files(COMPONENT NAME): has Python compile what the package brings of Python, and
# removes that with the package.
function(spead2_debian_python_files component name)
    set(folder ${PROJECT_BINARY_DIR}/debian/${name})
    foreach(script postinst prerm)
        configure_file(${PROJECT_SOURCE_DIR}/packaging/debian/${script}.in ${folder}/${script} @ONLY
                       FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                        WORLD_READ WORLD_EXECUTE)
    endforeach()
    string(TOUPPER ${component} component)
    set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA "${folder}/postinst;${folder}/prerm" PARENT_SCOPE)
endfunction()

spead2_debian_package(library libspead2 libs "SPEAD streams: the C++ library" "")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_RECOMMENDS "libibverbs1, librdmacm1, ibverbs-providers")
spead2_debian_package(dev libspead2-dev libdevel "SPEAD streams: headers" "" library)
if(SPEAD2_PYTHON)
    list(APPEND CPACK_COMPONENTS_ALL python)
    math(EXPR _next "${Python_VERSION_MINOR} + 1")
    set(_python "python3 (>= 3.${Python_VERSION_MINOR}), python3 (<< 3.${_next}), python3-numpy")
    spead2_debian_package(python python3-gr-spead2 python "SPEAD streams for Python" "${_python}" library)
    spead2_debian_python_files(python python3-gr-spead2)
    set(CPACK_DEBIAN_PYTHON_PACKAGE_CONFLICTS python3-spead2) # imported under the same name
    set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS
        "python3-click, python3-h5py, python3-prometheus-client, python3-rich")
endif()
if(SPEAD2_WITH_GNURADIO)
    list(APPEND CPACK_COMPONENTS_ALL gnuradio)
    spead2_debian_package(gnuradio gr-spead2 comm "SPEAD streams: GNU Radio blocks" "gnuradio" library)
    if(SPEAD2_PYTHON)
        list(APPEND CPACK_COMPONENT_GNURADIO_DEPENDS python)
        spead2_debian_python_files(gnuradio gr-spead2)
    endif()
endif()
include(CPack)
