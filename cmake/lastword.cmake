# lastword_precompile(TARGET): what most files include is parsed once for the target instead
# of in each file; a third of the build's time.
function(lastword_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <chrono> <functional> <memory> <optional> <string> <vector>
    <fmt/format.h> <proto/disk.pb.h> <proto/error.h>)
endfunction()

# lastword_test(NAME SOURCES ... LINK ...): a Boost.Test program, registered with label "unit". Its
# main() and the parsed Boost.Test header are shared by all of them (target test_main).
function(lastword_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_precompile_headers(${name} REUSE_FROM test_main)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} test_main)
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --color_output=no)
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
