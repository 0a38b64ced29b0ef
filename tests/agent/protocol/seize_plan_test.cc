#include "tests/agent/protocol/seize_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(seize_disk)

BOOST_AUTO_TEST_CASE(taking_a_disk_makes_the_taker_its_only_writer) {
  Owned disk;
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
  BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 7)));
  BOOST_CHECK(write_block(disk.beta));
  const Status late = write_block(disk.alpha);
  BOOST_REQUIRE(!late);
  BOOST_CHECK(late.error().code == Code::kConflict);
}

BOOST_AUTO_TEST_CASE(write_that_the_target_had_queued_for_the_victim_never_lands) {
  Owned disk;
  AlignedBuffer buffer(kBlockBytes);
  buffer.span()[0] = std::byte{0xaa};
  BOOST_REQUIRE(disk.shelf.queue_write(disk.alpha, 0, 0, buffer.span()));
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  disk.shelf.execute_queued(0);
  disk.shelf.peek(0, 0, buffer.span());
  BOOST_CHECK(buffer.span()[0] == std::byte{0});
}

BOOST_AUTO_TEST_CASE(without_preempt_and_abort_a_reset_keeps_the_queued_write_from_landing) {
  Owned disk;
  disk.shelf.inject(0, {.kind = FaultKind::kUnsupported, .only = Command::kPreemptAndAbort});
  AlignedBuffer buffer(kBlockBytes);
  buffer.span()[0] = std::byte{0xaa};
  BOOST_REQUIRE(disk.shelf.queue_write(disk.alpha, 0, 0, buffer.span()));
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta(), &notes));
  BOOST_CHECK(notes.used_reset);
  BOOST_CHECK_EQUAL(sent(disk.shelf, Command::kReset), 1);
  disk.shelf.execute_queued(0);
  disk.shelf.peek(0, 0, buffer.span());
  BOOST_CHECK(buffer.span()[0] == std::byte{0});
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

// Its life before had reserved the disk, written, and withdrawn; and this one did not come to the
// reset that follows RESERVE.
BOOST_AUTO_TEST_CASE(holder_that_did_not_come_to_its_label_leaves_a_reset_to_be_done) {
  for (const std::uint32_t labelled : {6U, 7U}) {
    Owned disk;
    const Nexus before = disk.shelf.connect("alpha before");
    BOOST_REQUIRE(wait_until_ready(*before.lun(0)));
    BOOST_REQUIRE(before.lun(0)->register_ignoring_existing(key(kAlpha, 6), false));
    AlignedBuffer buffer(kBlockBytes);
    buffer.span()[0] = std::byte{0xaa};
    BOOST_REQUIRE(disk.shelf.queue_write(before, 0, 0, buffer.span()));
    BOOST_REQUIRE(before.lun(0)->register_ignoring_existing(ReservationKey{0}, false));
    disk.shelf.clear_trace();
    SeizeGoal goal = takeover_by_beta();
    goal.labelled = KeyParts{.cluster = kCluster, .node = kAlpha, .boot_generation = labelled};
    BOOST_REQUIRE(seize(*disk.beta.lun(0), goal));
    BOOST_TEST(sent(disk.shelf, Command::kReset) == (labelled == 7 ? 0U : 1U));
    BOOST_TEST(disk.shelf.execute_queued(0) == (labelled == 7 ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(what_a_survey_saw_saves_the_first_look_and_not_the_last) {
  Owned disk;
  const SeizeView seen{.keys = disk.shelf.registrations(0).keys,
                       .holder = disk.shelf.reservation(0)};
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta(), nullptr, seen));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
  BOOST_TEST(sent(disk.shelf, Command::kReadKeys) == 1U);
  BOOST_TEST(sent(disk.shelf, Command::kReadReservation) == 1U);
}

BOOST_AUTO_TEST_CASE(survey_that_is_out_of_date_harms_nobody) {
  const SeizeView before_anybody_came{};
  const SeizeView held_by_alphas_earlier_boot{
      .keys = {key(kAlpha, 6)},
      .holder = Reservation{.holder = key(kAlpha, 6), .type = kOwnerType}};
  const SeizeView held_by_a_stranger{
      .keys = {key(9, 1)}, .holder = Reservation{.holder = key(9, 1), .type = kOwnerType}};
  const SeizeView held_by_a_stranger_beside_beta{
      .keys = {key(9, 1), key(kBeta, 4)},
      .holder = Reservation{.holder = key(9, 1), .type = kOwnerType}};
  for (const SeizeView& seen : {held_by_a_stranger, held_by_a_stranger_beside_beta,
                                before_anybody_came, held_by_alphas_earlier_boot}) {
    Owned disk;
    BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta(), nullptr, seen));
    BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
    BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 7)));
  }
}

