// Registrants that belong to neither node: with type 5 they write beside the owner.
#include "tests/agent/protocol/seize_fixture.h"

using namespace lastword;
using namespace lastword::test;

namespace {

const ReservationKey kStranger{0xdeadbeef};

// Alpha's disk, on which a third host has registered.
struct Visited : Owned {
  Visited() {
    settle(third);
    BOOST_REQUIRE(third.lun(0)->register_ignoring_existing(kStranger, false));
    BOOST_REQUIRE(write_block(third));
  }
  Nexus third = shelf.connect("third");
};

SeizeGoal goal_with(ForeignRegistrants foreign) {
  SeizeGoal goal = takeover_by_beta();
  goal.foreign = foreign;
  return goal;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(seize_foreign)

BOOST_AUTO_TEST_CASE(foreign_registrant_is_removed_once_the_disk_is_held_and_named) {
  for (const bool held : {true, false}) {
    Visited disk;
    if (!held) BOOST_REQUIRE(disk.alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
    SeizeNotes notes;
    BOOST_REQUIRE(seize(*disk.beta.lun(0), goal_with(ForeignRegistrants::kRemove), &notes));
    BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
    BOOST_CHECK_EQUAL(disk.shelf.registrations(0).keys.size(), 1);
    BOOST_CHECK(!write_block(disk.third));
    BOOST_CHECK((notes.foreign_removed == std::vector{kStranger}));
    for (const CommandTrace& trace : disk.shelf.trace()) {
      if (trace.victim != kStranger) continue;
      BOOST_CHECK(trace.outcome && *trace.outcome);
      BOOST_CHECK(trace.command == Command::kPreemptAndAbort);
    }
  }
}

BOOST_AUTO_TEST_CASE(
    queued_write_of_a_foreign_registrant_never_lands_even_where_only_holders_abort) {
  Owned disk({.aborts_for_holder_only = true});
  const Nexus third = disk.shelf.connect("third");
  settle(third);
  BOOST_REQUIRE(third.lun(0)->register_ignoring_existing(kStranger, false));
  AlignedBuffer buffer(kBlockBytes);
  buffer.span()[0] = std::byte{0xaa};
  BOOST_REQUIRE(disk.shelf.queue_write(third, 0, 0, buffer.span()));
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal_with(ForeignRegistrants::kRemove)));
  disk.shelf.execute_queued(0);
  disk.shelf.peek(0, 0, buffer.span());
  BOOST_CHECK(buffer.span()[0] == std::byte{0});
}

BOOST_AUTO_TEST_CASE(disk_with_a_foreign_registrant_is_left_alone_where_that_is_configured) {
  Visited disk;
  const Status status = seize(*disk.beta.lun(0), goal_with(ForeignRegistrants::kRefuse));
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kConflict);
  BOOST_CHECK(status.error().detail.view().find(to_string(kStranger)) != std::string_view::npos);
  BOOST_CHECK(status.error().detail.view().find("foreign_registrants") != std::string_view::npos);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
  BOOST_CHECK(registered(disk.shelf, kStranger));
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(foreign_registrant_that_comes_during_the_taking_is_removed_too) {
  Owned disk;
  const Nexus third = disk.shelf.connect("third");
  settle(third);
  bool came = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kPreemptAndAbort || came) return;
    came = true;
    (void)third.lun(0)->register_ignoring_existing(kStranger, false);
  });
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal_with(ForeignRegistrants::kRemove)));
  BOOST_CHECK(came);
  BOOST_CHECK_EQUAL(disk.shelf.registrations(0).keys.size(), 1);
}

BOOST_AUTO_TEST_CASE(later_life_of_the_victim_is_no_foreign_registrant) {
  Owned disk;
  const Nexus reborn = disk.shelf.connect("alpha reborn");
  settle(reborn);
  BOOST_REQUIRE(reborn.lun(0)->register_ignoring_existing(key(kAlpha, 8), false));
  SeizeGoal goal = goal_with(ForeignRegistrants::kRemove);
  goal.victim_generation = 7;
  BOOST_CHECK(!seize(*disk.beta.lun(0), goal));
  BOOST_CHECK(registered(disk.shelf, key(kAlpha, 8)));
}

