// Two lastword clones at one thin pool, which has one metadata snapshot: the second one waits.
#include "agent/transfer/thin_lock.h"

#include <boost/test/unit_test.hpp>
#include <optional>

#include "agent/transfer/thin_list.h"
#include "tests/agent/transfer/fake_lvm.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

struct Fixture {
  fake::FakeLvm lvm;
  std::optional<FileDescriptor> other;  // of another command

  Fixture() { lvm.create("one", 4); }
  void other_has_it() {
    auto lock = lock_metadata_snapshot(lvm, lvm.place);
    BOOST_REQUIRE(fake::ok(lock));
    other.emplace(std::move(*lock));
  }
  Result<LvmPool> pool() { return examine_thin_pool(lvm, lvm.place); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_lock, Fixture)

BOOST_AUTO_TEST_CASE(list_waits_for_a_metadata_snapshot_of_ours) {
  other_has_it();
  lvm.held = true;
  int pauses = 0;
  lvm.while_paused = [&] {
    BOOST_TEST(lvm.done.empty());
    if (++pauses < 3) return;
    lvm.held = false;
    other.reset();
  };
  BOOST_TEST(fake::ok(list_thin_pool(lvm, lvm.place)));
  BOOST_TEST(pauses == 3);
  BOOST_TEST(!lvm.held);
}

BOOST_AUTO_TEST_CASE(it_does_not_wait_for_ever) {
  other_has_it();
  lvm.held = true;
  const auto list = list_thin_pool(lvm, lvm.place);
  BOOST_TEST_REQUIRE(fake::fails(list, Code::kRefused));
  const std::string told = describe(list.error());
  BOOST_TEST(told.find("another lastword clone has had its metadata snapshot") != told.npos, told);
  BOOST_TEST((lvm.paused == kLongestMetadataWait));
  BOOST_TEST(lvm.done.empty());
  BOOST_TEST(lvm.held);
}

BOOST_AUTO_TEST_CASE(one_that_is_not_ours_is_not_waited_for_nor_released) {
  lvm.held = true;
  const auto list = list_thin_pool(lvm, lvm.place);
  BOOST_TEST_REQUIRE(fake::fails(list, Code::kRefused));
  BOOST_TEST(describe(list.error()).find("somebody else") != std::string::npos);
  BOOST_TEST(lvm.paused.count() == 0);
  BOOST_TEST(lvm.done.empty());
  BOOST_TEST(lvm.held);
}

BOOST_AUTO_TEST_CASE(lock_is_held_until_it_is_released_and_free_afterwards) {
  bool free_meanwhile = false;
  lvm.before = [&](const std::string&) {
    const auto lock = lock_metadata_snapshot(lvm, lvm.place);
    free_meanwhile = free_meanwhile || lock.has_value();
  };
  BOOST_TEST(fake::ok(list_thin_pool(lvm, lvm.place)));
  BOOST_TEST(lvm.done.size() == 3U);
  BOOST_TEST(!free_meanwhile);
  lvm.paused = {};
  BOOST_TEST(fake::ok(lock_metadata_snapshot(lvm, lvm.place)));
  BOOST_TEST(lvm.paused.count() == 0);
}

// Before a transfer, while a list is made: it is no reason to refuse.
BOOST_AUTO_TEST_CASE(somebody_else_is_told_from_another_lastword) {
  const auto known = pool();
  BOOST_REQUIRE(fake::ok(known));
  other_has_it();
  lvm.held = true;
  lvm.while_paused = [&] {
    lvm.held = false;
    other.reset();
  };
  const auto ours = is_held(lvm, *known);
  BOOST_REQUIRE(fake::ok(ours));
  BOOST_TEST(!*ours);
  lvm.held = true;
  const auto theirs = is_held(lvm, *known);
  BOOST_REQUIRE(fake::ok(theirs));
  BOOST_TEST(*theirs);
}

BOOST_AUTO_TEST_CASE(pools_do_not_share_a_lock) {
  const auto first = lock_thin_pool(lvm, {.group = "a-b", .pool = "c"});
  BOOST_TEST(fake::ok(first));
  BOOST_TEST(fake::ok(lock_thin_pool(lvm, {.group = "a", .pool = "b-c"})));
  BOOST_TEST(fake::fails(lock_thin_pool(lvm, {.group = "a-b", .pool = "c"}), Code::kRefused));
  BOOST_TEST(fake::ok(lock_metadata_snapshot(lvm, {.group = "a-b", .pool = "c"})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
