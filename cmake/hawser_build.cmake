# How Hawser's own code is compiled: standard, warnings, sanitizers, compiler cache.

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_STANDARD 20)
  set(CMAKE_CXX_STANDARD_REQUIRED ON)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

  find_program(HAWSER_CCACHE ccache)
  mark_as_advanced(HAWSER_CCACHE)
  if(HAWSER_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${HAWSER_CCACHE}")
  endif()
endif()

# Sanitizers change the ABI of what they touch, so they are for the whole build, not for a target.
# UBSan's checks stay recoverable here because only those can be suppressed at run time; the tests
# run with halt_on_error=1 (see hawser_targets.cmake), so a report still ends the program.
if(HAWSER_SANITIZE)
  add_compile_options(-fsanitize=${HAWSER_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HAWSER_SANITIZE})
  if(HAWSER_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options("-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/ubsan.ignore")
    # Its check of types looks at memory through a pipe, and finds every type wrong when no descriptor
    # is left, which some tests see to: also in the standard library's headers, so no list of files
    # would do.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  if(HAWSER_SANITIZE MATCHES "thread")
    # TSan's shadow has no room for more than 28 bits of address randomisation: g++ 12's gives up,
    # newer ones start themselves anew without it.
    file(STRINGS /proc/sys/vm/mmap_rnd_bits randomised_bits)
    if(randomised_bits GREATER 28)
      set(CMAKE_CROSSCOMPILING_EMULATOR setarch --addr-no-randomize)
    endif()
  endif()
endif()

# Warnings for `target`, which is ours: CAF's and Boost's headers are SYSTEM and stay silent.
function(hawser_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic
    -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion
    -Wold-style-cast -Wcast-qual -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
    -Wformat=2 -Wundef -Wunused
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees it in every std::optional it inlines and in the library's own std::regex
    # (GCC 80635, 105562); the sanitizers and clang look for the real ones.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  if(HAWSER_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
