// A partner that dies without a word, and one that only seems to: heartbeats, announcement and
// takeover.
#include "tests/agent/daemon/silence.h"

namespace lastword::test {

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
  BOOST_TEST(!against_acting_on_silence(look->survey, config, state, last, std::nullopt));
  state.mailbox_disks = {uuid_of(kMailbox), "a", "b"};
  alpha_counts_by(state.mailbox_disks);
  const auto again = surveyor.look();
  BOOST_TEST_REQUIRE(again.has_value());
  const auto against = against_acting_on_silence(again->survey, config, state, last, std::nullopt);
  BOOST_TEST_REQUIRE(against.has_value());
  BOOST_TEST(against->reason.find("registered on 1 of 3") != std::string::npos);
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

BOOST_AUTO_TEST_CASE(panic_that_follows_a_takeover_that_was_called_off_is_acted_on_at_once) {
  wakes = dies + config.timing.peer_silence() + milliseconds(4000);
  std::optional<Instant> panics;
  each_second = [&] {
    if (!panics && told("takeover-refused")) panics = executor.now() + milliseconds(2000);
    if (panics && executor.now() >= *panics) {
      dies = *panics;
      wakes = Instant::max();
      put_header(kDump, pb::IN_PROGRESS);
    }
  };
  BOOST_CHECK_THROW(
      (void)run_agent(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()}),
      StillWatching);
  BOOST_TEST_REQUIRE(panics.has_value());
  BOOST_TEST(time_of("takeover-started") <= *panics + milliseconds(2000));
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
  // By the first agent: the second one has heard nothing of a partner that is dead.
  BOOST_TEST(std::ranges::count_if(events, [](const std::string& line) {
               return line.find(" partner-heard ") != std::string::npos;
             }) == 1);
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
