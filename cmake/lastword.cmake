# The code below agent/ is needed twice: with full protobuf (its JSON printer serves --json) in the
# programs that operators run, and with protobuf-lite in the static lastword-dump. Both variants
# come from the same sources; only the generated messages differ.
#
#   lastword_library(NAME SOURCES ... LINK ...)  makes targets NAME and NAME_lite; a name in LINK
#   that is itself such a library is linked in the same variant.

set(LASTWORD_LIBRARIES "" CACHE INTERNAL "")

function(lastword_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  foreach(variant "" "_lite")
    add_library(${name}${variant} STATIC ${ARG_SOURCES})
    target_include_directories(${name}${variant} PUBLIC ${PROJECT_SOURCE_DIR})
    foreach(dependency ${ARG_LINK})
      if(dependency IN_LIST LASTWORD_LIBRARIES)
        target_link_libraries(${name}${variant} PUBLIC ${dependency}${variant})
      elseif(dependency STREQUAL "fmt::fmt" AND variant STREQUAL "_lite")
        # Debian has no static archive of fmt.
        target_link_libraries(${name}${variant} PUBLIC fmt::fmt-header-only)
      else()
        target_link_libraries(${name}${variant} PUBLIC ${dependency})
      endif()
    endforeach()
  endforeach()
  set(LASTWORD_LIBRARIES "${LASTWORD_LIBRARIES};${name}" CACHE INTERNAL "")
endfunction()

# lastword_test(NAME SOURCES ... LINK ...): a Boost.Test program, registered with label "unit".
function(lastword_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK BOOST_TEST_MODULE=${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} Boost::unit_test_framework)
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --color_output=no)
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
