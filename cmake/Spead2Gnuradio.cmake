# SPDX-License-Identifier: Apache-2.0
#
# Decides whether the GNU Radio blocks are built (SPEAD2_WITH_GNURADIO), and with which Python.

set(SPEAD2_WITH_GNURADIO OFF)
if(SPEAD2_GNURADIO AND EXISTS ${PROJECT_SOURCE_DIR}/lib/gnuradio/CMakeLists.txt)
    # GNU Radio's configuration would look for a Python and for Boost's test library of its own;
    # these are its switches against that.
    set(ENABLE_PYTHON OFF CACHE INTERNAL "")
    set(ENABLE_TESTING OFF CACHE INTERNAL "")
    find_package(Gnuradio 3.10 QUIET COMPONENTS blocks pdu)
    if(Gnuradio_FOUND AND TARGET gnuradio::gnuradio-runtime)
        set(SPEAD2_WITH_GNURADIO ON)
    elseif(NOT SPEAD2_GNURADIO STREQUAL "AUTO")
        message(FATAL_ERROR "SPEAD2_GNURADIO=${SPEAD2_GNURADIO}, but GNU Radio 3.10 was not found: "
                            "install gnuradio-dev, or set SPEAD2_GNURADIO=OFF")
    endif()
endif()

# GNU Radio belongs to one Python, the one in its own prefix. Another python3 that comes first on
# PATH could not load the blocks.
if(SPEAD2_WITH_GNURADIO AND NOT DEFINED Python_EXECUTABLE)
    get_filename_component(_gnuradio_prefix ${Gnuradio_DIR}/../../../.. ABSOLUTE)
    find_program(
        Python_EXECUTABLE python3
        PATHS ${_gnuradio_prefix}/bin ${_gnuradio_prefix}/../bin
        NO_DEFAULT_PATH)
    if(NOT Python_EXECUTABLE)
        unset(Python_EXECUTABLE CACHE)
    endif()
endif()
message(STATUS "spead2: GNU Radio blocks ${SPEAD2_WITH_GNURADIO} (SPEAD2_GNURADIO=${SPEAD2_GNURADIO})")
