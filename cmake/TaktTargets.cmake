# How every target of the project is made: the same warnings, the same include root, the same sanitizers.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(TAKT_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread or fuzzer-no-link,...")

add_library(takt_options INTERFACE)
target_include_directories(takt_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
# Our warnings are ours: a project that builds against the installed SDK doesn't get them.
target_compile_options(takt_options INTERFACE
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wnon-virtual-dtor;-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely on variants that are pushed into vectors at -O2 and above.
  target_compile_options(takt_options INTERFACE $<BUILD_INTERFACE:-Wno-maybe-uninitialized>)
endif()
if(TAKT_SANITIZE)
  target_compile_options(takt_options INTERFACE -fsanitize=${TAKT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(takt_options INTERFACE -fsanitize=${TAKT_SANITIZE})
endif()

# Leaves out sources that are not written yet, so that the tree configures while its parts grow; they are picked up by the
# next build after they appear.
function(takt_present_sources list name)
  set(present)
  foreach(source IN LISTS ${list})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    if(found)
      list(APPEND present ${source})
    else()
      message(STATUS "${name}: ${source} is not there yet")
    endif()
  endforeach()
  if(NOT present)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp "")
    set(present ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp)
  endif()
  set(${list} ${present} PARENT_SCOPE)
endfunction()

# takt_library(NAME SOURCES ... LINKS ...): one static library per folder, linking only what it may see.
function(takt_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  takt_present_sources(ARG_SOURCES ${name})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC takt_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# takt_test(NAME SOURCES ... LINKS ... [LABELS ...] [TIMEOUT seconds]): a GoogleTest program, one entry in ctest.
function(takt_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE takt_options ${ARG_LINKS} GTest::gtest_main GTest::gmock)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