BOOST_AUTO_TEST_CASE(disk_that_was_taken_from_this_node_since_it_was_seen_is_not_fought_for) {
  for (const std::uint32_t life : {4U, 3U}) {
    Owned disk;  // by alpha, by now
    const SeizeView seen{.keys = {key(kBeta, life)},
                         .holder = Reservation{.holder = key(kBeta, life), .type = kOwnerType}};
    const Status status = seize(*disk.beta.lun(0), takeover_by_beta(), nullptr, seen);
    BOOST_REQUIRE(!status);
    BOOST_CHECK(status.error().code == Code::kFenced);
    BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
    BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
    BOOST_CHECK(write_block(disk.alpha));
  }
}

BOOST_AUTO_TEST_CASE(survey_from_before_the_victim_came_back_does_not_preempt_its_new_life) {
  Owned disk;  // alpha's boot 7
  SeizeGoal goal = takeover_by_beta();
  goal.victim_generation = 6;
  const SeizeView seen{.keys = {key(kAlpha, 6)},
                       .holder = Reservation{.holder = key(kAlpha, 6), .type = kOwnerType}};
  const Status status = seize(*disk.beta.lun(0), goal, nullptr, seen);
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kConflict);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
  BOOST_CHECK(write_block(disk.alpha));
}

BOOST_AUTO_TEST_CASE(taking_twice_changes_nothing_the_second_time) {
  Owned disk;
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  disk.shelf.clear_trace();
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK_EQUAL(sent(disk.shelf, Command::kPreemptAndAbort), 0);
  BOOST_CHECK_EQUAL(sent(disk.shelf, Command::kReserve), 0);
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(disk_that_nobody_holds_is_reserved) {
  FakeShelf shelf;
  const Nexus beta = shelf.connect("beta");
  BOOST_REQUIRE(seize(*beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(victim_that_is_registered_without_holding_is_removed_before_reserving) {
  Owned disk;
  BOOST_REQUIRE(disk.alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
  BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(every_generation_of_the_victim_is_removed) {
  Owned disk;
  const Nexus dead = disk.shelf.connect("alpha before its power cycle");
  settle(dead);
  (void)dead.lun(0)->register_ignoring_existing(key(kAlpha, 6), false);
  (void)dead.lun(0)->register_ignoring_existing(key(kAlpha, 6), false);
  BOOST_REQUIRE(registered(disk.shelf, key(kAlpha, 6)));
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK_EQUAL(disk.shelf.registrations(0).keys.size(), 1);
}

BOOST_AUTO_TEST_CASE(stale_registration_of_an_own_earlier_boot_gives_way) {
  Owned disk;  // alpha, boot 7, then a power cycle: a new nexus
  const Nexus reborn = disk.shelf.connect("alpha after its power cycle");
  BOOST_REQUIRE(seize(*reborn.lun(0), {.own = key(kAlpha, 8), .victim_node = {}}));
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 8)));
  BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 7)));
}

// As LIO treats a new session of the initiator whose old session holds the reservation.
BOOST_AUTO_TEST_CASE(target_that_keeps_an_own_stale_key_is_named_as_the_cause) {
  Owned disk;
  const Nexus reborn = disk.shelf.connect("alpha's next session");
  disk.shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kPreemptAndAbort});
  const Status status = seize(*reborn.lun(0), {.own = key(kAlpha, 8), .victim_node = {}});
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kConflict);
  const auto detail = status.error().detail.view();
  BOOST_CHECK(detail.find(to_string(key(kAlpha, 7))) != detail.npos);
  BOOST_CHECK(detail.find("let the partner take the disk") != detail.npos);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(after_a_reset_the_same_nexus_carries_the_reservation_into_the_new_boot) {
  Owned disk;
  BOOST_REQUIRE(seize(*disk.alpha.lun(0), {.own = key(kAlpha, 8), .victim_node = {}}));
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 8)));
  BOOST_CHECK_EQUAL(disk.shelf.registrations(0).keys.size(), 1);
}

