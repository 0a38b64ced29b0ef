// `lastword history` on a machine without a disk of the cluster.
#include <filesystem>

#include "proto/error.h"
#include "tests/agent/cli/programs.h"

namespace lastword::test {
namespace {

struct Remembering {
  Remembering() {
    std::ofstream(path) << "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\nnode = \"alpha\"\n"
                        << "[nodes.alpha]\nid = 1\n[nodes.beta]\nid = 2\n[paths]\nstate = \""
                        << folder.file("run") << "\"\npersistent = \"" << folder.file("lib")
                        << "\"\n";
    std::filesystem::create_directory(folder.file("lib"));
  }
  void keep(const std::string& lines) const {
    std::ofstream(folder.file("lib/history-1")) << lines;
  }
  [[nodiscard]] Outcome history(const std::string& arguments = {}) const {
    return run(LASTWORD_PROGRAM " --config " + path + " history " + arguments);
  }

  TestFolder folder;
  std::string path = folder.file("lastword.toml");
};

constexpr const char* kTakeover =
    R"({"event":"partner-panicked","unix_ms":1700000002300,"monotonic_ms":2300,"boot_id":"b","disk":"/dev/sdb","detail":"beta","ago_ms":2300}
{"event":"disk-taken","unix_ms":1700000002400,"monotonic_ms":2400,"boot_id":"b","disk":"/dev/sda","detail":"service"}
{"event":"disk-taken","unix_ms":1700000002500,"monotonic_ms":2500,"boot_id":"b","disk":"/dev/sdc","detail":"service"}
{"event":"takeover-finished","unix_ms":1700000003000,"monotonic_ms":3000,"boot_id":"b","detail":"complete"}
{"event":"armed","unix_ms":1700000009000,"monotonic_ms":9000,"boot_id":"b","detail":"3 disks"}
{"event":"tor)";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(history_command, Remembering)

BOOST_AUTO_TEST_CASE(steps_have_their_times_from_the_panic_and_many_disks_are_one_line) {
  keep(kTakeover);
  const Outcome shown = history();
  BOOST_TEST(shown.status == kExitOk);
  for (const char* part :
       {"2023-11-14T22:13:20.000Z  takeover, from panic: complete\n", "+2.30 s partner-panicked",
        "+2.40 s disk-taken        2 disks  until +2.50 s", "+3.00 s takeover-finished",
        "2023-11-14T22:13:29.000Z  armed: 3 disks\n", "note: 1 lines of the file are torn"}) {
    BOOST_TEST(contains(shown.output, part), part << " in " << shown.output);
  }
  BOOST_TEST(contains(history("--json").output, "\"after_ms\": 2300"));
}

BOOST_AUTO_TEST_CASE(nothing_kept_is_said_and_not_drawn) {
  BOOST_TEST(contains(history().output, "Nothing has happened yet that is kept."));
  const Outcome drawn = history("--timeline " + folder.file("t.svg"));
  BOOST_TEST(drawn.status == kExitNo);
  BOOST_TEST(!std::filesystem::exists(folder.file("t.svg")));
}

BOOST_AUTO_TEST_CASE(picture_is_written_or_the_error_names_it) {
  keep(kTakeover);
  const Outcome drawn = history("--timeline " + folder.file("t.svg"));
  BOOST_TEST(drawn.status == kExitOk);
  BOOST_TEST(drawn.output == "");
  BOOST_TEST(contains(content_of(folder.file("t.svg")), "</svg>"));
  const Outcome failed = history("--timeline " + folder.file("none/t.svg"));
  BOOST_TEST(failed.status != kExitOk);
  BOOST_TEST(contains(failed.errors, "none/t.svg"));
}

BOOST_AUTO_TEST_CASE(file_that_cannot_be_read_is_an_error) {
  std::filesystem::create_directory(folder.file("lib/history-1"));
  const Outcome shown = history();
  BOOST_TEST(shown.status == kExitIo);
  BOOST_TEST(contains(shown.errors, "history-1"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
