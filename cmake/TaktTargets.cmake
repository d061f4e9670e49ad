# How every target of the project is made: the same warnings, the same include root, the same sanitizers.

find_program(CCACHE ccache)
if(CCACHE)
  # Two clones of the repo share their cache: paths below the source folder are hashed as relative ones.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

set(TAKT_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread or fuzzer-no-link,...")
option(TAKT_WERROR "Warnings are errors" ON)
option(TAKT_PLANTED_BUGS "Carry the bugs that prove the tests (docs/planted-bugs.md)" OFF)

add_library(takt_options INTERFACE)
target_include_directories(takt_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
# Our warnings are ours: a project that builds against the installed SDK doesn't get them.
target_compile_options(takt_options INTERFACE
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wnon-virtual-dtor>)
if(TAKT_WERROR)
  target_compile_options(takt_options INTERFACE $<BUILD_INTERFACE:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely on variants that are pushed into vectors at -O2 and above.
  target_compile_options(takt_options INTERFACE $<BUILD_INTERFACE:-Wno-maybe-uninitialized>)
else()
  # Clang counts sign changes as conversions, GCC does not; GCC is the compiler we release with.
  target_compile_options(takt_options INTERFACE $<BUILD_INTERFACE:-Wno-sign-conversion>)
endif()
if(TAKT_SANITIZE)
  target_compile_options(takt_options INTERFACE -fsanitize=${TAKT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(takt_options INTERFACE -fsanitize=${TAKT_SANITIZE})
endif()

if(TAKT_PLANTED_BUGS)
  target_compile_definitions(takt_options INTERFACE TAKT_PLANTED_BUGS)
endif()

# takt_library(NAME SOURCES ... LINKS ...): one static library per folder, linking only what it may see.
function(takt_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC takt_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# takt_label(NAME TARGET): building `takt_tests_NAME` builds what the tests of that label run.
function(takt_label label target)
  if(NOT TARGET takt_tests_${label})
    add_custom_target(takt_tests_${label})
  endif()
  add_dependencies(takt_tests_${label} ${target})
endfunction()

# takt_test(NAME SOURCES ... LINKS ... [LABELS ...] [TIMEOUT seconds]): a GoogleTest program, one entry in ctest.
# Labels: its folder's name is always one; `unit` is added unless it says sim, e2e, attack, long or install (docs/testing.md).
function(takt_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(TAKT_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  set(labels ${ARG_LABELS} ${folder})
  if(NOT "${ARG_LABELS}" MATCHES "(^|;)(sim|e2e|attack|long|install)(;|$)")
    list(APPEND labels unit)
  endif()
  list(REMOVE_DUPLICATES labels)

  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE takt_options ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${labels}")
  foreach(label IN LISTS labels)
    takt_label(${label} ${name})
  endforeach()
endfunction()
