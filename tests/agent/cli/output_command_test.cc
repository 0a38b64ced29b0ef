// The programs where their standard files are not as they should be.
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "proto/error.h"
#include "tests/support/image_file.h"

namespace lastword::test {
namespace {

constexpr std::uint64_t kSize = 32 << 20;
const std::string kProgram = LASTWORD_PROGRAM;
const std::string kIdentity = " --cluster 6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4 --home-id 1";

int status_of(const std::string& command) {
  const int status = std::system(command.c_str());
  BOOST_TEST_MESSAGE(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(output_command)

BOOST_AUTO_TEST_CASE(output_that_fails_is_an_error_everywhere) {
  const ImageFile image(kSize);
  BOOST_TEST_REQUIRE(status_of(kProgram + " label --role spare " + image.path() + kIdentity +
                               " >/dev/null") == kExitOk);
  const ImageFile errors(0);
  for (const std::string output : {" >/dev/full", " >&-"}) {
    const auto fails = [&](const std::string& command) {
      BOOST_TEST(status_of(command + output + " 2>" + errors.path()) == kExitIo);
      BOOST_TEST(errors.content().find("standard output") != std::string::npos, errors.content());
    };
    fails(kProgram + " inspect " + image.path());
    fails(kProgram + " inspect --json " + image.path());
    fails(kProgram + " --version");
    fails(kProgram + " --help");
#ifdef LASTWORD_DUMP_PROGRAM
    fails(std::string(LASTWORD_DUMP_PROGRAM) + " --help");
    fails(std::string(LASTWORD_DUMP_PROGRAM) + " --version");
#endif
  }
}

BOOST_AUTO_TEST_CASE(closed_output_is_no_error_of_a_command_that_prints_nothing) {
  const ImageFile image(kSize);
  const std::string refused = kProgram + " label --role spare " + image.path();  // by whom?
  BOOST_TEST(status_of(refused + " >&- 2>/dev/null") == kExitUsage);
}

BOOST_AUTO_TEST_CASE(closed_standard_files_never_become_the_disk) {
  const ImageFile image(kSize);
  const ImageFile wanted(kSize);
  // An objection is printed while the image is open for writing.
  for (const ImageFile* one : {&image, &wanted}) one->write(1080, std::string("\x53\xef"));
  const std::string arguments =
      " label --role mailbox --cluster "
      "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4 ";
  BOOST_TEST(status_of(kProgram + arguments + image.path() + " --force " + image.path() +
                       " <&- >&- 2>&-") == kExitIo);  // it was labelled, but could not say so
  BOOST_TEST(status_of(kProgram + " inspect " + image.path() + " >/dev/null") == kExitOk);
  BOOST_TEST(image.content().find("labelled as") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(message_that_cannot_be_written_changes_no_status) {
  const ImageFile image(kSize);
  image.write(1080, std::string("\x53\xef"));
  const std::string refused = kProgram + " label --role spare " + image.path() + kIdentity;
  for (const std::string errors : {" 2>/dev/null", " 2>/dev/full", " 2>&-"}) {
    BOOST_TEST(status_of(refused + errors) == kExitRefused);
  }
}

BOOST_AUTO_TEST_CASE(home_by_name_needs_a_configuration) {
  const ImageFile image(kSize);
  BOOST_TEST(status_of(kProgram + " label --role spare --home beta " + image.path() + kIdentity +
                       " 2>/dev/null") == kExitUsage);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
