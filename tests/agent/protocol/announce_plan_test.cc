#include "agent/protocol/announce_plan.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {
namespace {

using Paths = std::vector<std::string>;

// Two disks of the service, of which none is held.
AnnouncePlan two_disks() {
  AnnouncePlan plan;
  plan.expect("/dev/sda");
  plan.expect("/dev/sdb");
  return plan;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(announce_plan)

BOOST_AUTO_TEST_CASE(first_announcement_names_what_is_held_and_what_is_missing) {
  auto plan = two_disks();
  BOOST_TEST(plan.over());
  const auto told = plan.held({"/dev/sda"});
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->held == Paths{"/dev/sda"}));
  BOOST_TEST((told->fresh == Paths{"/dev/sda"}));
  BOOST_TEST((told->missing == Paths{"/dev/sdb"}));
  BOOST_TEST(!plan.over());
}

BOOST_AUTO_TEST_CASE(what_comes_while_the_hook_is_at_work_is_told_together_afterwards) {
  auto plan = two_disks();
  plan.expect("/dev/sdc");
  BOOST_TEST(plan.held({"/dev/sda"}).has_value());
  BOOST_TEST(!plan.held({"/dev/sdc"}).has_value());
  BOOST_TEST(!plan.held({"/dev/sdb"}).has_value());
  const auto told = plan.hook_ended(1);
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->held == Paths{"/dev/sda", "/dev/sdb", "/dev/sdc"}));
  BOOST_TEST((told->fresh == Paths{"/dev/sdb", "/dev/sdc"}));
  BOOST_TEST(told->missing.empty());
  BOOST_TEST(!plan.hook_ended(2).has_value());
  BOOST_TEST(plan.over());
}

BOOST_AUTO_TEST_CASE(disk_that_a_hook_has_acknowledged_before_is_not_told_again) {
  AnnouncePlan plan;
  plan.expect("/dev/sda", true);
  plan.expect("/dev/sdb");
  BOOST_TEST(!plan.held({"/dev/sda"}).has_value());
  BOOST_TEST(plan.over());
  const auto told = plan.held({"/dev/sdb"});
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->held == Paths{"/dev/sda", "/dev/sdb"}));
  BOOST_TEST((told->fresh == Paths{"/dev/sdb"}));
}

BOOST_AUTO_TEST_CASE(acknowledged_disk_is_told_again_where_it_was_lost_or_may_be_stale) {
  AnnouncePlan lost;
  lost.expect("/dev/sda", true);
  lost.lost("/dev/sda");
  BOOST_TEST(lost.held({"/dev/sda"}).has_value());
  AnnouncePlan stale;
  stale.expect("/dev/sda", true);
  stale.set_stale("/dev/sda", true);
  BOOST_TEST(stale.held({"/dev/sda"}).has_value());
}

BOOST_AUTO_TEST_CASE(hook_that_was_given_up_and_ends_late_does_not_end_the_next_one) {
  auto plan = two_disks();
  const auto first = plan.held({"/dev/sda"});
  BOOST_TEST(!plan.held({"/dev/sdb"}).has_value());
  const auto second = plan.hook_ended(first->number);
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST((second->fresh == Paths{"/dev/sdb"}));
  BOOST_TEST(!plan.hook_ended(first->number).has_value());
  BOOST_TEST(!plan.over());
  BOOST_TEST(!plan.hook_ended(second->number).has_value());
  BOOST_TEST(plan.over());
}

