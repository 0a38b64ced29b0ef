// A snapshot comes into its set whole, wherever the machine stops: each state that a power cut may
// leave is made by hand, and whoever comes next finishes it or removes it.
#include "agent/transfer/publication.h"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "agent/base/json.h"
#include "agent/transfer/clone_store.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

const std::string kSnapshot = "11111111-1111-4111-8111-111111111111";
const std::string kOlder = "22222222-2222-4222-8222-222222222222";
const std::string kSet = "33333333-3333-4333-8333-333333333333";

pb::CloneSnapshot named(const std::string& uuid) {
  pb::CloneSnapshot snapshot;
  snapshot.set_uuid(uuid);
  snapshot.set_set_uuid(kSet);
  return snapshot;
}

struct Fixture {
  test::TestFolder folder;
  const std::string root = folder.file("pool");
  const std::string hidden = root + "/.lastword";
  const std::string incoming = hidden + "/incoming-" + kSnapshot;
  const std::string set = root + "/db";

  Fixture() { fs::create_directories(root); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  void stage() { put(incoming + "/vm", "new"); }
  void record(const std::string& into = "db") {
    pb::ClonePublication record;
    record.set_snapshot_uuid(kSnapshot);
    record.set_set_uuid(kSet);
    record.set_set(into);
    fs::create_directories(hidden);
    BOOST_REQUIRE(fake::ok(save_json(hidden + "/publish.json", record)));
  }
  void older_is_there() {
    put(set + "/snapshots/" + kOlder + "/vm", "old");
    fs::create_symlink(kOlder, set + "/snapshots/latest");
    BOOST_REQUIRE(fake::ok(keep_set_uuid(set, kSet)));
  }
  void published() {
    BOOST_TEST(fs::exists(set + "/snapshots/" + kSnapshot + "/vm"));
    BOOST_TEST(*newest_snapshot(set) == kSnapshot);
    BOOST_TEST(*load_set_uuid(set) == kSet);
    BOOST_TEST(!fs::exists(hidden + "/publish.json"));
    BOOST_TEST(!fs::exists(incoming));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(publication, Fixture)

BOOST_AUTO_TEST_CASE(staged_snapshot_appears_in_a_new_set) {
  auto area = StagingArea::open(root, named(kSnapshot));
  BOOST_REQUIRE(fake::ok(area));
  put(area->directory() + "/vm", "new");
  BOOST_TEST(!fs::exists(set));
  BOOST_TEST(fake::ok(area->publish("db", kSet)));
  published();
}

// What may go wrong then does not say that it is lost.
BOOST_AUTO_TEST_CASE(error_behind_the_record_says_that_it_will_be_published) {
  auto area = StagingArea::open(root, named(kSnapshot));
  BOOST_REQUIRE(fake::ok(area));
  put(area->directory() + "/vm", "new");
  put(set, "a file where the set is to be");
  const Status status = area->publish("db", kSet);
  BOOST_REQUIRE(!status);
  const std::string told = describe(status.error());
  BOOST_TEST(told.find("lastword clone abort " + root) != told.npos, told);
  fs::remove(set);
  BOOST_TEST(fake::ok(roll_forward(root)));
  published();
}

BOOST_AUTO_TEST_CASE(what_was_not_published_is_removed) {
  {
    auto area = StagingArea::open(root, named(kSnapshot));
    put(area->directory() + "/vm", "new");
  }
  BOOST_TEST(!fs::exists(incoming));
  stage();  // as after a kill
  BOOST_TEST(*remove_staged(root));
  BOOST_TEST(!*remove_staged(root));
  BOOST_TEST(!fs::exists(incoming));
}

BOOST_AUTO_TEST_CASE(stopped_before_the_record_readers_have_the_old_set) {
  older_is_there();
  stage();
  BOOST_TEST(*remove_staged(root));
  BOOST_TEST(*newest_snapshot(set) == kOlder);
  BOOST_TEST(!fs::exists(set + "/snapshots/" + kSnapshot));
}

BOOST_AUTO_TEST_CASE(stopped_behind_the_record_it_is_finished) {
  older_is_there();
  stage();
  record();
  BOOST_TEST(fake::ok(roll_forward(root)));
  published();
  BOOST_TEST(fs::exists(set + "/snapshots/" + kOlder + "/vm"));
}

BOOST_AUTO_TEST_CASE(stopped_behind_the_move_it_is_finished) {
  older_is_there();
  put(set + "/snapshots/" + kSnapshot + "/vm", "new");
  record();
  BOOST_TEST(fake::ok(roll_forward(root)));
  published();
}

BOOST_AUTO_TEST_CASE(stopped_behind_the_link_it_is_finished) {
  older_is_there();
  put(set + "/snapshots/" + kSnapshot + "/vm", "new");
  fs::remove(set + "/snapshots/latest");
  fs::create_symlink(kSnapshot, set + "/snapshots/latest");
  fs::create_symlink(kSnapshot, set + "/snapshots/.latest.new");
  record();
  BOOST_TEST(fake::ok(roll_forward(root)));
  published();
}

BOOST_AUTO_TEST_CASE(next_command_finishes_and_does_not_sweep_it_away) {
  stage();
  record();
  auto area = StagingArea::open(root, named(kOlder));
  BOOST_REQUIRE(fake::ok(area));
  published();
}

BOOST_AUTO_TEST_CASE(set_that_is_the_root_itself) {
  stage();
  record(".");
  BOOST_TEST(fake::ok(roll_forward(root)));
  BOOST_TEST(fs::exists(root + "/snapshots/" + kSnapshot + "/vm"));
}

BOOST_AUTO_TEST_CASE(record_that_is_damaged_stays_for_a_person) {
  for (const char* into : {"../elsewhere", "", "a/b"}) {
    stage();
    record(into);
    BOOST_TEST(fake::fails(roll_forward(root), Code::kCorrupt));
    BOOST_TEST(fake::fails(StagingArea::open(root, named(kOlder)), Code::kCorrupt));
    BOOST_TEST(fs::exists(incoming + "/vm"));
  }
  put(hidden + "/publish.json", "no json");
  BOOST_TEST(fake::fails(roll_forward(root), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(record_of_something_that_is_gone) {
  record();
  BOOST_TEST(fake::fails(roll_forward(root), Code::kCorrupt));
  BOOST_TEST(fs::exists(hidden + "/publish.json"));
}

BOOST_AUTO_TEST_CASE(two_at_a_time) {
  const auto first = StagingArea::open(root, named(kSnapshot));
  BOOST_TEST(fake::fails(StagingArea::open(root, named(kOlder)), Code::kRefused));
  BOOST_TEST(fake::fails(remove_staged(root), Code::kRefused));
}

// Two pushes of one set to two servers end at the same moment.
BOOST_AUTO_TEST_CASE(what_several_say_of_other_servers_is_all_kept) {
  constexpr int kServers = 6;
  fs::create_directories(set);
  std::vector<pid_t> children;
  for (int i = 0; i < kServers; ++i) {
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      bool good = true;
      for (int turn = 0; turn < 20; ++turn) {
        const std::string& uuid = turn % 2 == 0 ? kOlder : kSnapshot;
        good = good && note_common(set, "server" + std::to_string(i), uuid).has_value();
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
  }
  const auto known = common_snapshots(set);
  BOOST_REQUIRE(fake::ok(known));
  BOOST_TEST(*known == std::vector<std::string>(kServers, kSnapshot),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