BOOST_AUTO_TEST_CASE(partner_s_reservation_is_respected_when_only_own_disks_are_taken) {
  Owned disk;
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  const Nexus reborn = disk.shelf.connect("alpha after its power cycle");
  const Status status = seize(*reborn.lun(0), {.own = key(kAlpha, 8), .victim_node = {}});
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kConflict);
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
  BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 8)));
}

BOOST_AUTO_TEST_CASE(somebody_else_s_key_is_never_touched) {
  for (const ReservationKey foreign :
       {ReservationKey{0xdeadbeef},
        make_key({.cluster = kCluster + 1, .node = kAlpha, .boot_generation = 7})}) {
    FakeShelf shelf;
    const Nexus stranger = shelf.connect("stranger");
    while (!stranger.lun(0)->test_unit_ready()) {
    }
    BOOST_REQUIRE(stranger.lun(0)->register_ignoring_existing(foreign, false));
    BOOST_REQUIRE(stranger.lun(0)->reserve(foreign, kOwnerType));
    const Nexus beta = shelf.connect("beta");
    const Status status = seize(*beta.lun(0), takeover_by_beta());
    BOOST_REQUIRE(!status);
    BOOST_CHECK(status.error().code == Code::kConflict);
    BOOST_CHECK(holds(shelf, foreign));
    BOOST_CHECK_EQUAL(sent(shelf, Command::kPreemptAndAbort), 0);
  }
}

BOOST_AUTO_TEST_CASE(victim_that_is_back_in_a_later_boot_is_respected_holder_or_not) {
  for (const bool holds_it : {true, false}) {
    Owned disk;
    if (!holds_it) BOOST_REQUIRE(disk.alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
    SeizeGoal goal = takeover_by_beta();
    goal.victim_generation = 6;
    const Status status = seize(*disk.beta.lun(0), goal);
    BOOST_REQUIRE(!status);
    BOOST_CHECK(status.error().code == Code::kConflict);
    BOOST_CHECK(registered(disk.shelf, key(kAlpha, 7)));
    BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
  }
}

BOOST_AUTO_TEST_CASE(key_of_a_later_life_does_not_end_the_reservation_that_this_node_holds) {
  Owned disk;
  SeizeGoal goal = takeover_by_beta();
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal));
  // Alpha came back and died between its registration and its withdrawal.
  const Nexus reborn = disk.shelf.connect("alpha reborn");
  settle(reborn);
  BOOST_REQUIRE(reborn.lun(0)->register_ignoring_existing(key(kAlpha, 8), false));
  goal.victim_generation = 7;
  BOOST_CHECK(!seize(*disk.beta.lun(0), goal));
  BOOST_CHECK(registered(disk.shelf, goal.own));
  BOOST_REQUIRE(disk.shelf.reservation(0).has_value());
  BOOST_TEST((disk.shelf.reservation(0)->holder == goal.own));
}

BOOST_AUTO_TEST_CASE(registration_is_withdrawn_from_a_disk_that_another_node_took_meanwhile) {
  // Alpha is reborn and starts, while beta takes the disk before any of its commands.
  for (unsigned before = 0; before < 10; ++before) {
    FakeShelf shelf;
    const Nexus old = shelf.connect("alpha before its power cycle");
    const Nexus beta = shelf.connect("beta");
    const Nexus reborn = shelf.connect("alpha");
    BOOST_REQUIRE(seize(*old.lun(0), {.own = key(kAlpha, 7), .victim_node = {}}));
    unsigned count = 0;
    bool taking = false;
    shelf.set_hook([&](const CommandTrace& trace) {
      if (taking || trace.initiator != "alpha" || count++ != before) return;
      taking = true;
      (void)seize(*beta.lun(0), takeover_by_beta());
    });
    const Status status = seize(*reborn.lun(0), {.own = key(kAlpha, 8), .victim_node = {}});
    if (status) continue;  // alpha was through before beta came, or after
    BOOST_CHECK_MESSAGE(!registered(shelf, key(kAlpha, 8)), "before command " << before);
    BOOST_CHECK(!write_block(reborn));
  }
}

