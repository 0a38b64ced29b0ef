// What taking a disk makes of registrations that fail, do not stick, or vanish.
#include "tests/agent/protocol/seize_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(seize_registration)

BOOST_AUTO_TEST_CASE(target_that_can_not_keep_what_it_offers_to_keep_is_used_without_it) {
  FakeShelf shelf({.aptpl_capable = true, .aptpl_store_missing = true});
  const Nexus alpha = shelf.connect("alpha");
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7), .victim_node = {}}, &notes));
  BOOST_CHECK(holds(shelf, key(kAlpha, 7)));
  BOOST_CHECK(notes.aptpl_refused);
}

BOOST_AUTO_TEST_CASE(target_that_refuses_to_keep_registrations_is_asked_to_register_without) {
  FakeShelf shelf;  // refuses APTPL
  const Nexus alpha = shelf.connect("alpha");
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7), .aptpl = true}, &notes));
  BOOST_CHECK(holds(shelf, key(kAlpha, 7)));
  BOOST_CHECK(notes.aptpl_refused);
}

// Both nodes are registered, and the shelf loses power: does it still know alpha?
bool is_kept_for_alpha(bool offered, const std::function<Status(ScsiLun&)>& of_beta,
                       fake::FaultKind answer) {
  FakeShelf shelf({.aptpl_capable = offered});
  const Nexus alpha = shelf.connect("alpha");
  const Nexus beta = shelf.connect("beta");
  BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7), .shared = true}));
  shelf.inject(0, {.kind = answer, .only = Command::kReportCapabilities, .initiator = "beta"});
  BOOST_REQUIRE(of_beta(*beta.lun(0)));
  shelf.lose_power();
  return registered(shelf, key(kAlpha, 7));
}

BOOST_AUTO_TEST_CASE(target_that_does_not_say_what_it_offers_goes_on_remembering_the_other_node) {
  const auto join = [](ScsiLun& lun) { return seize(lun, {.own = key(kBeta, 4), .shared = true}); };
  const auto leave = [](ScsiLun& lun) {
    (void)lun.test_unit_ready();
    if (Status joined = lun.register_ignoring_existing(key(kBeta, 4), true); !joined) return joined;
    return unregister(lun);
  };
  for (const fake::FaultKind silent : {fake::FaultKind::kTimeout, fake::FaultKind::kIoError}) {
    BOOST_CHECK(is_kept_for_alpha(true, join, silent));
    BOOST_CHECK(is_kept_for_alpha(true, leave, silent));
    BOOST_CHECK(!is_kept_for_alpha(false, join, silent));  // refuses, and is used without
  }
}

BOOST_AUTO_TEST_CASE(target_that_does_not_know_report_capabilities_is_not_asked_for_more) {
  FakeShelf shelf;
  shelf.inject(0, {.kind = fake::FaultKind::kUnsupported, .only = Command::kReportCapabilities});
  const Nexus alpha = shelf.connect("alpha");
  SeizeNotes notes;
  BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7)}, &notes));
  BOOST_CHECK(!notes.aptpl_refused);
}

BOOST_AUTO_TEST_CASE(registration_that_does_not_stick_is_told_as_such_and_not_as_fenced) {
  FakeShelf shelf({.forgets_registrations = true});
  const Nexus alpha = shelf.connect("alpha");
  for (const bool shared : {false, true}) {
    const Status status = seize(*alpha.lun(0), {.own = key(kAlpha, 7), .shared = shared});
    BOOST_REQUIRE(!status);
    BOOST_CHECK(status.error().code == Code::kUnsupported);
  }
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_another_holds_is_joined_only_when_the_key_is_seen_there) {
  FakeShelf shelf;
  const Nexus alpha = shelf.connect("alpha");
  const Nexus beta = shelf.connect("beta");
  BOOST_REQUIRE(seize(*beta.lun(0), {.own = key(kBeta, 4), .shared = true}));
  bool removed = false;
  shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "alpha" || removed || !registered(shelf, key(kAlpha, 7))) return;
    removed = true;
    (void)beta.lun(0)->preempt(key(kBeta, 4), key(kAlpha, 7), kOwnerType);
  });
  const Status status = seize(*alpha.lun(0), {.own = key(kAlpha, 7), .shared = true});
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kFenced);
}