BOOST_AUTO_TEST_CASE(foreign_registrant_stays_until_the_disk_is_held) {
  FakeShelf shelf({.power_on_attention = false});
  const Nexus third = shelf.connect("third");
  BOOST_REQUIRE(third.lun(0)->register_ignoring_existing(kStranger, false));
  const Nexus beta = shelf.connect("beta");
  shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.command == Command::kPreemptAndAbort) BOOST_CHECK(holds(shelf, key(kBeta, 4)));
  });
  BOOST_REQUIRE(seize(*beta.lun(0), goal_with(ForeignRegistrants::kRemove)));
  BOOST_CHECK_EQUAL(sent(shelf, Command::kPreemptAndAbort), 1);
  BOOST_CHECK(!registered(shelf, kStranger));
}

BOOST_AUTO_TEST_CASE(later_life_of_the_taker_itself_is_respected_holder_or_not) {
  // Another machine has this node's number, or this process is one of an earlier boot.
  for (const bool holder : {false, true}) {
    FakeShelf shelf({.power_on_attention = false});
    const Nexus reborn = shelf.connect("beta reborn");
    BOOST_REQUIRE(reborn.lun(0)->register_ignoring_existing(key(kBeta, 5), false));
    if (holder) BOOST_REQUIRE(reborn.lun(0)->reserve(key(kBeta, 5), kOwnerType));
    const Nexus beta = shelf.connect("beta");
    BOOST_CHECK(!seize(*beta.lun(0), takeover_by_beta()));
    BOOST_CHECK(registered(shelf, key(kBeta, 5)));
    BOOST_CHECK(!registered(shelf, key(kBeta, 4)));
    BOOST_CHECK_EQUAL(sent(shelf, Command::kPreemptAndAbort), 0);
  }
}

BOOST_AUTO_TEST_CASE(third_node_of_the_cluster_is_no_victim) {
  FakeShelf shelf({.power_on_attention = false});
  const Nexus third = shelf.connect("third");
  BOOST_REQUIRE(third.lun(0)->register_ignoring_existing(key(3, 7), false));
  BOOST_REQUIRE(third.lun(0)->reserve(key(3, 7), kOwnerType));
  const Nexus beta = shelf.connect("beta");
  BOOST_CHECK(!seize(*beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(shelf, key(3, 7)));
}

BOOST_AUTO_TEST_CASE(foreign_registrant_of_a_disk_that_a_foreign_key_holds_is_not_touched) {
  FakeShelf shelf;
  const Nexus third = shelf.connect("third");
  const Nexus fourth = shelf.connect("fourth");
  for (const Nexus* nexus : {&third, &fourth}) {
    BOOST_REQUIRE(nexus->lun(0)->test_unit_ready() || true);
    BOOST_REQUIRE(nexus->lun(0)->register_ignoring_existing(
        nexus == &third ? kStranger : ReservationKey{0xfeed}, false));
  }
  BOOST_REQUIRE(third.lun(0)->reserve(kStranger, kOwnerType));
  const Nexus beta = shelf.connect("beta");
  BOOST_CHECK(!seize(*beta.lun(0), goal_with(ForeignRegistrants::kRemove)));
  BOOST_CHECK(registered(shelf, kStranger));
  BOOST_CHECK(registered(shelf, ReservationKey{0xfeed}));
}

BOOST_AUTO_TEST_CASE(registrant_that_comes_back_for_ever_is_named_as_the_cause) {
  Visited disk;
  settle(disk.beta);  // each of its resets tells it again
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kReadKeys) return;
    (void)disk.third.lun(0)->register_ignoring_existing(kStranger, false);
  });
  const Status status = seize(*disk.beta.lun(0), goal_with(ForeignRegistrants::kRemove));
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kConflict);
  BOOST_CHECK(status.error().detail.view().find(to_string(kStranger)) != std::string_view::npos);
}

BOOST_AUTO_TEST_SUITE_END()