BOOST_AUTO_TEST_CASE(
    registration_of_an_interrupted_run_is_withdrawn_from_a_disk_that_is_not_taken) {
  Owned disk;  // alpha is back, in boot 7
  settle(disk.beta);
  BOOST_REQUIRE(disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  SeizeGoal goal = takeover_by_beta();
  goal.victim_generation = 6;
  const SeizeView seen{.keys = disk.shelf.registrations(0).keys,
                       .holder = disk.shelf.reservation(0)};
  for (const auto& view : {std::optional<SeizeView>(), std::optional(seen)}) {
    BOOST_CHECK(!seize(*disk.beta.lun(0), goal, nullptr, view));
    BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
    BOOST_CHECK(!write_block(disk.beta));
    BOOST_CHECK(write_block(disk.alpha));
    (void)disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false);
  }
}

BOOST_AUTO_TEST_CASE(registration_that_went_since_it_was_seen_is_fenced_and_not_made_again) {
  Owned disk;
  settle(disk.beta);
  BOOST_REQUIRE(disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  BOOST_REQUIRE(disk.beta.lun(0)->preempt(key(kBeta, 4), key(kAlpha, 7), kOwnerType));
  BOOST_REQUIRE(disk.beta.lun(0)->release(key(kBeta, 4), kOwnerType));
  for (const bool shared : {true, false}) {
    const Status status = seize(*disk.alpha.lun(0),
                                {.own = key(kAlpha, 7), .shared = shared, .was_registered = true});
    BOOST_REQUIRE(!status);
    BOOST_CHECK(status.error().code == Code::kFenced);
    BOOST_CHECK(!registered(disk.shelf, key(kAlpha, 7)));
  }
}

BOOST_AUTO_TEST_CASE(losing_the_registration_on_the_way_is_fenced_and_not_registered_again) {
  Owned disk;
  bool fenced = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kPreemptAndAbort || fenced) return;
    fenced = true;  // alpha is alive after all, and faster
    (void)disk.alpha.lun(0)->preempt_and_abort(key(kAlpha, 7), key(kBeta, 4), kOwnerType);
  });
  const Status status = seize(*disk.beta.lun(0), takeover_by_beta());
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kFenced);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(victim_that_vanishes_before_the_preempt_is_no_failure) {
  Owned disk;
  bool gone = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kPreemptAndAbort || gone) return;
    gone = true;
    (void)disk.alpha.lun(0)->register_ignoring_existing(ReservationKey{0}, false);
  });
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(unit_attentions_on_the_way_are_repeated) {
  Owned disk;
  disk.shelf.inject(0, {.kind = FaultKind::kAttention, .initiator = "beta", .skip = 2, .times = 3});
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(unit_attentions_without_end_are_an_error) {
  Owned disk;
  disk.shelf.inject(0, {.kind = FaultKind::kAttention, .initiator = "beta"});
  BOOST_CHECK(!seize(*disk.beta.lun(0), takeover_by_beta()));
}

BOOST_AUTO_TEST_CASE(silent_disk_is_a_time_out_and_stays_with_its_owner) {
  Owned disk;
  disk.shelf.inject(
      0, {.kind = FaultKind::kTimeout, .only = Command::kPreemptAndAbort, .initiator = "beta"});
  const Status status = seize(*disk.beta.lun(0), takeover_by_beta());
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kTimeout);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(interrupted_before_any_command_the_next_try_finishes) {
  // The takeover is killed before its n-th command, for every n, and run again.
  struct Killed {};
  for (unsigned survived = 0; survived < 12; ++survived) {
    Owned disk;
    unsigned count = 0;
    disk.shelf.set_hook([&](const CommandTrace& trace) {
      if (trace.initiator == "beta" && count++ == survived) throw Killed();
    });
    try {
      (void)seize(*disk.beta.lun(0), takeover_by_beta());
    } catch (const Killed&) {
    }
    disk.shelf.set_hook({});
    BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
    BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
    BOOST_CHECK_EQUAL(disk.shelf.registrations(0).keys.size(), 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