BOOST_AUTO_TEST_CASE(registration_that_was_there_and_went_on_the_way_is_not_made_again) {
  Owned disk;  // beta registered in an earlier run, and alpha is alive after all
  settle(disk.beta);
  BOOST_REQUIRE(disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  bool fenced = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kPreemptAndAbort || fenced) return;
    fenced = true;
    (void)disk.alpha.lun(0)->preempt_and_abort(key(kAlpha, 7), key(kBeta, 4), kOwnerType);
  });
  const Status status = seize(*disk.beta.lun(0), takeover_by_beta());
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kFenced);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(withdrawing_keeps_what_the_target_remembers_of_the_others) {
  Owned disk({.aptpl_capable = true});  // alpha is back, in boot 7
  settle(disk.beta);
  BOOST_REQUIRE(disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), true));
  SeizeGoal goal = takeover_by_beta();
  goal.victim_generation = 6;
  BOOST_CHECK(!seize(*disk.beta.lun(0), goal));
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
  disk.shelf.lose_power();
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_CASE(test_unit_ready_that_conflicts_says_nothing_about_keys) {
  Owned disk;
  disk.shelf.inject(
      0, {.kind = FaultKind::kConflict, .only = Command::kTestUnitReady, .initiator = "beta"});
  BOOST_REQUIRE(seize(*disk.beta.lun(0), takeover_by_beta()));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

// beta's service writes to alpha's disk, and alpha, ordered by an operator, takes it back.
BOOST_AUTO_TEST_CASE(disk_that_was_served_and_lost_is_not_registered_on_again) {
  Owned disk;
  SeizeGoal goal = takeover_by_beta();
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal));
  goal.served = true;
  BOOST_REQUIRE(seize(*disk.alpha.lun(0), {.own = key(kAlpha, 8), .victim_node = kBeta}));
  disk.shelf.clear_trace();
  const Status status = seize(*disk.beta.lun(0), goal);
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kFenced);
  BOOST_CHECK_EQUAL(sent(disk.shelf, Command::kRegister), 0U);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 8)));
}

// Nobody held the disk when beta looked; alpha takes it before beta registers.
BOOST_AUTO_TEST_CASE(registration_that_met_an_attention_is_sent_again_after_a_look) {
  Owned disk;
  BOOST_REQUIRE(disk.shelf.clear(disk.alpha, 0, key(kAlpha, 7)));
  bool taken = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kRegister || taken) return;
    taken = true;
    (void)seize(*disk.alpha.lun(0), {.own = key(kAlpha, 8), .victim_node = {}});
  });
  const Status status = seize(*disk.beta.lun(0), {.own = key(kBeta, 4)});
  BOOST_REQUIRE(!status);
  BOOST_CHECK(taken);
  BOOST_CHECK_EQUAL(std::ranges::count_if(disk.shelf.trace(),
                                          [](const CommandTrace& one) {
                                            return one.initiator == "beta" &&
                                                   one.command == Command::kRegister;
                                          }),
                    1);
  BOOST_CHECK(holds(disk.shelf, key(kAlpha, 8)));
}

