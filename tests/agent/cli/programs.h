// The built programs, as a person runs them.
#pragma once

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/test_folder.h"

namespace lastword::test {

struct Outcome {
  int status;  // -1: ended by a signal
  std::string output;
  std::string errors;
};

inline std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A shell's command line.
inline Outcome run(const std::string& command) {
  const TestFolder folder;
  const std::string output = folder.file("output");
  const std::string errors = folder.file("errors");
  const int status = std::system(("(" + command + ") >" + output + " 2>" + errors).c_str());
  const Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(output),
                        content_of(errors)};
  BOOST_TEST_MESSAGE(command << "\n" << outcome.output << outcome.errors);
  return outcome;
}

inline Outcome lastword(const std::string& arguments) {
  return run(LASTWORD_PROGRAM " " + arguments);
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

inline const std::string kIdentity = " --cluster 6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4 --home-id 1";

}  // namespace lastword::test
