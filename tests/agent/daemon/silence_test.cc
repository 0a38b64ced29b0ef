// A partner that dies without a word, and one that only seems to: heartbeats, announcement and
// takeover, on the fake shelf and a virtual clock.
#include <functional>

#include "agent/daemon/agent_run.h"
#include "agent/disks/own_slot.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

struct StillWatching {};

// alpha lives, and its agent writes a heartbeat each second, until `dies`. No capture kernel
// starts.
class Silence : public Panic {
 public:
  Silence() {
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    for (const unsigned lun : {kDump, kArmed}) plant(shelf, lun, pb::CoredumpHeader());
    dump_ends = Instant::max();
    beat.machine = "alpha";
    beat.timing = config.timing;
    watch_command = [this](const fake::CommandTrace& trace) {
      if (trace.lun == slow_lun) executor.sleep(milliseconds(3000));
      pass();
    };
  }

  Result<std::optional<TakeoverReport>> watch() {
    return watch_and_take_over(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()});
  }
  [[nodiscard]] TakeoverHands hands() const {
    return {.run_hook = work.run_hook, .recover = work.recover};
  }
  Heartbeat& heartbeat() {
    if (!heartbeat_) heartbeat_.emplace(config, view, executor, work.events, "beta");
    return *heartbeat_;
  }
  // Two more mailbox disks, of what were alpha's.
  void use_three_mailboxes() {
    mailboxes = {kMailbox, kDump, kArmed};
    state.mailbox_disks.clear();
    for (const unsigned lun : mailboxes) {
      plant(shelf, lun, make_label(lun, pb::MAILBOX, 0));
      BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
      state.mailbox_disks.push_back(uuid_of(lun));
    }
    std::ranges::sort(state.mailbox_disks);
    state.mailbox_joined = state.mailbox_disks;
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    member.mailbox_set = mailbox_set(state.mailbox_disks);
  }
  void alpha_beats() {
    for (const unsigned lun : mailboxes) alpha_beats_on(lun);
  }
  void alpha_beats_on(unsigned lun) {
    Medium medium(shelf, lun);
    RecordIo records(medium, kMetadataOffset);
    pb::MailboxSlot slot;
    if (!records.read(RecordPlace::kMailboxLow, slot)) slot.Clear();
    const auto next = slot_with_beat(slot, member, beat);
    BOOST_TEST_REQUIRE(fake::ok(next));
    BOOST_TEST_REQUIRE(fake::ok(records.put(RecordPlace::kMailboxLow, *next)));
  }
  [[nodiscard]] bool told(const std::string& event) const { return place_of(event) >= 0; }
  [[nodiscard]] Instant time_of(const std::string& event) const {
    const auto place = place_of(event);
    BOOST_TEST_REQUIRE(place >= 0);
    return Instant{std::stoll(events[static_cast<std::size_t>(place)])};
  }

  MailboxMember member{
      .self = {.node = kAlpha, .boot_generation = kCrashed, .key = key_of(kAlpha, kCrashed)},
      .place = RecordPlace::kMailboxLow,
      .mailbox_set = mailbox_set({uuid_of(kMailbox)})};
  Beat beat;
  std::vector<unsigned> mailboxes{kMailbox};
  unsigned slow_lun = kLuns;
  Instant dies{60'000};
  Instant wakes = Instant::max();
  Instant ends{600'000};
  std::function<void()> each_second = [] {};

 private:
  void pass() {
    const Instant now = executor.now();
    if (now > ends) throw StillWatching();
    if (now < next_) return;
    next_ = now + milliseconds(1000);
    each_second();
    if (now < dies || now >= wakes) alpha_beats();
  }
  std::optional<Heartbeat> heartbeat_;
  Instant next_{};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(silence, Silence)

BOOST_AUTO_TEST_CASE(node_that_dies_without_a_word_is_taken_over_by_majority) {
  const auto report = watch();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  const Timing& timing = config.timing;
  BOOST_TEST(time_of("takeover-announced") >= dies + timing.peer_silence() - milliseconds(2000));
  BOOST_TEST(time_of("takeover-announced") <= dies + timing.peer_silence() + milliseconds(3000));
  BOOST_TEST(time_of("takeover-started") >= time_of("takeover-announced") + timing.announcement());
  BOOST_TEST(time_of("service-taken") <= time_of("takeover-started") + milliseconds(2000));
}

BOOST_AUTO_TEST_CASE(node_that_lives_is_left_alone) {
  dies = Instant::max();
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("partner-heard"));
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(node_that_was_never_heard_is_left_alone) {
  dies = Instant{0};
  alpha_beats();  // and never again
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(partner_that_shows_life_in_time_calls_the_takeover_off) {
  wakes = dies + config.timing.peer_silence() + milliseconds(4000);
  const auto report = watch();
  BOOST_TEST(fake::fails(report, Code::kRefused));
  BOOST_TEST(told("takeover-announced"));
  BOOST_TEST(!told("takeover-started"));
  BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(intent_on(shelf, kMailbox).phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(node_whose_agent_ends_in_order_is_left_alone) {
  each_second = [this] {
    if (executor.now() >= Instant{59'000}) beat.presence = pb::AWAY;
  };
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("partner-away"));
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(settings_that_differ_keep_from_acting_and_are_named) {
  beat.timing.settings.dump_limit = milliseconds(50'000);
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(!told("takeover-announced"));
  BOOST_TEST(told("dump_limit (60000 ms here, 50000 ms there)"));
}

BOOST_AUTO_TEST_CASE(other_mailbox_set_keeps_from_acting) {
  member.mailbox_set = mailbox_set({uuid_of(kMailbox), uuid_of(kSpare)});
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("silence-not-acted-on"));
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_hangs_keeps_nobody_from_acting) {
  use_three_mailboxes();
  each_second = [this] {
    if (executor.now() >= dies) slow_lun = kArmed;
  };
  const auto report = watch();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(told("takeover-announced"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(node_that_could_not_win_does_not_act) {
  pb::MailboxSlot last;
  last.set_generation(kCrashed);
  last.set_protocol(kProtocolVersion);
  *last.mutable_settings() = shared_settings(config.timing);
  const auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  BOOST_TEST(fake::ok(may_act_on_silence(look->survey, config, state, last, std::nullopt)));
  state.mailbox_disks = {uuid_of(kMailbox), "a", "b"};
  alpha_counts_by(state.mailbox_disks);
  const auto again = surveyor.look();
  BOOST_TEST_REQUIRE(again.has_value());
  const Status may = may_act_on_silence(again->survey, config, state, last, std::nullopt);
  BOOST_TEST_REQUIRE(fake::fails(may, Code::kRefused));
  BOOST_TEST(describe(may.error()).find("registered on 1 of 3") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(proven_panic_needs_no_silence) {
  each_second = [this] {
    if (executor.now() >= Instant{60'000}) put_header(kDump, pb::IN_PROGRESS);
  };
  dump_ends = Instant{65'000};
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(time_of("takeover-started") <= Instant{62'000});
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(agent_that_is_restarted_still_notices) {
  ends = Instant{30'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  // The partner dies while the agent is away.
  dies = Instant{31'000};
  ends = Instant{600'000};
  executor.sleep(milliseconds(10'000));
  Heartbeat again(config, view, executor, work.events, "beta");
  const auto report =
      watch_and_take_over(config, surveyor, work.events, hands(), {.heartbeat = &again});
  BOOST_TEST(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(heartbeats_go_on_while_disks_are_taken) {
  dies = Instant{30'000};
  recovery_takes = milliseconds(60'000);
  each_second = [this] {
    if (executor.now() >= Instant{30'000} && executor.now() < Instant{32'000}) {
      put_header(kDump, pb::IN_PROGRESS);
    }
  };
  dump_ends = Instant{35'000};
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  Medium medium(shelf, kMailbox);
  pb::MailboxSlot slot;
  BOOST_TEST_REQUIRE(
      RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot).has_value());
  BOOST_TEST(slot.sequence() >= 85U);
  BOOST_TEST(slot.machine() == "beta");
  BOOST_TEST(slot.echo_generation() == kCrashed);
  BOOST_TEST(slot.intent().phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_AUTO_TEST_CASE(agent_that_is_stopped_says_so) {
  dies = Instant::max();
  const Status end = run_agent(config, surveyor, work.events, hands(),
                               {.heartbeat = &heartbeat(), .stop_wanted = [this] {
                                  return executor.now() >= Instant{20'000};
                                }});
  BOOST_TEST(fake::ok(end));
  Medium medium(shelf, kMailbox);
  pb::MailboxSlot slot;
  BOOST_TEST_REQUIRE(
      RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot).has_value());
  BOOST_TEST(slot.presence() == pb::AWAY);
}

BOOST_AUTO_TEST_CASE(agent_waits_for_lastword_start) {
  dies = Instant::max();
  BOOST_TEST_REQUIRE(fake::ok(remove_node_state(config)));
  const auto stop = [&] {
    if (executor.now() >= Instant{10'000} && !load_node_state(config)) {
      BOOST_TEST(!told("watching"));
      BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    }
    return executor.now() >= Instant{20'000};
  };
  BOOST_TEST(fake::ok(run_agent(config, surveyor, work.events, hands(),
                                {.heartbeat = &heartbeat(), .stop_wanted = stop})));
  BOOST_TEST(told("waiting-for-start"));
  BOOST_TEST(told("watching"));
}

BOOST_AUTO_TEST_CASE(agent_goes_on_after_a_takeover_and_runs_no_hook_again) {
  ends = Instant{300'000};
  BOOST_CHECK_THROW(
      (void)run_agent(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()}),
      StillWatching);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(hooks.size() == 1U);
  BOOST_TEST(std::ranges::count_if(events, [](const std::string& line) {
               return line.find("takeover-announced") != std::string::npos;
             }) == 1);
}

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

BOOST_AUTO_TEST_CASE(takeover_that_leaves_a_dump_unsaved_is_not_repeated) {
  each_second = [this] {
    if (executor.now() >= Instant{60'000} && executor.now() < Instant{62'000}) {
      put_header(kDump, pb::IN_PROGRESS);
    }
  };
  dump_ends = Instant{65'000};
  ends = Instant{400'000};
  TakeoverHands all = hands();
  all.recover = [](const DiskView&, const std::function<void()>&) -> Result<std::string> {
    return fail({.code = Code::kNoSpace, .operation = "recover"});
  };
  BOOST_CHECK_THROW(
      (void)run_agent(config, surveyor, work.events, all, {.heartbeat = &heartbeat()}),
      StillWatching);
  BOOST_TEST(hooks.size() == 1U);
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKING);
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
