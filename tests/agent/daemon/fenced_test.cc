// What a node says of itself by its heartbeats, and how it learns that it was taken over from.
#include "agent/node/locks.h"
#include "tests/agent/daemon/silence.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(fenced, Silence)

BOOST_AUTO_TEST_CASE(node_that_is_taken_over_from_while_it_lives_runs_its_hook_and_panics) {
  dies = Instant::max();
  each_second = [this] {
    if (executor.now() < Instant{20'000} || executor.now() >= Instant{21'000}) return;
    // As alpha's takeover does it: the intent first.
    Medium medium(shelf, kMailbox);
    RecordIo records(medium, kMetadataOffset);
    pb::MailboxSlot slot;
    BOOST_TEST_REQUIRE(records.read(RecordPlace::kMailboxLow, slot).has_value());
    slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
    slot.mutable_intent()->set_victim_node(kBeta);
    slot.mutable_intent()->set_victim_generation(kOwn);
    slot.mutable_intent()->set_number(1);
    BOOST_TEST_REQUIRE(fake::ok(records.put(RecordPlace::kMailboxLow, slot)));
    BOOST_TEST_REQUIRE(
        fake::ok(alpha.lun(kMailbox)->preempt(key_of(kAlpha, kCrashed), state.key, kOwnerType)));
  };
  bool panicked = false;
  TakeoverHands all = hands();
  all.panic = [&] { panicked = true; };
  const auto run = [&] {
    return run_agent(config, surveyor, work.events, all, {.heartbeat = &heartbeat()});
  };
  BOOST_TEST(fake::fails(run(), Code::kFenced));
  BOOST_TEST(panicked);
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks.front().input.event == "fenced");
  BOOST_TEST(executor.now() < Instant{30'000});
  panicked = false;
  config.when_fenced = WhenFenced::kEnd;
  BOOST_TEST(fake::fails(run(), Code::kFenced));
  BOOST_TEST(!panicked);
}

BOOST_AUTO_TEST_CASE(
    node_that_waits_and_loses_a_disk_that_its_service_has_runs_its_hook_and_panics) {
  dies = Instant::max();
  state.waiting = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  pb::AnnouncedService announced;
  announced.set_generation(kOwn);
  announced.add_told(uuid_of(kFirst));
  BOOST_TEST_REQUIRE(fake::ok(save_announced(config, announced)));
  bool panicked = false;
  TakeoverHands all = hands();
  all.panic = [&] { panicked = true; };
  BOOST_TEST(fake::fails(run_agent(config, surveyor, work.events, all, {.heartbeat = &heartbeat()}),
                         Code::kFenced));
  BOOST_TEST(panicked);
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks.front().input.event == "fenced");
}