BOOST_AUTO_TEST_CASE(disk_that_was_served_and_that_a_power_loss_freed_is_taken_again) {
  Owned disk;
  SeizeGoal goal = takeover_by_beta();
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal));
  goal.served = true;
  BOOST_REQUIRE(disk.shelf.clear(disk.beta, 0, key(kBeta, 4)));
  BOOST_REQUIRE(seize(*disk.beta.lun(0), goal));
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(seizure_that_fails_withdraws_its_registration_whatever_failed) {
  for (const FaultKind kind : {FaultKind::kTimeout, FaultKind::kIoError, FaultKind::kConflict}) {
    for (const Command command : {Command::kPreemptAndAbort, Command::kReserve}) {
      Owned disk;
      if (command == Command::kReserve) {
        BOOST_REQUIRE(disk.alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
      }
      disk.shelf.inject(0, {.kind = kind, .only = command, .initiator = "beta"});
      const Status status = seize(*disk.beta.lun(0), takeover_by_beta());
      BOOST_REQUIRE(!status);
      BOOST_CHECK(status.error().code == (kind == FaultKind::kTimeout   ? Code::kTimeout
                                          : kind == FaultKind::kIoError ? Code::kIo
                                                                        : Code::kConflict));
      BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
    }
  }
}

BOOST_AUTO_TEST_CASE(registration_of_an_interrupted_run_is_withdrawn_by_the_next_one_that_fails) {
  Owned disk;
  settle(disk.beta);
  BOOST_REQUIRE(disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false));
  const SeizeView seen{.keys = disk.shelf.registrations(0).keys,
                       .holder = disk.shelf.reservation(0)};
  disk.shelf.inject(
      0, {.kind = FaultKind::kTimeout, .only = Command::kPreemptAndAbort, .initiator = "beta"});
  BOOST_CHECK(!seize(*disk.beta.lun(0), takeover_by_beta(), nullptr, seen));
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(registration_that_was_answered_by_a_time_out_is_withdrawn_too) {
  Owned disk;
  disk.shelf.inject(
      0,
      {.kind = FaultKind::kTimeout, .only = Command::kRegister, .initiator = "beta", .times = 1});
  bool executed = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kReadKeys || executed) return;
    executed = true;  // the target got round to it
    (void)disk.beta.lun(0)->register_ignoring_existing(key(kBeta, 4), false);
  });
  const SeizeView seen{.keys = disk.shelf.registrations(0).keys,
                       .holder = disk.shelf.reservation(0)};
  BOOST_CHECK(!seize(*disk.beta.lun(0), takeover_by_beta(), nullptr, seen));
  BOOST_CHECK(executed);
  BOOST_CHECK(!registered(disk.shelf, key(kBeta, 4)));
}

BOOST_AUTO_TEST_CASE(reservation_that_came_with_a_failure_stays) {
  Owned disk;  // the preempt is executed, and its answer lost
  bool executed = false;
  disk.shelf.set_hook([&](const CommandTrace& trace) {
    if (trace.initiator != "beta" || trace.command != Command::kPreemptAndAbort || executed) return;
    executed = true;
    (void)disk.beta.lun(0)->preempt_and_abort(key(kBeta, 4), key(kAlpha, 7), kOwnerType);
  });
  disk.shelf.inject(0, {.kind = FaultKind::kTimeout,
                        .only = Command::kPreemptAndAbort,
                        .initiator = "beta",
                        .skip = 1});
  const Status status = seize(*disk.beta.lun(0), takeover_by_beta());
  BOOST_REQUIRE(!status);
  BOOST_CHECK(status.error().code == Code::kTimeout);
  BOOST_CHECK(holds(disk.shelf, key(kBeta, 4)));
  BOOST_CHECK(!write_block(disk.alpha));
}

BOOST_AUTO_TEST_CASE(registration_on_a_mailbox_disk_that_was_there_before_stays) {
  FakeShelf shelf;
  const Nexus alpha = shelf.connect("alpha");
  BOOST_REQUIRE(seize(*alpha.lun(0), {.own = key(kAlpha, 7), .shared = true}));
  BOOST_REQUIRE(alpha.lun(0)->release(key(kAlpha, 7), kOwnerType));
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kReserve});
  BOOST_CHECK(
      !seize(*alpha.lun(0), {.own = key(kAlpha, 7), .shared = true, .was_registered = true}));
  BOOST_CHECK(registered(shelf, key(kAlpha, 7)));
}

BOOST_AUTO_TEST_SUITE_END()
