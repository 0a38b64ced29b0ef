# lastword_precompile(TARGET [HEADER ...]): what most files include, and these, is parsed once for the
# target instead of in each file. Rooms with the same compile options reuse the header of one of them.
function(lastword_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <chrono> <functional> <memory> <optional> <string> <vector>
    <fmt/format.h> <proto/disk.pb.h> <proto/error.h> ${ARGN})
endfunction()

# lastword_unity(TARGET): its sources are compiled as one, so that headers are parsed and their inline
# functions compiled once for the room. Sources with compile options of their own stay apart.
# Not for proto and storage_block: their record sources need protobuf, which comes before them on the
# linker's line, and must be linked only into programs that use records.
function(lastword_unity target)
  if(LASTWORD_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

# lastword_messages(TARGET [LITE] FILES folder/name ... [SOURCES ...] [LINK ...]): protobuf messages
# of the .proto files (without the ending), with the sources that decide about them.
function(lastword_messages target)
  cmake_parse_arguments(ARG "LITE" "" "FILES;SOURCES;LINK" ${ARGN})
  set(directory ${CMAKE_BINARY_DIR}/gen)
  set(options "")
  if(ARG_LITE)
    set(directory ${CMAKE_BINARY_DIR}/gen-lite)
    set(options "lite:")
  endif()
  set(generated "")
  foreach(message ${ARG_FILES})
    set(outputs ${directory}/${message}.pb.cc ${directory}/${message}.pb.h)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${directory}
      COMMAND protobuf::protoc --cpp_out=${options}${directory} -I ${PROJECT_SOURCE_DIR}
              ${PROJECT_SOURCE_DIR}/${message}.proto
      DEPENDS ${PROJECT_SOURCE_DIR}/${message}.proto
      VERBATIM)
    list(APPEND generated ${directory}/${message}.pb.cc)
  endforeach()
  # Apart: what the generator writes is not ours to warn about. Two of its full files have static
  # objects of one name and cannot be compiled as one.
  add_library(${target}_generated OBJECT ${generated})
  target_compile_options(${target}_generated PRIVATE -w)
  target_include_directories(${target}_generated SYSTEM PRIVATE ${directory})
  target_link_libraries(${target}_generated PRIVATE ${ARG_LINK})
  if(ARG_LITE)
    lastword_unity(${target}_generated)
  endif()
  add_library(${target} STATIC $<TARGET_OBJECTS:${target}_generated> ${ARG_SOURCES})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(${target} SYSTEM PUBLIC ${directory})
  target_link_libraries(${target} PUBLIC ${ARG_LINK})
  lastword_unity(${target})
endfunction()

# lastword_test(NAME SOURCES ... LINK ...): a Boost.Test program, registered with label "unit". Its
# main() and the parsed Boost.Test header are shared by all of them (target test_main).
function(lastword_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  # What is tested is optimized; optimizing the tests as well doubles the time to build them.
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM test_main)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} test_main)
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --color_output=no)
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${LASTWORD_TEST_TIMEOUT})
endfunction()
