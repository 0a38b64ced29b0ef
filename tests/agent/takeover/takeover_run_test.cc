// A whole takeover on the fake shelf, in one thread on a virtual clock: takeover_plan, seize_plan,
// late disks, records and reservations, all as they are.
#include "agent/takeover/takeover_run.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/agent/takeover/panic.h"

namespace lastword::test {

BOOST_AUTO_TEST_SUITE(takeover_run)

BOOST_AUTO_TEST_CASE(service_comes_at_once_and_the_dump_disk_when_the_dump_is_over) {
  Panic panic;
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{panic.holder(lun)} == unsigned{kBeta});
    BOOST_TEST(label_on(panic.shelf, lun).owner_node() == unsigned{kBeta});
  }
  BOOST_TEST(panic.recovered == Lines{path_of(kDump)}, boost::test_tools::per_element());
  const auto service = panic.place_of("service-taken");
  const auto claimed = panic.place_of("dump-disk-claimed");
  BOOST_TEST_REQUIRE(service >= 0);
  BOOST_TEST_REQUIRE(claimed > service);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(service)]) < 1000);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(claimed)]) >= 3000);
}

BOOST_AUTO_TEST_CASE(the_same_happens_at_the_same_times_in_every_run) {
  Panic first;
  Panic second;
  BOOST_TEST(first.run().has_value());
  BOOST_TEST(second.run().has_value());
  BOOST_TEST(first.events.size() > 8U);
  BOOST_TEST(first.events == second.events, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(armed_spare_is_not_taken_before_the_dump_has_ended) {
  Panic panic;
  BOOST_TEST(panic.run().has_value());
  const auto armed = panic.place_of("take-started " + path_of(kArmed));
  BOOST_TEST_REQUIRE(armed >= 0);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(armed)]) >= 3000);
}

BOOST_AUTO_TEST_CASE(dump_whose_writer_stalls_is_ended_and_an_armed_spare_disarmed) {
  Panic panic;
  panic.dump_ends = Instant::max();
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  const pb::CoredumpHeader dump = header_on(panic.shelf, kDump);
  BOOST_TEST(dump.attribute() == pb::ABORTED);
  BOOST_TEST(dump.reason() == pb::STALLED);
  BOOST_TEST(header_on(panic.shelf, kArmed).attribute() == pb::INACTIVE);
  const auto claimed = panic.place_of("dump-disk-claimed");
  BOOST_TEST_REQUIRE(claimed >= 0);
  BOOST_TEST(std::stoi(panic.events[static_cast<std::size_t>(claimed)]) >=
             panic.config.timing.stall().count());
}

BOOST_AUTO_TEST_CASE(service_disk_that_is_sick_at_first_is_taken_late_and_announced) {
  Panic panic;
  panic.sick_until = Instant{8000};
  panic.shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST(unsigned{panic.holder(kSecond)} == unsigned{kBeta});
  unsigned announced = 0;
  for (const std::string& line : panic.events) {
    announced += line.find("service-taken") != std::string::npos ? 1U : 0U;
  }
  BOOST_TEST(announced == 2U);
}

