# The few functions every CMakeLists.txt of Hawser is written with.

# hawser_layer(NAME LIBS...): the static library hawser::NAME from include/ and src/ beside the
# caller. Sources are globbed, so that a new file needs no edit here; CONFIGURE_DEPENDS re-globs
# on every build.
function(hawser_layer name)
  set(target hawser_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.hpp")
  add_library(${target} STATIC ${sources})
  add_library(hawser::${name} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS
    BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include" FILES ${headers})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ARGN})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON
    POSITION_INDEPENDENT_CODE ON)
  hawser_warnings(${target})
endfunction()

# hawser_program(NAME DIRECTORY LIBS... SOURCES...): an executable at build/<preset>/DIRECTORY/NAME.
function(hawser_program name directory)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${directory}")
  hawser_warnings(${name})
endfunction()

# hawser_example(NAME SOURCES... [LIBS ...]): build/<preset>/examples/NAME, with hawser::actors.
function(hawser_example name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;SOURCES")
  hawser_program(${name} examples
    SOURCES ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS} LIBS hawser::actors ${arg_LIBS})
endfunction()

# hawser_bench(NAME SOURCES... [LIBS ...]): build/<preset>/bench/NAME, with hawser::shm.
function(hawser_bench name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;SOURCES")
  hawser_program(${name} bench
    SOURCES ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS} LIBS hawser::shm ${arg_LIBS})
endfunction()

# hawser_selected(RESULT LABELS...): whether HAWSER_TEST_LABELS asks for a test with these labels.
function(hawser_selected result)
  set(selected TRUE)
  if(HAWSER_TEST_LABELS)
    set(selected FALSE)
    foreach(label IN LISTS ARGN)
      if(label IN_LIST HAWSER_TEST_LABELS)
        set(selected TRUE)
      endif()
    endforeach()
  endif()
  set(${result} ${selected} PARENT_SCOPE)
endfunction()

# hawser_test(NAME LABELS ... SOURCES ... [LIBS ...] [TIMEOUT seconds] [SERIAL] [DEPENDS ...])
#
# A GoogleTest program at build/<preset>/tests/NAME; each TEST in it is a CTest test of its own.
#   LABELS   of unit, thread, process, crash, stress, example, slow. `thread` marks the two-thread
#            twins, which are all that the tsan preset builds.
#   TIMEOUT  of each TEST; 120 s unless told.
#   SERIAL   never beside another test: for what is sensitive to load.
#   DEPENDS  programs the test starts, built before it.
# GoogleTest's main() is linked in; a source that defines its own main() wins.
function(hawser_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "LABELS;SOURCES;LIBS;DEPENDS")
  if(NOT arg_LABELS OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "hawser_test(${name} LABELS ... SOURCES ...): see cmake/hawser_targets.cmake")
  endif()
  hawser_selected(selected ${arg_LABELS})
  if(NOT selected)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  hawser_program(${name} tests SOURCES ${arg_SOURCES} LIBS ${arg_LIBS} GTest::gtest GTest::gtest_main)
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  # gtest_discover_tests mangles lists in properties, so they are set on its list of tests instead.
  gtest_discover_tests(${name} TEST_LIST ${name}_tests
    ${HAWSER_TEST_PREFIX} DISCOVERY_TIMEOUT 60)
  set(properties "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(CONFIGURE OUTPUT "${properties}" @ONLY CONTENT [[
foreach(test IN LISTS @name@_tests)
  set_tests_properties("${test}" PROPERTIES LABELS "@arg_LABELS@" TIMEOUT @arg_TIMEOUT@
    RUN_SERIAL @arg_SERIAL@ ENVIRONMENT "@HAWSER_TEST_ENVIRONMENT@")
endforeach()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${properties}")
endfunction()

# The sanitizer options the tests run with, and what marks their names.
set(HAWSER_TEST_ENVIRONMENT "")
set(HAWSER_TEST_PREFIX "")
if(HAWSER_SANITIZE MATCHES "undefined")
  set(HAWSER_TEST_PREFIX TEST_PREFIX asan/)
  set(HAWSER_TEST_ENVIRONMENT
    "UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/ubsan.supp")
elseif(HAWSER_SANITIZE MATCHES "thread")
  set(HAWSER_TEST_PREFIX TEST_PREFIX tsan/)
  set(HAWSER_TEST_ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endif()
