// A snapshot of a thin pool by the commands that make it: all volumes at one moment, or none of it.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/thin_snapshot.h"
#include "agent/transfer/thin_store.h"
#include "tests/agent/transfer/fake_lvm.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword {
namespace {

// A program that writes its next number to each volume, one after the other, and waits for the
// write before it: at any moment no volume is ahead of the one before it.
class Writer {
 public:
  Writer(fake::FakeLvm& lvm, std::vector<std::string> volumes)
      : lvm_(lvm), volumes_(std::move(volumes)) {}
  void write_some() {
    for (int i = 0; i < 2; ++i) {
      if (lvm_.suspended.contains(volumes_[at_])) return;  // it waits
      lvm_.fill(volumes_[at_], 0);
      at_ = (at_ + 1) % volumes_.size();
    }
  }

 private:
  fake::FakeLvm& lvm_;
  const std::vector<std::string> volumes_;
  std::size_t at_ = 0;
};

struct Fixture {
  fake::FakeLvm lvm;
  test::VirtualExecutor executor;

  Fixture() {
    for (const char* name : {"a", "b", "c"}) lvm.create(name, 2, true);
    lvm.create("idle", 2);
  }
  Result<pb::CloneSnapshot> take() { return take_thin_snapshot(lvm, lvm.place, executor); }
  [[nodiscard]] std::size_t place_of(std::string_view beginning, bool last) const {
    std::size_t found = lvm.done.size();
    for (std::size_t i = 0; i < lvm.done.size(); ++i) {
      if (!lvm.done[i].starts_with(beginning)) continue;
      if (last || found == lvm.done.size()) found = i;
    }
    return found;
  }
  std::string word_in(const std::string& volume) { return lvm.content_of(volume).substr(0, 16); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_moment, Fixture)

BOOST_AUTO_TEST_CASE(all_stand_still_before_the_first_is_made_and_until_the_last_is) {
  const auto taken = take();
  BOOST_REQUIRE(fake::ok(taken));
  BOOST_TEST(taken->at_one_point());
  BOOST_TEST(lvm.count("suspend ") == 3);
  BOOST_TEST(lvm.count("create_snap ") == 4);
  BOOST_TEST(lvm.count("resume ") == 3);
  BOOST_TEST(place_of("suspend ", true) < place_of("create_snap ", false));
  BOOST_TEST(place_of("create_snap ", true) < place_of("resume ", false));
  BOOST_TEST(lvm.suspended.empty());
  BOOST_TEST(!lvm.torn);
}

BOOST_AUTO_TEST_CASE(what_is_written_in_order_is_kept_in_order) {
  Writer writer(lvm, {"a", "b", "c"});
  lvm.before = [&](const std::string&) { writer.write_some(); };
  const auto taken = take();
  BOOST_REQUIRE(fake::ok(taken));
  const std::string a = word_in(member_name(taken->uuid(), 0));
  const std::string b = word_in(member_name(taken->uuid(), 1));
  const std::string c = word_in(member_name(taken->uuid(), 2));
  BOOST_TEST(!lvm.torn);
  // Of one turn each is one more than the one before; who is a turn behind, is two less.
  BOOST_TEST((b < a ? std::stoull(a) - std::stoull(b) == 2 : std::stoull(b) - std::stoull(a) == 1));
  BOOST_TEST((c < b ? std::stoull(b) - std::stoull(c) == 2 : std::stoull(c) - std::stoull(b) == 1));
}

BOOST_AUTO_TEST_CASE(snapshot_is_read_only_and_known_as_a_whole) {
  lvm.fill("b", 1);
  const auto taken = take();
  BOOST_REQUIRE(fake::ok(taken));
  BOOST_TEST(taken->volumes_size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const LvmVolume* const member = lvm.find(member_name(taken->uuid(), i));
    BOOST_REQUIRE(member != nullptr);
    BOOST_TEST(!member->writable);
    BOOST_TEST(!member->active);
    BOOST_TEST(tag_value(member->tags, kSnapshotTag) == taken->uuid());
    const std::string& name = taken->volumes(static_cast<int>(i)).name();
    BOOST_TEST((lvm.content_of(member->name) == lvm.content_of(name)));
  }
  BOOST_TEST(!lvm.find(record_name(taken->uuid()))->active);
  BOOST_TEST(tag_value(lvm.tags, kSetTag) == taken->set_uuid());
  const auto pool = examine_thin_pool(lvm, lvm.place);
  const auto loaded = load_thin_snapshot(lvm, *pool, taken->uuid());
  BOOST_REQUIRE(fake::ok(loaded));
  const auto maps = read_maps(lvm, *pool);
  BOOST_TEST(fake::ok(check_unmodified(*loaded, *maps)));

  const auto second = take();
  BOOST_REQUIRE(fake::ok(second));
  BOOST_TEST(second->set_uuid() == taken->set_uuid());
}

// Whichever command fails, nothing stands still afterwards, and the next snapshot removes the rest.
BOOST_AUTO_TEST_CASE(after_any_failure_nothing_stands_still) {
  int failures = 0;
  for (int step = 1;; ++step) {
    Fixture one;
    const std::string before = one.lvm.state();
    one.lvm.fail_at = step;
    const auto taken = one.take();
    if (taken) break;
    ++failures;
    const std::string failed = one.lvm.done[static_cast<std::size_t>(step) - 1];
    BOOST_TEST_CONTEXT("with an error at: " << failed) {
      if (failed.starts_with("resume ")) {
        BOOST_TEST(describe(taken.error()).find("STAYS SUSPENDED") != std::string::npos);
        BOOST_TEST(one.lvm.suspended.size() == 1U);
        BOOST_TEST(one.lvm.count("resume ") == 3);
      } else {
        BOOST_TEST(one.lvm.suspended.empty());
      }
      if (failed == "release_metadata_snap") one.lvm.held = false;
      const auto pool = examine_thin_pool(one.lvm, one.lvm.place);
      BOOST_TEST(whole_snapshots(*pool).empty());
      BOOST_TEST(fake::ok(sweep_thin_pool(one.lvm, *pool)));
      BOOST_TEST(one.lvm.state() == before);
    }
  }
  // Of three metadata snapshots, and whatever is made.
  BOOST_TEST(failures > 20);
}

BOOST_AUTO_TEST_CASE(volume_that_was_activated_meanwhile_stands_still_as_well) {
  lvm.before = [&](const std::string& command) {
    if (command.starts_with("lvcreate")) lvm.find("idle")->active = true;
  };
  BOOST_REQUIRE(fake::ok(take()));
  BOOST_TEST(lvm.count("suspend idle") == 1);
  BOOST_TEST(!lvm.torn);
  BOOST_TEST(lvm.suspended.empty());
}

BOOST_AUTO_TEST_CASE(volume_that_was_removed_meanwhile_ends_it) {
  lvm.before = [&](const std::string& command) {
    if (command.starts_with("lvcreate") && command.ends_with("-3")) {
      std::erase_if(lvm.volumes, [](const LvmVolume& one) { return one.name == "b"; });
    }
  };
  const auto taken = take();
  BOOST_TEST_REQUIRE(fake::fails(taken, Code::kRefused));
  BOOST_TEST(describe(taken.error()).find("take it again") != std::string::npos);
  BOOST_TEST(lvm.count("suspend ") == 0);
}

// LVM makes it at one moment by itself.
BOOST_AUTO_TEST_CASE(single_volume_is_not_suspended_by_us) {
  std::erase_if(lvm.volumes, [](const LvmVolume& one) { return one.name != "a"; });
  BOOST_REQUIRE(fake::ok(take()));
  BOOST_TEST(lvm.count("suspend ") == 0);
  BOOST_TEST(lvm.count("create_snap ") == 0);
}

BOOST_AUTO_TEST_CASE(pool_that_takes_no_writes_is_refused) {
  const std::string before = lvm.state();
  lvm.mode = "ro";
  BOOST_TEST(fake::fails(take(), Code::kRefused));
  lvm.mode = "rw";
  lvm.fill("a", 0);
  lvm.data_all = 1;
  BOOST_TEST(fake::fails(take(), Code::kRefused));
  BOOST_TEST(lvm.state() == before);
  lvm.data_all = 4096;
  lvm.volumes.clear();
  BOOST_TEST(fake::fails(take(), Code::kRefused));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
