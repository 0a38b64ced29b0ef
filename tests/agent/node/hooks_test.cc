// Hooks are programs of the operator; here they are shell scripts.
#include "agent/node/hooks.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

struct Script {
  explicit Script(const std::string& body) : path(folder.file("hook")) {
    std::ofstream(path) << "#!/bin/sh\n" << body;
    BOOST_TEST_REQUIRE(::chmod(path.c_str(), 0700) == 0);
  }
  [[nodiscard]] std::string output() const {
    std::ostringstream text;
    text << std::ifstream(folder.file("output")).rdbuf();
    return text.str();
  }
  TestFolder folder;
  std::string path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hooks)

BOOST_AUTO_TEST_CASE(hook_finds_its_input_in_its_environment_and_nothing_that_was_inherited) {
  const Script script(
      "echo \"$LASTWORD_EVENT|$LASTWORD_DETAIL|$LASTWORD_DISKS|$LASTWORD_NEW_DISKS|"
      "$LASTWORD_MISSING_DISKS|$HOOK_TEST\" > \"$(dirname \"$0\")/output\"\n");
  ::setenv("LASTWORD_DISKS", "/dev/old", 1);
  ::setenv("HOOK_TEST", "kept", 1);
  BOOST_TEST(fake::ok(run_hook(script.path, {.event = "service-taken",
                                             .detail = "2 disks",
                                             .disks = {"/dev/sda", "/dev/sdb"},
                                             .new_disks = {"/dev/sdb"},
                                             .missing_disks = {"/dev/sdc", "/dev/sdd"}})));
  ::unsetenv("LASTWORD_DISKS");
  BOOST_TEST(script.output() ==
             "service-taken|2 disks|/dev/sda /dev/sdb|/dev/sdb|/dev/sdc /dev/sdd|kept\n");
}

BOOST_AUTO_TEST_CASE(hook_that_ends_with_a_status_is_an_error_and_no_program_is_no_hook) {
  const Script script("exit 3\n");
  const Status status = run_hook(script.path, {.event = "service-taken", .detail = ""});
  BOOST_TEST(fake::fails(status, Code::kIo));
  BOOST_TEST(describe(status.error()).find("ended with status 3") != std::string::npos);
  BOOST_TEST(fake::ok(run_hook("", {.event = "service-taken", .detail = ""})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
