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