BOOST_AUTO_TEST_CASE(service_disk_whose_first_preempt_times_out_is_announced_when_it_comes) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta",
                               .times = 1});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.announcements().size() == 2U);
  BOOST_TEST(panic.announcements()[0].ends_with("1 disk, new: /dev/sda, still without: /dev/sdb"));
  BOOST_TEST(panic.announcements()[1].ends_with("2 disks, new: /dev/sdb"));
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  const HookInput& first = panic.hooks[0].input;
  BOOST_TEST(first.disks == Lines{path_of(kFirst)}, boost::test_tools::per_element());
  BOOST_TEST(first.missing_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  const HookInput& second = panic.hooks[1].input;
  BOOST_TEST(second.disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  BOOST_TEST(second.new_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(second.missing_disks.empty());
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_taken_keeps_no_registration_of_the_taker) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta"});
  BOOST_TEST(panic.run().has_value());
  for (const ReservationKey key : panic.shelf.registrations(kSecond).keys) {
    BOOST_TEST((key != panic.state.key));
  }
}

BOOST_AUTO_TEST_CASE(registrant_of_neither_node_is_removed_and_named) {
  constexpr ReservationKey kStranger{0xdeadbeef};
  for (const bool refuse : {false, true}) {
    Panic panic;
    if (refuse) panic.config.foreign_registrants = ForeignRegistrants::kRefuse;
    const fake::Nexus third = panic.shelf.connect("third");
    BOOST_TEST_REQUIRE(fake::ok(third.lun(kFirst)->register_ignoring_existing(kStranger, false)));
    const auto report = panic.run();
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(report->complete == !refuse);
    BOOST_TEST((panic.shelf.registrations(kFirst).keys ==
                (refuse ? std::vector{key_of(kAlpha, kCrashed), kStranger}
                        : std::vector{panic.state.key})));
    const auto event = panic.place_of("foreign-registrant-removed " + path_of(kFirst));
    BOOST_TEST((event >= 0) == !refuse);
    if (!refuse) {
      BOOST_TEST(panic.events[static_cast<std::size_t>(event)].find(to_string(kStranger)) !=
                 std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(second_announcement_waits_for_the_hook_of_the_first) {
  Panic panic;
  panic.hook_takes = milliseconds(40'000);
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta",
                               .times = 1});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  BOOST_TEST(panic.hooks[1].begun.count() >= panic.hooks[0].ended.count());
  BOOST_TEST(panic.executor.now().count() >= panic.hooks[1].ended.count());
}

BOOST_AUTO_TEST_CASE(disk_that_is_announced_as_missing_and_never_comes_makes_it_incomplete) {
  Panic panic;
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 1U);
  BOOST_TEST(panic.hooks[0].input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(service_is_not_announced_before_one_of_its_disks_is_held) {
  Panic panic;
  for (const unsigned lun : {kFirst, kSecond}) {
    panic.shelf.inject(lun, {.kind = fake::FaultKind::kIoError,
                             .only = fake::Command::kPreemptAndAbort,
                             .initiator = "beta",
                             .times = 1});
  }
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  for (const std::string& line : panic.announcements()) {
    BOOST_TEST(std::stoi(line) >= panic.config.timing.settings.io_timeout.count());
  }
}

BOOST_AUTO_TEST_CASE(lost_vote_touches_no_disk_but_the_mailbox) {
  Panic panic;
  Medium medium(panic.shelf, kMailbox);
  pb::MailboxSlot slot;
  slot.set_node(kAlpha);
  slot.set_generation(kCrashed);
  slot.set_mailbox_set(mailbox_set(panic.state.mailbox_disks));
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
  slot.mutable_intent()->set_victim_node(kBeta);
  slot.mutable_intent()->set_victim_generation(kOwn);
  BOOST_TEST_REQUIRE(
      RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, slot).has_value());
  BOOST_TEST_REQUIRE(fake::ok(
      panic.alpha.lun(kMailbox)->preempt(key_of(kAlpha, kCrashed), panic.state.key, kOwnerType)));
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(!report.has_value());
  BOOST_TEST((report.error().code == Code::kFenced));
  for (const fake::CommandTrace& trace : panic.shelf.trace()) {
    BOOST_TEST(trace.lun == unsigned{kMailbox});
  }
  BOOST_TEST(panic.phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(intent_is_durable_here_and_on_a_mailbox_disk_before_anything_is_preempted) {
  Panic panic;
  unsigned preempts = 0;
  panic.watch_command = [&](const fake::CommandTrace& trace) {
    if (trace.command != fake::Command::kPreempt &&
        trace.command != fake::Command::kPreemptAndAbort) {
      return;
    }
    ++preempts;
    BOOST_TEST(panic.phase() == pb::TakeoverIntent::TAKING);
    const pb::TakeoverIntent copy = intent_on(panic.shelf, kMailbox);
    BOOST_TEST(copy.phase() == pb::TakeoverIntent::TAKING);
    BOOST_TEST(copy.victim_generation() == kCrashed);
  };
  BOOST_TEST(panic.run().has_value());
  BOOST_TEST(preempts > 3U);
  BOOST_TEST(panic.phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(intent_on(panic.shelf, kMailbox).phase() == pb::TakeoverIntent::TAKEN);
}

// alpha came back meanwhile, on a disk that beta could not read at first; or on one whose label
// tells of no life yet.
BOOST_AUTO_TEST_CASE(life_that_began_since_an_operator_spoke_is_respected) {
  for (const bool labelled : {true, false}) {
    Panic panic;
    panic.sick_until = Instant{8000};
    panic.shelf.inject(
        kSecond,
        {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
    auto look = panic.surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    pb::Label label = make_label(kSecond, pb::SERVICE);
    label.set_owner_node(labelled ? kAlpha : 0);
    label.set_owner_generation(labelled ? kCrashed + 1 : 0);
    plant(panic.shelf, kSecond, label);
    const ReservationKey later = key_of(kAlpha, kCrashed + 1);
    BOOST_TEST_REQUIRE(
        fake::ok(panic.alpha.lun(kSecond)->register_ignoring_existing(later, false)));
    const auto report = take_over(panic.work, {.look = std::move(*look)});
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(!report->complete);
    BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{kBeta});
    BOOST_TEST((panic.shelf.reservation(kSecond)->holder == later));
  }
}

// alpha waited in that life: its key was on the mailbox disk alone, and is gone from there.
BOOST_AUTO_TEST_CASE(life_that_the_intent_was_against_is_not_forgotten) {
  Panic panic;
  pb::TakeoverIntent before =
      next_intent(std::nullopt, pb::TakeoverIntent::TAKEN, kAlpha, kCrashed + 1);
  BOOST_TEST_REQUIRE(fake::ok(save_intent(panic.config, before)));
  BOOST_TEST(fake::ok(panic.run()));
  BOOST_TEST(intent_on(panic.shelf, kMailbox).victim_generation() == kCrashed + 1);
}

// Automatic givebacks are limited against ping-pong; a takeover never is, and keeps their count.
BOOST_AUTO_TEST_CASE(takeover_is_not_limited_however_many_givebacks_were_automatic) {
  Panic panic;
  panic.config.giveback.on = true;
  panic.config.giveback.most = 1;
  pb::TakeoverIntent before =
      next_intent(std::nullopt, pb::TakeoverIntent::ENDED, kAlpha, kCrashed - 1);
  before.set_automatic_returns(1000);
  BOOST_TEST_REQUIRE(fake::ok(save_intent(panic.config, before)));
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{kBeta});
  const pb::TakeoverIntent taken = intent_on(panic.shelf, kMailbox);
  BOOST_TEST(taken.phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(taken.automatic_returns() == 1000U);
}

BOOST_AUTO_TEST_CASE(intent_on_a_mailbox_disk_is_enough_where_this_machine_cannot_keep_it) {
  Panic panic;
  panic.config.persistent_directory = "/dev/null/lib";
  panic.watch_command = [&](const fake::CommandTrace& trace) {
    if (trace.command != fake::Command::kPreempt &&
        trace.command != fake::Command::kPreemptAndAbort) {
      return;
    }
    BOOST_TEST(intent_on(panic.shelf, kMailbox).phase() == pb::TakeoverIntent::TAKING);
  };
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(panic.place_of("intent-not-kept /dev/null/lib") >= 0);
  BOOST_TEST(intent_on(panic.shelf, kMailbox).phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_AUTO_TEST_CASE(takeover_whose_intent_is_kept_nowhere_touches_no_disk_but_the_mailbox) {
  for (const auto fault : {fake::Command::kWrite, fake::Command::kFlush}) {
    Panic panic;
    panic.config.persistent_directory = "/dev/null/lib";
    panic.shelf.inject(kMailbox,
                       {.kind = fake::FaultKind::kIoError, .only = fault, .initiator = "beta"});
    const auto report = panic.run();
    BOOST_TEST_REQUIRE(!report.has_value());
    BOOST_TEST(describe(report.error()).find("nothing is taken") != std::string::npos);
    for (const fake::CommandTrace& trace : panic.shelf.trace()) {
      BOOST_TEST(trace.lun == unsigned{kMailbox});
      BOOST_TEST((trace.command != fake::Command::kPreempt));
    }
  }
}

BOOST_AUTO_TEST_CASE(without_a_mailbox_disk_this_machine_must_keep_the_intent) {
  Panic panic;
  panic.config.persistent_directory = "/dev/null/lib";
  panic.state.mailbox_disks.clear();
  panic.state.mailbox_joined.clear();
  BOOST_TEST(!panic.run().has_value());
  BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(takeover_with_a_disk_left_undone_is_not_noted_as_done) {
  Panic panic;
  panic.shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST(panic.phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(proven_panic_needs_no_majority_an_operators_word_does) {
  for (const bool proven : {true, false}) {
    Panic panic;
    panic.shelf.inject(kMailbox, {.kind = fake::FaultKind::kIoError, .initiator = "beta"});
    const auto report = panic.run(proven);
    BOOST_TEST(report.has_value() == proven);
    BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{proven ? kBeta : kAlpha});
    if (!proven) BOOST_TEST((report.error().code == Code::kRefused));
  }
}

BOOST_AUTO_TEST_CASE(node_that_its_partner_took_over_from_takes_nothing_back_by_itself) {
  Panic panic;
  panic.shelf.inject(kMailbox, {.kind = fake::FaultKind::kIoError, .initiator = "beta"});
  pb::Label lost = make_label(kSecond, pb::SERVICE, kBeta);
  lost.set_owner_node(kAlpha);
  lost.set_owner_generation(kCrashed);
  plant(panic.shelf, kSecond, lost);
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(!report.has_value());
  BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(nodes_that_count_votes_by_other_disks_take_over_only_on_a_proven_panic) {
  for (const bool proven : {true, false}) {
    Panic panic;
    panic.alpha_counts_by({uuid_of(kMailbox), uuid_of(9)});
    const auto report = panic.run(proven);
    BOOST_TEST(report.has_value() == proven);
    BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{proven ? kBeta : kAlpha});
  }
}

BOOST_AUTO_TEST_CASE(cache_is_dropped_before_service_and_what_may_be_stale_is_named) {
  Panic panic;
  panic.view.stale = {path_of(kSecond)};
  panic.view.openers = {{path_of(kFirst), {"dd (7)"}}};
  BOOST_TEST(panic.run().has_value());
  BOOST_TEST(panic.view.dropped == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  const auto stale = panic.place_of("stale-cache " + path_of(kSecond));
  BOOST_TEST(stale >= 0);
  BOOST_TEST(stale < panic.place_of("service-taken"));
  BOOST_TEST(panic.place_of("disk-open " + path_of(kFirst) + " dd (7)") >= 0);
  BOOST_TEST_REQUIRE(!panic.hooks.empty());
  BOOST_TEST(panic.hooks[0].input.openers == Lines{path_of(kFirst) + " dd (7)"},
             boost::test_tools::per_element());
  BOOST_TEST(panic.hooks[0].input.stale_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
