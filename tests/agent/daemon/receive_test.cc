// beta has rebooted, and alpha has its disks: beta waits, takes what is promised to it, and goes
// into service. On the fake shelf and a virtual clock.
#include <filesystem>

#include "agent/daemon/arm_again.h"
#include "tests/agent/daemon/waiting_node.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(receive, Waiting)

BOOST_AUTO_TEST_CASE(node_that_waits_says_so_and_touches_nothing) {
  run_until(Instant{30'000});
  BOOST_TEST((slot().phase() == pb::PHASE_WAITING));
  BOOST_TEST((slot().sees() == mailbox_set({uuid_of(kFirst), uuid_of(kSecond), uuid_of(kSpare),
                                            uuid_of(kDump), uuid_of(kArmed)})));
  BOOST_TEST(load_node_state(config)->waiting);
  for (const unsigned lun : {kFirst, kSpare}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kAlpha});
    BOOST_TEST(shelf.registrations(lun).keys.size() == 1U);
  }
  BOOST_TEST(hooks.empty());
  BOOST_TEST(armed_at.empty());
}

// A disk of alpha's that an earlier life of beta's holds goes back, when alpha waits as well.
BOOST_AUTO_TEST_CASE(node_that_gives_back_first_holds_disks_again_when_the_partner_waits_too) {
  const ReservationKey earlier = key_of(kBeta, kOwn - 1);
  pb::Label label = label_on(shelf, kSpare);
  label.set_home_node(kAlpha);
  label.set_home_generation(kCrashed - 1);
  label.set_owner_node(kBeta);
  label.set_owner_generation(kOwn - 1);
  plant(shelf, kSpare, label);
  BOOST_TEST_REQUIRE(fake::ok(beta.lun(kSpare)->register_ignoring_existing(earlier, false)));
  BOOST_TEST_REQUIRE(
      fake::ok(beta.lun(kSpare)->preempt(earlier, key_of(kAlpha, kCrashed), kOwnerType)));
  const auto holder_key = [this] { return shelf.reservation(kSpare)->holder; };
  run_until(Instant{20'000});
  BOOST_TEST((holder_key() == earlier));
  beat.phase = pb::PHASE_WAITING;
  begin_another_agent();
  run_until(Instant{40'000});
  BOOST_TEST((holder_key() == state.key));
  BOOST_TEST(told("held-again"));
}

BOOST_AUTO_TEST_CASE(node_that_waits_and_has_nothing_to_give_ends_its_takeover) {
  pb::TakeoverIntent taking =
      next_intent(std::nullopt, pb::TakeoverIntent::TAKING, kAlpha, kCrashed);
  BOOST_TEST_REQUIRE(fake::ok(save_intent(config, taking)));
  run_until(Instant{20'000});
  BOOST_TEST((phase() == pb::TakeoverIntent::TAKING));
  beat.phase = pb::PHASE_WAITING;
  begin_another_agent();
  run_until(Instant{40'000});
  BOOST_TEST((phase() == pb::TakeoverIntent::ENDED));
}

BOOST_AUTO_TEST_CASE(promised_disks_are_taken_armed_and_served_when_all_are_there) {
  each_second = [this] {
    if (executor.now() >= Instant{20'000}) {
      for (const unsigned lun : {kSpare, kDump, kArmed}) {
        if (label_on(shelf, lun).owner_node() == kAlpha) promise(lun);
      }
    }
    if (executor.now() >= Instant{40'000}) {
      for (const unsigned lun : {kFirst, kSecond}) {
        if (label_on(shelf, lun).owner_node() == kAlpha) promise(lun);
      }
    }
    if (executor.now() >= Instant{35'000} && executor.now() < Instant{39'000}) {
      BOOST_TEST(armed_at.size() == 1U);
      BOOST_TEST(hooks.empty());
      BOOST_TEST((slot().phase() == pb::PHASE_RECEIVING));
      BOOST_TEST(load_node_state(config)->waiting);
    }
  };
  run_until(Instant{80'000});
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
    BOOST_TEST(shelf.registrations(lun).keys.size() == 1U);
    BOOST_TEST(label_on(shelf, lun).owner_node() == unsigned{kBeta});
    BOOST_TEST(label_on(shelf, lun).promised_node() == 0U);
    BOOST_TEST(label_on(shelf, lun).owner_mailbox_set() == mailbox_set({uuid_of(kMailbox)}));
  }
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks.front().input.event == "service-returned");
  BOOST_TEST(hooks.front().input.disks.size() == 2U);
  BOOST_TEST(hooks.front().begun >= Instant{40'000});
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST(!load_node_state(config)->unannounced);
  // What this node read of them at its boot is old.
  for (const unsigned lun : {kFirst, kSecond}) {
    BOOST_TEST(std::ranges::count(view.dropped, path_of(lun)) == 1);
  }
  BOOST_TEST((slot().phase() == pb::PHASE_PAIRED));
  BOOST_TEST(armed_at.size() == 2U);
}

BOOST_AUTO_TEST_CASE(node_that_could_not_be_armed_is_armed_when_the_reason_is_gone) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  arming_fails_until = Instant{60'000};
  ends = Instant{900'000};
  run_until(Instant{300'000});
  BOOST_TEST_REQUIRE(armed_at.size() >= 3U);
  BOOST_TEST(armed_at.size() <= 8U);
  BOOST_TEST(armed_at.back() >= arming_fails_until);
  BOOST_TEST(std::ranges::count_if(events, [](const std::string& line) {
               return line.find(" armed ") != std::string::npos;
             }) == 1);
}

BOOST_AUTO_TEST_CASE(arming_that_fails_for_good_is_given_up) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  arming_fails_until = Instant::max();
  ends = Instant{9'000'000};
  run_until(Instant{8'000'000});
  BOOST_TEST(armed_at.size() <= ArmAgain::kTries + 2);
  BOOST_TEST(armed_at.size() >= ArmAgain::kTries);
  BOOST_TEST(armed_at.back() < Instant{7'000'000});
}

BOOST_AUTO_TEST_CASE(service_that_could_not_be_started_is_told_again_by_the_next_agent) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  view.stale.insert(path_of(kSecond));
  hook_fails = true;
  run_until(Instant{30'000});
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks.front().input.stale_disks == Lines{path_of(kSecond)});
  BOOST_TEST(told("hook-failed"));
  BOOST_TEST(load_node_state(config)->unannounced);
  hook_fails = false;
  run_until(Instant{60'000});
  BOOST_TEST(hooks.size() == 2U);
  BOOST_TEST(!load_node_state(config)->unannounced);
}

// The giver has promised all, and ended the service.
BOOST_AUTO_TEST_CASE(service_comes_back_to_a_node_whose_notes_can_not_be_written_any_more) {
  for (const char* file : {"generation-2", "mailbox-disks", "in-service-2"}) {
    std::filesystem::create_directories(config.persistent_directory + "/" + file + ".new");
  }
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  run_until(Instant{60'000});
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks.front().input.event == "service-returned");
  BOOST_TEST(told("note-not-kept " + config.persistent_directory + "/in-service-2"));
  BOOST_TEST(!told("disk-not-returned"));
}

// `lastword halt` runs service-leaving by then.
BOOST_AUTO_TEST_CASE(service_that_a_command_ends_is_not_begun) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  const EventSink telling = [this, tell = work.events](const Event& event) {
    tell(event);
    if (event.name != "service-returned") return;
    auto now = load_node_state(config);
    BOOST_TEST_REQUIRE(fake::ok(now));
    now->unannounced = false;
    BOOST_TEST(fake::ok(save_node_state(config, *now)));
  };
  BOOST_TEST(fake::ok(run_agent(config, surveyor, telling, all_hands(),
                                {.heartbeat = &heartbeat(), .stop_wanted = [this] {
                                   return executor.now() >= Instant{60'000};
                                 }})));
  BOOST_TEST(told("service-returned"));
  BOOST_TEST(hooks.empty());
}

// Pending work is no reason to keep clients from a service.
BOOST_AUTO_TEST_CASE(pending_work_is_resumed_before_the_service_whatever_comes_of_it) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  TakeoverHands all = all_hands();
  std::vector<HookInput> resumed;
  all.resume = [&](const HookInput& input) -> Status {
    BOOST_TEST(hooks.empty());
    resumed.push_back(input);
    return fail({.code = Code::kIo, .operation = "hook resume"});
  };
  BOOST_TEST(fake::ok(run_agent(config, surveyor, work.events, all,
                                {.heartbeat = &heartbeat(), .stop_wanted = [this] {
                                   return executor.now() >= Instant{60'000};
                                 }})));
  BOOST_TEST_REQUIRE(resumed.size() == 1U);
  BOOST_TEST(resumed.front().event == "resume");
  BOOST_TEST(resumed.front().new_disks.size() == 2U);
  BOOST_TEST(hooks.size() == 1U);
  BOOST_TEST(told("hook-failed"));
  BOOST_TEST(!load_node_state(config)->unannounced);
}

// The hook may run `lastword start`, which asks for the lock that arming has.
BOOST_AUTO_TEST_CASE(node_is_not_armed_again_while_the_hook_is_at_work) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
  arming_fails_until = Instant::max();
  ends = Instant{900'000};
  TakeoverHands all = all_hands();
  Instant began{};
  Instant ended{};
  all.run_hook = [&](const HookInput&) -> Status {
    began = executor.now();
    executor.sleep(milliseconds{100'000});
    ended = executor.now();
    return {};
  };
  BOOST_TEST(fake::ok(run_agent(config, surveyor, work.events, all,
                                {.heartbeat = &heartbeat(), .stop_wanted = [this] {
                                   return executor.now() >= Instant{300'000};
                                 }})));
  BOOST_TEST((began > Instant{} && ended < Instant{200'000}));
  BOOST_TEST(std::ranges::none_of(armed_at, [&](Instant at) { return at > began && at < ended; }));
  BOOST_TEST(std::ranges::any_of(armed_at, [&](Instant at) { return at >= ended; }));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_it_could_not_join_is_joined_later) {
  BOOST_TEST_REQUIRE(fake::ok(unregister(*beta.lun(kMailbox))));
  state.mailbox_joined.clear();
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  run_until(Instant{20'000});
  BOOST_TEST((slot().phase() == pb::PHASE_WAITING));
  BOOST_TEST(load_node_state(config)->mailbox_joined == state.mailbox_disks);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(promise_to_an_earlier_life_is_not_taken) {
  promise(kFirst, kOwn - 1);
  run_until(Instant{20'000});
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

// Nobody is left who would give the disks back.
BOOST_AUTO_TEST_CASE(partner_that_panics_is_taken_over_with_both_sets) {
  pb::Label label = label_on(shelf, kDump);
  label.set_home_node(kAlpha);
  label.set_home_generation(kCrashed);
  plant(shelf, kDump, label);
  each_second = [this] {
    if (executor.now() >= Instant{30'000} && executor.now() < Instant{31'000}) {
      put_header(kDump, pb::IN_PROGRESS);
    }
  };
  dies = Instant{30'000};
  dump_ends = Instant{35'000};
  run_until(Instant{70'000});
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
  }
  BOOST_TEST_REQUIRE(hooks.size() >= 2U);
  BOOST_TEST(hooks.front().input.event == "service-taken");
  BOOST_TEST(hooks.back().input.event == "service-returned");
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST(label_on(shelf, kFirst).home_generation() == kOwn);
  BOOST_TEST(recovered.size() == 1U);
}

BOOST_AUTO_TEST_CASE(partner_that_falls_silent_is_taken_over_with_both_sets) {
  pb::Label label = label_on(shelf, kDump);
  label.set_home_node(kAlpha);
  label.set_home_generation(kCrashed);
  plant(shelf, kDump, label);
  dies = Instant{30'000};
  run_until(Instant{90'000});
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
  }
  BOOST_TEST(told("takeover-announced"));
  BOOST_TEST(!load_node_state(config)->waiting);
}

BOOST_AUTO_TEST_CASE(announced_takeover_that_never_comes_is_not_waited_for_for_good) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    const auto lun_of_alpha = alpha.lun(lun);
    (void)lun_of_alpha->release(key_of(kAlpha, kCrashed), kOwnerType);
    (void)unregister(*lun_of_alpha);
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(0);
    plant(shelf, lun, label);
  }
  pb::MailboxSlot announced = slots_on(shelf, kMailbox)[0];
  announced.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
  announced.mutable_intent()->set_victim_node(kBeta);
  announced.mutable_intent()->set_victim_generation(kOwn - 1);
  announced.mutable_intent()->set_number(3);
  plant(shelf, kMailbox, announced, RecordPlace::kMailboxLow);
  dies = Instant{10'000};
  const Instant silent = dies + config.timing.peer_silence();
  each_second = [this, silent] {
    if (executor.now() < silent - milliseconds(3000)) BOOST_TEST(!shelf.reservation(kFirst));
  };
  run_until(silent + milliseconds(20'000));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(told("service-returned"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
