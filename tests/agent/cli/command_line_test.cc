// What a person reads who typed something wrong, or the right thing without being root.
#include <unistd.h>

#include "proto/error.h"
#include "tests/agent/cli/programs.h"
#include "tests/support/image_file.h"

namespace lastword::test {
namespace {

constexpr std::uint64_t kSize = 32 << 20;
// As a user who may write nothing.
constexpr const char* kAsNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups ";

}  // namespace

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_AUTO_TEST_CASE(mistyped_word_is_named_with_the_nearest) {
  const Outcome command = lastword("recov x");
  BOOST_TEST(command.status == kExitUsage);
  BOOST_TEST(contains(command.errors, "unknown command recov; did you mean recover?"));
  const Outcome option = lastword("label --rol spare x");
  BOOST_TEST(option.status == kExitUsage);
  BOOST_TEST(contains(option.errors, "unknown option --rol; did you mean --role?"));
}

#ifdef LASTWORD_DUMP_PROGRAM
BOOST_AUTO_TEST_CASE(dump_writer_names_an_unknown_option_and_knows_h) {
  const Outcome bogus = run(LASTWORD_DUMP_PROGRAM " --bogus");
  BOOST_TEST(bogus.status == kExitUsage);
  BOOST_TEST(contains(bogus.errors, "unknown option --bogus"));
  const Outcome help = run(LASTWORD_DUMP_PROGRAM " -h");
  BOOST_TEST(help.status == kExitOk);
  BOOST_TEST(contains(help.output, "Usage: lastword-dump"));
}
#endif

BOOST_AUTO_TEST_CASE(choices_are_shown_as_they_are_typed) {
  const Outcome help = lastword("recover -h");
  BOOST_TEST(help.status == kExitOk);
  BOOST_TEST(contains(help.output, "--format kdump|elf"));
  BOOST_TEST(!contains(help.output, "->"));
}

BOOST_AUTO_TEST_CASE(help_holds_no_word_of_the_parser_itself) {
  for (const char* command :
       {"", "config", "label", "inspect", "start", "stop", "candidates", "arm", "disarm", "check",
        "agent", "takeover", "giveback", "recover"}) {
    const Outcome help = lastword(std::string(command) + " --help");
    BOOST_TEST(help.status == kExitOk);
    for (const char* riddle : {"TEXT", "UINT", "Excludes", "REQUIRED"}) {
      BOOST_TEST(!contains(help.output, riddle), riddle << " in " << help.output);
    }
  }
}

BOOST_AUTO_TEST_CASE(messages_hold_no_word_of_the_program_itself) {
  for (const char* arguments :
       {"recover /nowhere", "inspect /nowhere", "check --config /nowhere"}) {
    const Outcome outcome = lastword(arguments);
    BOOST_TEST(contains(outcome.errors, "/nowhere: "));
    for (const char* word : {"not found", "usage", "I/O error"}) {
      BOOST_TEST(!contains(outcome.errors, word));
    }
  }
  BOOST_TEST(lastword("recover /nowhere").errors ==
             "lastword: /nowhere: open: No such file or directory\n");
}

BOOST_AUTO_TEST_CASE(what_only_root_may_do_says_so) {
  const std::string program = (::geteuid() == 0 ? kAsNobody : "") + std::string(LASTWORD_PROGRAM);
  if (run(program + " --version").status != 0) {
    BOOST_TEST_MESSAGE("not tested: nobody may not run a program here");
    return;
  }
  const Outcome config = run(program + " --config /x config --init --node a --partner b");
  BOOST_TEST(contains(config.errors, "/x.new: create: Permission denied: run as root\n"));
  const Outcome recovered = run(program + " recover /proc/1/environ");
  BOOST_TEST(contains(recovered.errors, "Permission denied"));
  BOOST_TEST(contains(recovered.errors, "or run as root"));
}

BOOST_AUTO_TEST_CASE(upper_case_cluster_uuid_is_taken_and_made_lower_case) {
  const ImageFile image(kSize);
  const Outcome labelled = lastword("label --role mailbox " + image.path() +
                                    " --cluster 6F1ED002-AB59-5CB6-9F3C-0D8E5AC1B7A4");
  BOOST_TEST(labelled.status == kExitOk);
  const Outcome shown = lastword("inspect " + image.path());
  BOOST_TEST(contains(shown.output, "cluster_uuid: \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\""));
  const Outcome again = lastword("label --role mailbox " + image.path() +
                                 " --cluster 6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4");
  BOOST_TEST(contains(again.output, "nothing to do"));
}

BOOST_AUTO_TEST_CASE(inspect_says_sizes_and_times_for_people_and_raw_in_json) {
  const ImageFile image(kSize);
  BOOST_TEST_REQUIRE(lastword("label --role spare " + image.path() + kIdentity).status == kExitOk);
  const Outcome text = lastword("inspect " + image.path());
  BOOST_TEST(contains(text.output, "image file, 33554432 bytes (32.0 MiB)"));
  BOOST_TEST(contains(text.output, "data_offset_bytes: 2097152  # 2.0 MiB"));
  BOOST_TEST(contains(text.output, "written_unix_ms: "));
  BOOST_TEST(contains(text.output, "  # 2"));
  BOOST_TEST(contains(text.output, " UTC\n"));
  const Outcome json = lastword("inspect --json " + image.path());
  BOOST_TEST(contains(json.output, "\"size_bytes\": 33554432,"));
  BOOST_TEST(contains(json.output, "\"data_offset_bytes\": 2097152,"));
  BOOST_TEST(!contains(json.output, " UTC"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