BOOST_AUTO_TEST_CASE(disk_whose_cache_could_not_be_dropped_is_told_of_as_long_as_it_is_held_so) {
  auto plan = two_disks();
  plan.set_stale("/dev/sda", true);
  plan.set_stale("/dev/sdx", true);
  const auto first = plan.held({"/dev/sda"});
  BOOST_TEST((first->stale == Paths{"/dev/sda"}));
  BOOST_TEST((first->missing == Paths{"/dev/sdb"}));
  const auto second = plan.held({"/dev/sdb"});
  BOOST_TEST(!second.has_value());
  BOOST_TEST((plan.hook_ended(first->number)->stale == Paths{"/dev/sda"}));
  plan.lost("/dev/sda");
  plan.set_stale("/dev/sda", false);
  BOOST_TEST(!plan.held({"/dev/sda"}).has_value());
  BOOST_TEST(plan.hook_ended(2)->stale.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_announced_without_a_disk_that_is_new) {
  auto plan = two_disks();
  BOOST_TEST(!plan.held({}).has_value());
  BOOST_TEST(plan.over());
}

BOOST_AUTO_TEST_CASE(disk_that_another_node_took_is_missing_again) {
  auto plan = two_disks();
  BOOST_TEST(plan.held({"/dev/sda"}).has_value());
  plan.lost("/dev/sda");
  BOOST_TEST(!plan.hook_ended(1).has_value());
  const auto told = plan.held({"/dev/sdb"});
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->held == Paths{"/dev/sdb"}));
  BOOST_TEST((told->missing == Paths{"/dev/sda"}));
}

BOOST_AUTO_TEST_CASE(people_read_what_is_new_and_what_is_missing) {
  BOOST_TEST(describe(Announcement{.held = {"a", "b"}, .fresh = {"b"}, .missing = {"c", "d"}}) ==
             "2 disks, new: b, still without: c d");
  BOOST_TEST(describe(Announcement{.held = {"a"}, .fresh = {"a"}, .missing = {}}) ==
             "1 disk, new: a");
  BOOST_TEST(describe(Announcement{.held = {"a"}, .fresh = {"a"}, .missing = {}, .stale = {"a"}}) ==
             "1 disk, new: a, perhaps stale in the page cache: a");
}

BOOST_AUTO_TEST_CASE(disk_that_is_reserved_and_cannot_be_read_is_missing_and_named) {
  auto plan = two_disks();
  plan.unreadable("/dev/sdb");
  const auto first = plan.held({"/dev/sda"});
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST((first->held == Paths{"/dev/sda"}));
  BOOST_TEST((first->missing == Paths{"/dev/sdb"}));
  BOOST_TEST((first->unreadable == Paths{"/dev/sdb"}));
  BOOST_TEST(describe(*first) ==
             "1 disk, new: /dev/sda, still without: /dev/sdb, of which reserved and not readable: "
             "/dev/sdb");
  BOOST_TEST(!plan.hook_ended(1).has_value());
  const auto healed = plan.held({"/dev/sdb"});
  BOOST_TEST_REQUIRE(healed.has_value());
  BOOST_TEST((healed->fresh == Paths{"/dev/sdb"}));
  BOOST_TEST(healed->missing.empty());
  BOOST_TEST(healed->unreadable.empty());
}

BOOST_AUTO_TEST_CASE(service_that_is_to_be_whole_is_told_of_when_nothing_is_missing) {
  AnnouncePlan plan(true);
  plan.expect("/dev/sda");
  plan.expect("/dev/sdb");
  BOOST_TEST(!plan.held_back().has_value());
  BOOST_TEST(!plan.held({"/dev/sda"}).has_value());
  BOOST_TEST(plan.over());
  const auto back = plan.held_back();
  BOOST_TEST_REQUIRE(back.has_value());
  BOOST_TEST((back->fresh == Paths{"/dev/sda"}));
  BOOST_TEST((back->missing == Paths{"/dev/sdb"}));
  plan.unreadable("/dev/sdb");
  BOOST_TEST((plan.held_back()->unreadable == Paths{"/dev/sdb"}));
  const auto told = plan.held({"/dev/sdb"});
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->fresh == Paths{"/dev/sda", "/dev/sdb"}));
  BOOST_TEST(!plan.held_back().has_value());
}

BOOST_AUTO_TEST_CASE(disk_that_has_another_path_now_is_not_waited_for_under_the_old_one) {
  AnnouncePlan plan(true);
  plan.expect("/dev/sda");
  plan.forget("/dev/sda");
  plan.expect("/dev/sdc");
  BOOST_TEST(plan.held({"/dev/sdc"}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