// By another program of this node's, while the agent reads other disks.
BOOST_AUTO_TEST_CASE(disk_that_is_taken_while_a_look_is_under_way_fences_nobody) {
  dies = Instant::max();
  ends = Instant{40'000};
  state.waiting = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  bool taken = false;
  watch_command = [this, before = watch_command, &taken](const fake::CommandTrace& trace) {
    before(trace);
    if (taken || executor.now() < Instant{10'000} || trace.initiator != "beta" ||
        trace.lun != kMailbox || trace.command != fake::Command::kReadReservation) {
      return;
    }
    taken = true;
    const auto lun = beta.lun(kFirst);
    BOOST_TEST(fake::ok(lun->register_ignoring_existing(state.key, false)));
    BOOST_TEST(fake::ok(lun->preempt(state.key, key_of(kAlpha, kCrashed), kOwnerType)));
    BOOST_TEST(fake::ok(add_told(config, kOwn, {uuid_of(kFirst)})));
  };
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(taken);
}

BOOST_AUTO_TEST_CASE(heartbeats_begin_beyond_those_on_a_disk_that_is_gone) {
  dies = Instant::max();
  ends = Instant{90'000'000};
  executor.sleep(milliseconds(80'000'000));  // a day after the boot
  Heartbeat late(config, view, executor, work.events, "beta");
  const auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  late.follow(*look, state);
  late.tick();
  executor.sleep(milliseconds(100));
  late.tick();
  Medium medium(shelf, kMailbox);
  pb::MailboxSlot slot;
  BOOST_TEST_REQUIRE(
      RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot).has_value());
  // More than one for each second of the day.
  BOOST_TEST(slot.sequence() >= 80'000U);
}

BOOST_AUTO_TEST_CASE(node_that_has_lost_its_state_goes_on_saying_that_it_lives) {
  dies = Instant::max();
  ends = Instant{60'000};
  each_second = [this] {
    if (executor.now() >= Instant{20'000}) (void)remove_node_state(config);
  };
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("state-lost"));
  Medium medium(shelf, kMailbox);
  pb::MailboxSlot slot;
  BOOST_TEST_REQUIRE(
      RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot).has_value());
  BOOST_TEST(slot.sequence() >= 55U);
}

BOOST_AUTO_TEST_CASE(life_that_stop_has_ended_is_not_said_to_live) {
  pb::MailboxSlot gone;
  gone.set_node(kAlpha);
  gone.set_generation(kCrashed);
  gone.set_presence(pb::GONE);
  BOOST_TEST(fake::fails(slot_with_beat(gone, member, beat), Code::kFenced));
}

BOOST_AUTO_TEST_CASE(one_lost_vote_of_three_fences_nobody) {
  use_three_mailboxes();
  const auto preempt = [this](unsigned lun) {
    Medium medium(shelf, lun);
    RecordIo records(medium, kMetadataOffset);
    pb::MailboxSlot slot;
    slot.set_node(kAlpha);
    slot.set_generation(kCrashed);
    slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
    slot.mutable_intent()->set_victim_node(kBeta);
    slot.mutable_intent()->set_victim_generation(kOwn);
    slot.mutable_intent()->set_number(1);
    BOOST_TEST_REQUIRE(fake::ok(records.put(RecordPlace::kMailboxLow, slot)));
    BOOST_TEST_REQUIRE(
        fake::ok(alpha.lun(lun)->preempt(key_of(kAlpha, kCrashed), state.key, kOwnerType)));
  };
  const auto check = [this] {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    return check_not_fenced(look->survey, config, state);
  };
  preempt(kDump);
  BOOST_TEST(fake::ok(check()));
  preempt(kArmed);
  BOOST_TEST(fake::fails(check(), Code::kFenced));
}

// A node whose agent has ended would take over no more, and nobody would start it again.
BOOST_AUTO_TEST_CASE(takeover_that_loses_one_vote_of_three_ends_no_agent) {
  use_three_mailboxes();
  ends = Instant{120'000};
  bool lost = false;
  each_second = [this, &lost] {
    // The disk that is asked first; another one does not answer, so that there is no majority.
    if (lost || !told("takeover-announced")) return;
    lost = true;
    Medium medium(shelf, kMailbox);
    RecordIo records(medium, kMetadataOffset);
    pb::MailboxSlot slot;
    if (!records.read(RecordPlace::kMailboxLow, slot)) slot.Clear();
    slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
    slot.mutable_intent()->set_victim_node(kBeta);
    slot.mutable_intent()->set_victim_generation(kOwn);
    slot.mutable_intent()->set_number(1);
    BOOST_TEST(fake::ok(records.put(RecordPlace::kMailboxLow, slot)));
    BOOST_TEST(
        fake::ok(alpha.lun(kMailbox)->preempt(key_of(kAlpha, kCrashed), state.key, kOwnerType)));
    shelf.inject(
        kArmed,
        {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReadKeys, .initiator = "beta"});
  };
  BOOST_CHECK_THROW(
      (void)run_agent(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()}),
      StillWatching);
  BOOST_TEST(lost);
  BOOST_TEST(told("takeover-refused"));
}

// A takeover that was interrupted is to be resumed, and not a disk of the partner's is there.
BOOST_AUTO_TEST_CASE(partner_whose_disks_are_out_of_sight_ends_no_agent) {
  dies = Instant{0};
  ends = Instant{60'000};
  beta_intends(true);
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    shelf.inject(lun, {.kind = fake::FaultKind::kGone, .initiator = "beta"});
  }
  BOOST_CHECK_THROW(
      (void)run_agent(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()}),
      StillWatching);
  BOOST_TEST(times_told("takeover-resumed") == 1);
  BOOST_TEST(times_told("takeover-refused") == 1);
}

// `lastword start` or another command has the lock when the agent finds that the partner lives.
BOOST_AUTO_TEST_CASE(intent_that_cannot_be_closed_at_once_is_closed_later_and_flaps_nobody) {
  dies = Instant::max();
  ends = Instant{60'000};
  beta_intends();
  auto lock = lock_takeover(config);
  BOOST_TEST_REQUIRE(fake::ok(lock));
  each_second = [this, &lock] {
    if (executor.now() < Instant{30'000} || !lock->valid()) return;
    BOOST_TEST(!told("takeover-ended"));
    lock->reset();
  };
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(!lock->valid());
  BOOST_TEST(told("takeover-ended"));
  BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(!told("own-intent-open"));
}

BOOST_AUTO_TEST_CASE(another_machine_that_is_this_node_is_told_and_not_written_over) {
  dies = Instant::max();
  ends = Instant{20'000};
  Medium medium(shelf, kMailbox);
  RecordIo records(medium, kMetadataOffset);
  pb::MailboxSlot other;
  other.set_node(kBeta);
  other.set_generation(kOwn);
  other.set_sequence(77);
  other.set_machine("another");
  BOOST_TEST_REQUIRE(fake::ok(records.put(RecordPlace::kMailboxHigh, other)));
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("another machine is this node too"));
  BOOST_TEST_REQUIRE(records.read(RecordPlace::kMailboxHigh, other).has_value());
  BOOST_TEST(other.sequence() == 77U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
