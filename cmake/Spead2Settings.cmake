# SPDX-License-Identifier: Apache-2.0
#
# Compiler settings that every target of the project shares.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Without link-time optimisation: counted with callgrind, it would save 2 % of the instructions of a
# 1 KiB heap and nothing of a large one.
add_compile_options(-Wall -Wextra)

if(SPEAD2_SANITIZE)
    add_compile_options(-fsanitize=${SPEAD2_SANITIZE} -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=${SPEAD2_SANITIZE})
endif()

# Compiles the sources of a folder as one, because headers are most of what there is to compile. So
# what a source keeps to itself (in an anonymous namespace) must not be called as in its neighbours.
function(spead2_compile_by_folder target)
    get_target_property(sources ${target} SOURCES)
    foreach(source IN LISTS sources)
        get_filename_component(folder ${source} DIRECTORY)
        file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
        string(MAKE_C_IDENTIFIER "${folder}" group)
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endforeach()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
