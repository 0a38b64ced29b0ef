// `lastword` as an operator runs it on an image. LASTWORD_PROGRAM is its path.
#pragma once

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/image_file.h"

namespace lastword::test {

inline constexpr std::uint64_t kMiB = 1 << 20;
inline constexpr std::uint64_t kSize = 32 * kMiB;
inline constexpr const char* kIdentity =
    " --cluster 6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4 --home-id 1";

struct Outcome {
  int status;
  std::string output;  // both streams
};

inline Outcome run(const std::string& arguments) {
  const ImageFile place(0);
  const auto file = place.directory() / "output";
  const std::string command =
      std::string(LASTWORD_PROGRAM) + " " + arguments + " >" + file.string() + " 2>&1";
  const int status = std::system(command.c_str());
  std::ifstream stream(file);
  const std::string output(std::istreambuf_iterator<char>(stream), {});
  BOOST_TEST_MESSAGE(arguments << "\n" << output);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

inline bool contains(const Outcome& outcome, std::string_view part) {
  return outcome.output.find(part) != outcome.output.npos;
}

inline Outcome label(const std::string& arguments) {
  return run("label " + arguments + kIdentity);
}

}  // namespace lastword::test
