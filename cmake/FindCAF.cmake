# Finds the C++ Actor Framework.
#
# CAF 1.x brings its own CAFConfig.cmake; Debian's 0.17 and 0.18 bring headers and libraries alone.
# Either way the targets have the names of 1.x: CAF::core, CAF::io, CAF::openssl, one for each
# component asked for (core when none is), and their headers are SYSTEM.
#
# Variables: CAF_FOUND, CAF_VERSION, CAF_<component>_FOUND.

if(NOT CAF_FIND_COMPONENTS)
  set(CAF_FIND_COMPONENTS core)
endif()

find_package(CAF QUIET CONFIG COMPONENTS ${CAF_FIND_COMPONENTS})
include(FindPackageHandleStandardArgs)
if(CAF_CONFIG)
  foreach(component IN LISTS CAF_FIND_COMPONENTS)
    if(TARGET CAF::${component})
      set(CAF_${component}_FOUND TRUE)
    endif()
  endforeach()
  find_package_handle_standard_args(CAF CONFIG_MODE HANDLE_COMPONENTS)
  return()
endif()

find_path(CAF_INCLUDE_DIR caf/config.hpp)
mark_as_advanced(CAF_INCLUDE_DIR)

if(CAF_INCLUDE_DIR)
  # 0.x: CAF_VERSION is MMmmpp in decimal, written without leading zeros (1706 is 0.17.6).
  file(STRINGS "${CAF_INCLUDE_DIR}/caf/config.hpp" line REGEX "^#define CAF_VERSION [0-9]+")
  if(NOT line AND EXISTS "${CAF_INCLUDE_DIR}/caf/detail/build_config.hpp")
    file(STRINGS "${CAF_INCLUDE_DIR}/caf/detail/build_config.hpp" line
         REGEX "^#define CAF_VERSION [0-9]+")
  endif()
  if(line MATCHES "CAF_VERSION ([0-9]+)")
    math(EXPR major "${CMAKE_MATCH_1} / 10000")
    math(EXPR minor "${CMAKE_MATCH_1} / 100 % 100")
    math(EXPR patch "${CMAKE_MATCH_1} % 100")
    set(CAF_VERSION ${major}.${minor}.${patch})
  endif()
endif()

foreach(component IN LISTS CAF_FIND_COMPONENTS)
  find_library(CAF_${component}_LIBRARY NAMES caf_${component})
  mark_as_advanced(CAF_${component}_LIBRARY)
  if(CAF_INCLUDE_DIR AND CAF_${component}_LIBRARY)
    set(CAF_${component}_FOUND TRUE)
  endif()
endforeach()

find_package_handle_standard_args(CAF
  REQUIRED_VARS CAF_INCLUDE_DIR VERSION_VAR CAF_VERSION HANDLE_COMPONENTS
  REASON_FAILURE_MESSAGE "on Debian: apt install libcaf-dev, or configure with -DHAWSER_ACTORS=OFF")

if(CAF_FOUND)
  find_package(Threads REQUIRED)
  foreach(component IN LISTS CAF_FIND_COMPONENTS)
    if(NOT CAF_${component}_FOUND OR TARGET CAF::${component})
      continue()
    endif()
    add_library(CAF::${component} UNKNOWN IMPORTED)
    set_target_properties(CAF::${component} PROPERTIES
      IMPORTED_LOCATION "${CAF_${component}_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
      INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}")
    if(component STREQUAL "core")
      target_link_libraries(CAF::core INTERFACE Threads::Threads)
    else()
      target_link_libraries(CAF::${component} INTERFACE CAF::core)
    endif()
  endforeach()
endif()
