// What a target had queued for a node that is thrown off never lands on a disk that counts as held:
// also where the target aborts the commands of the reservation's holder only.
#include "tests/agent/protocol/seize_fixture.h"

using namespace lastword;
using namespace lastword::test;

namespace {

struct HolderOnly : Owned {
  HolderOnly() : Owned({.aborts_for_holder_only = true}) {}

  void queue(const Nexus& nexus) {
    AlignedBuffer buffer(kBlockBytes);
    buffer.span()[0] = std::byte{0xaa};
    BOOST_REQUIRE(shelf.queue_write(nexus, 0, 0, buffer.span()));
  }
  bool queued_write_lands() {
    shelf.execute_queued(0);
    AlignedBuffer buffer(kBlockBytes);
    shelf.peek(0, 0, buffer.span());
    return buffer.span()[0] == std::byte{0xaa};
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(seize_abort, HolderOnly)

BOOST_AUTO_TEST_CASE(victim_that_holds_is_aborted_by_the_preempt_alone) {
  queue(alpha);
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  BOOST_CHECK_EQUAL(sent(shelf, Command::kReset), 0);
  BOOST_CHECK(!queued_write_lands());
}

BOOST_AUTO_TEST_CASE(queued_write_of_a_victim_that_does_not_hold_never_lands) {
  BOOST_REQUIRE(alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  queue(alpha);
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(!queued_write_lands());
  BOOST_CHECK(holds(shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(one_reset_comes_when_the_disk_is_reserved) {
  BOOST_REQUIRE(alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  shelf.clear_trace();
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  bool reserved = false;
  for (const CommandTrace& trace : shelf.trace()) {
    reserved = reserved || trace.command == Command::kReserve;
    if (trace.command == Command::kReset) BOOST_CHECK(reserved);
  }
  BOOST_CHECK_EQUAL(sent(shelf, Command::kReset), 1);
}

BOOST_AUTO_TEST_CASE(reset_that_fails_is_sent_again_before_the_disk_counts_as_held) {
  for (const unsigned failures : {2U, 3U}) {
    HolderOnly fresh;
    BOOST_REQUIRE(fresh.alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
    fresh.queue(fresh.alpha);
    fresh.shelf.inject(0,
                       {.kind = FaultKind::kIoError, .only = Command::kReset, .times = failures});
    BOOST_CHECK_EQUAL(seize(*fresh.beta.lun(0), takeover_by_beta()).has_value(), failures == 2);
    if (failures == 2) BOOST_CHECK(!fresh.queued_write_lands());
  }
}

BOOST_AUTO_TEST_CASE(victim_that_releases_after_it_was_seen_holding_is_no_exception) {
  const SeizeView seen{.keys = shelf.registrations(0).keys, .holder = shelf.reservation(0)};
  queue(alpha);
  BOOST_REQUIRE(alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta(), nullptr, seen));
  BOOST_CHECK(!queued_write_lands());
}

BOOST_AUTO_TEST_CASE(queued_write_of_an_own_earlier_life_that_does_not_hold_never_lands) {
  BOOST_REQUIRE(alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  queue(alpha);
  const Nexus reborn = shelf.connect("alpha after its power cycle");
  BOOST_REQUIRE(seize(*reborn.lun(0), {.own = key(kAlpha, 8), .victim_node = {}}));
  BOOST_CHECK(!queued_write_lands());
}

BOOST_AUTO_TEST_CASE(mailbox_disk_of_both_nodes_is_not_reset) {
  settle(beta);
  BOOST_REQUIRE(beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  const Nexus reborn = shelf.connect("beta after its power cycle");
  BOOST_REQUIRE(seize(*reborn.lun(0), {.own = key(kBeta, 5), .shared = true}));
  BOOST_CHECK(!registered(shelf, key(kBeta, 4)));
  BOOST_CHECK_EQUAL(sent(shelf, Command::kReset), 0);
}

// The target had carried out the preempt by then, or had not.
BOOST_AUTO_TEST_CASE(
    preempt_and_abort_that_was_aborted_itself_is_followed_by_a_reset_if_it_was_done) {
  const Status aborted = fail({.code = Code::kUnitAttention, .sense = {.status = 0x40}});
  for (const bool done : {true, false}) {
    const Reservation by_alpha{.holder = key(kAlpha, 7), .type = kOwnerType};
    const Reservation by_beta{.holder = key(kBeta, 4), .type = kOwnerType};
    Seize machine(takeover_by_beta(),
                  SeizeView{.keys = {key(kAlpha, 7), key(kBeta, 4)}, .holder = by_alpha});
    BOOST_REQUIRE((machine.next() == SeizeCommand::kPreemptAndAbort));
    machine.reply({.status = aborted});
    BOOST_REQUIRE((machine.next() == SeizeCommand::kReadKeys));
    Registrations left{.keys = {key(kBeta, 4)}};
    if (!done) left.keys.push_back(key(kAlpha, 7));
    machine.reply({.status = {}, .registrations = left});
    machine.reply({.status = {}, .reservation = done ? by_beta : by_alpha});
    BOOST_CHECK((machine.next() ==
                 (done ? SeizeCommand::kLogicalUnitReset : SeizeCommand::kPreemptAndAbort)));
    BOOST_CHECK(machine.preempted() == done);
  }
}

// The target takes a write from anybody then, also between this node's REGISTER and its RESERVE.
BOOST_AUTO_TEST_CASE(write_that_was_queued_while_nobody_held_the_disk_never_lands) {
  for (const bool late : {false, true}) {
    FakeShelf empty;
    const Nexus stranger = empty.connect("stranger");
    const Nexus owner = empty.connect("alpha");
    const auto send = [&] {
      AlignedBuffer buffer(kBlockBytes);
      settle(stranger);
      BOOST_REQUIRE(empty.queue_write(stranger, 0, 0, buffer.span()));
    };
    bool was_sent = !late;
    if (!late) send();
    empty.set_hook([&](const CommandTrace& trace) {
      if (trace.command != Command::kReserve || std::exchange(was_sent, true)) return;
      send();
    });
    BOOST_REQUIRE(seize(*owner.lun(0), {.own = key(kAlpha, 7)}));
    BOOST_CHECK(was_sent);
    BOOST_CHECK_EQUAL(empty.execute_queued(0), 0);
    BOOST_CHECK(holds(empty, key(kAlpha, 7)));
  }
}

BOOST_AUTO_TEST_CASE(disk_that_was_reserved_and_cannot_be_reset_is_held_by_nobody_again) {
  FakeShelf empty;
  const Nexus owner = empty.connect("alpha");
  empty.inject(0, {.kind = FaultKind::kIoError, .only = Command::kReset, .times = 3});
  BOOST_CHECK(!seize(*owner.lun(0), {.own = key(kAlpha, 7)}));
  BOOST_CHECK(!empty.reservation(0));
  BOOST_CHECK(!registered(empty, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(reserve_whose_answer_is_lost_is_withdrawn_unless_it_conflicted) {
  const Reservation by_alpha{.holder = key(kAlpha, 7), .type = kOwnerType};
  for (const Code code : {Code::kTimeout, Code::kConflict}) {
    Seize machine({.own = key(kAlpha, 7)}, SeizeView{.keys = {key(kAlpha, 7)}, .holder = {}});
    BOOST_REQUIRE((machine.next() == SeizeCommand::kReserve));
    machine.reply({.status = fail({.code = code})});
    machine.reply({.status = {}, .registrations = {.keys = {key(kAlpha, 7)}}});
    machine.reply({.status = {}, .reservation = by_alpha});
    BOOST_CHECK(machine.over() == (code == Code::kConflict));
    if (!machine.over()) BOOST_CHECK((machine.next() == SeizeCommand::kUnregister));
  }
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_nobody_held_is_not_reset) {
  FakeShelf empty;
  const Nexus owner = empty.connect("alpha");
  BOOST_REQUIRE(seize(*owner.lun(0), {.own = key(kAlpha, 7), .shared = true}));
  BOOST_CHECK_EQUAL(sent(empty, Command::kReset), 0);
}

BOOST_AUTO_TEST_CASE(disk_that_this_key_held_before_is_told) {
  for (const bool before : {true, false}) {
    FakeShelf empty;
    const Nexus owner = empty.connect("alpha");
    SeizeNotes notes;
    if (before) BOOST_REQUIRE(seize(*owner.lun(0), {.own = key(kAlpha, 7)}));
    BOOST_REQUIRE(seize(*owner.lun(0), {.own = key(kAlpha, 7)}, &notes));
    BOOST_CHECK_EQUAL(notes.found_held, before);
    BOOST_CHECK_EQUAL(notes.was_reset, !before);
  }
}

// Its own earlier life had preempted the victim, and may have died before the reset.
BOOST_AUTO_TEST_CASE(own_earlier_key_is_no_victim_that_was_preempted) {
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  const Nexus reborn = shelf.connect("beta after its power cycle");
  SeizeGoal goal = takeover_by_beta();
  goal.own = key(kBeta, 5);
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*reborn.lun(0), goal, &notes));
  BOOST_CHECK(!notes.preempted);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(seize_strays, HolderOnly)

BOOST_AUTO_TEST_CASE(stray_key_and_what_it_had_queued_go_from_a_disk_that_is_held) {
  settle(beta);
  BOOST_REQUIRE(beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  queue(beta);
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*alpha.lun(0),
                      {.own = key(kAlpha, 7), .was_registered = true, .strays = {key(kBeta, 4)}},
                      &notes));
  BOOST_CHECK(holds(shelf, key(kAlpha, 7)));
  BOOST_CHECK(!registered(shelf, key(kBeta, 4)));
  BOOST_CHECK((notes.foreign_removed == std::vector{key(kBeta, 4)}));
  BOOST_CHECK(!queued_write_lands());
}

BOOST_AUTO_TEST_CASE(stray_key_that_holds_the_disk_by_now_is_respected) {
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  for (const bool registered_too : {true, false}) {
    if (registered_too) {
      (void)alpha.lun(0)->test_unit_ready();
      (void)alpha.lun(0)->register_ignoring_existing(key(kAlpha, 7), false);
    }
    BOOST_CHECK(!seize(*alpha.lun(0),
                       {.own = key(kAlpha, 7), .was_registered = true, .strays = {key(kBeta, 4)}}));
    BOOST_CHECK(holds(shelf, key(kBeta, 4)));
    BOOST_CHECK(!registered(shelf, key(kAlpha, 7)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
