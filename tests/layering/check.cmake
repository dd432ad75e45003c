# Usage: cmake -P check.cmake TREE
#
# Fails if an #include in TREE goes against the layering, and says which:
#
#   examples, bench, tools -> actors -> shm -> Boost, C and C++ library, POSIX, Linux
#
#   - shm includes itself, Boost and the system's headers, nothing else: never CAF
#   - actors of Hawser includes itself and shm
#   - a quoted include stays in its layer
#   - examples use what users have: nothing of a detail/ folder

cmake_minimum_required(VERSION 3.25)
math(EXPR last "${CMAKE_ARGC} - 1")
get_filename_component(tree "${CMAKE_ARGV${last}}" ABSOLUTE)

set(system_header "^([a-z_0-9]+(\\.h)?|(sys|linux)/[a-z_0-9]+\\.h)$")
set(violations "")

# Sets `allowed` to whether a file of `layer` may write #include <path>.
function(may_include layer path)
  set(allowed TRUE PARENT_SCOPE)
  if(layer STREQUAL "shm")
    if(NOT path MATCHES "^hawser/shm/|^boost/" AND NOT path MATCHES "${system_header}")
      set(allowed FALSE PARENT_SCOPE)
    endif()
  elseif(layer STREQUAL "actors")
    if(path MATCHES "^hawser/" AND NOT path MATCHES "^hawser/(shm|actors)/")
      set(allowed FALSE PARENT_SCOPE)
    endif()
  elseif(layer STREQUAL "examples" AND path MATCHES "^hawser/.*detail/")
    set(allowed FALSE PARENT_SCOPE)
  endif()
endfunction()

set(files_seen 0)
foreach(layer IN ITEMS shm actors examples)
  file(GLOB_RECURSE files RELATIVE "${tree}"
       "${tree}/${layer}/*.hpp" "${tree}/${layer}/*.h" "${tree}/${layer}/*.cpp")
  foreach(file IN LISTS files)
    math(EXPR files_seen "${files_seen} + 1")
    get_filename_component(folder "${file}" DIRECTORY)
    file(STRINGS "${tree}/${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "([<\"])([^>\"]+)" _ "${line}")
      set(path "${CMAKE_MATCH_2}")
      if(CMAKE_MATCH_1 STREQUAL "<")
        may_include(${layer} "${path}")
      elseif(path MATCHES "\\.\\.")
        get_filename_component(target "${tree}/${folder}/${path}" ABSOLUTE)
        string(FIND "${target}" "${tree}/${layer}/" at)
        string(COMPARE EQUAL "${at}" 0 allowed)
      elseif(EXISTS "${tree}/${folder}/${path}" OR EXISTS "${tree}/${layer}/src/${path}")
        set(allowed TRUE)
      else()
        may_include(${layer} "${path}")
      endif()
      if(NOT allowed)
        list(APPEND violations "${file}: ${path}")
      endif()
    endforeach()
  endforeach()
endforeach()

if(files_seen EQUAL 0)
  message(FATAL_ERROR "no sources under ${tree}")
endif()
foreach(violation IN LISTS violations)
  message(NOTICE "${violation}")
endforeach()
list(LENGTH violations count)
if(count GREATER 0)
  message(FATAL_ERROR "${count} includes against the layering")
endif()
message(NOTICE "${files_seen} files keep the layering")
