// What the agent looks after while a takeover is at work, whose dump takes minutes to recover.
#include "agent/daemon/own_guard.h"

#include "agent/daemon/agent_run.h"
#include "agent/node/state_files.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

// beta's agent takes over from alpha, and the recovery of the dump lasts ten minutes.
struct Guarded : Panic {
  Guarded() {
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    recovery_takes = std::chrono::minutes(10);
  }
  Status run() {
    Heartbeat heartbeat(config, view, executor, work.events, "beta");
    return run_agent(config, surveyor, work.events,
                     {.run_hook = work.run_hook, .recover = work.recover},
                     {.heartbeat = &heartbeat, .stop_wanted = [this] { return stop_wanted(); }});
  }
  // By an order there, in a later life.
  void alpha_takes_back(unsigned lun) {
    const ReservationKey later = key_of(kAlpha, kCrashed + 1);
    (void)alpha.lun(lun)->test_unit_ready();  // it is told of the preempt
    join(alpha, lun, later);
    BOOST_TEST_REQUIRE(fake::ok(alpha.lun(lun)->preempt(later, state.key, kOwnerType)));
  }
  [[nodiscard]] bool told(const std::string& event) const { return times_told(event) != 0; }
  [[nodiscard]] pb::Presence presence() { return slots_on(shelf, kMailbox)[1].presence(); }

  std::vector<Instant> beats;
  // Asked every kPollInterval.
  std::function<bool()> stop_wanted = [] { return false; };
};

constexpr Instant kInTheRecovery{60'000};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(own_guard, Guarded)

BOOST_AUTO_TEST_CASE(agent_that_is_told_to_stop_says_so_and_the_next_one_goes_on) {
  stop_wanted = [this] { return executor.now() >= kInTheRecovery; };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(executor.now() < kInTheRecovery + milliseconds(10'000));
  BOOST_TEST(told("takeover-interrupted"));
  BOOST_TEST(!told("takeover-finished"));
  BOOST_TEST(!told("dump-saved"));
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST(presence() == pb::AWAY);
  events.clear();
  recovery_takes = milliseconds(1000);
  stop_wanted = [this] { return told("takeover-finished"); };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(told("dump-saved"));
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_AUTO_TEST_CASE(hook_that_is_at_work_may_end_before_the_agent_does_which_goes_on_beating) {
  hook_takes = milliseconds(20'000);
  stop_wanted = [this] { return !hooks.empty(); };
  watch_command = [this](const fake::CommandTrace& trace) {
    if (trace.lun == kMailbox && trace.command == fake::Command::kWrite)
      beats.push_back(executor.now());
  };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  const Instant middle = hooks.front().begun + milliseconds(10'000);
  BOOST_TEST(std::ranges::count_if(beats, [&](Instant beat) {
               return beat > middle && beat < hooks.front().ended;
             }) > 5);
  BOOST_TEST_REQUIRE(!hooks.empty());
  BOOST_TEST(executor.now() >= hooks.front().ended);
  BOOST_TEST(load_announced(config)->disks_size() == 2);
}

BOOST_AUTO_TEST_CASE(node_that_is_taken_over_from_in_the_recovery_is_fenced_at_once) {
  bool taken = false;
  stop_wanted = [&] {
    if (executor.now() >= kInTheRecovery && !std::exchange(taken, true)) alpha_takes_back(kFirst);
    return false;
  };
  BOOST_TEST(fake::fails(run(), Code::kFenced));
  BOOST_TEST(executor.now() < kInTheRecovery + milliseconds(15'000));
  BOOST_TEST(told("fenced"));
  BOOST_TEST(!told("takeover-finished"));
}

// LIO held up sessions for good that asked beside PREEMPT AND ABORT.
BOOST_AUTO_TEST_CASE(nothing_is_asked_of_disks_while_one_is_taken) {
  bool slow = false;
  std::vector<Instant> looks;
  watch_command = [&](const fake::CommandTrace& trace) {
    if (!told("takeover-started")) return;
    // Of a disk that is taken only a survey asks it.
    const bool look = trace.lun == kFirst && trace.command == fake::Command::kReadKeys;
    if (look && place_of("disk-taken " + path_of(kFirst)) >= 0) looks.push_back(executor.now());
    if (trace.lun == kSecond && trace.command == fake::Command::kPreemptAndAbort &&
        !std::exchange(slow, true)) {
      executor.sleep(milliseconds(30'000));
    }
  };
  stop_wanted = [this] { return executor.now() >= kInTheRecovery; };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(slow);
  BOOST_TEST(std::ranges::count_if(looks, [](Instant look) { return look < Instant{30'000}; }) ==
             0);
  BOOST_TEST(!looks.empty());
}

BOOST_AUTO_TEST_CASE(reservations_that_the_shelf_loses_in_the_recovery_are_taken_anew) {
  bool lost = false;
  stop_wanted = [&] {
    if (executor.now() >= kInTheRecovery && !std::exchange(lost, true)) shelf.lose_power();
    return executor.now() >= kInTheRecovery + milliseconds(15'000);
  };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(told("takeover-interrupted"));
  for (const unsigned lun : {kFirst, kSecond, kSpare}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
  }
  BOOST_TEST(std::ranges::count(shelf.registrations(kMailbox).keys, state.key) == 1);
}

BOOST_AUTO_TEST_CASE(
    node_that_is_taken_over_from_while_it_waits_for_an_operators_takeover_is_fenced) {
  beta_has(kFirst);
  pb::AnnouncedService announced;
  announced.set_generation(kOwn);
  announced.add_told(uuid_of(kFirst));
  BOOST_TEST_REQUIRE(fake::ok(save_announced(config, announced)));
  const auto lock = lock_takeover(config);
  BOOST_TEST_REQUIRE(fake::ok(lock));
  bool taken = false;
  stop_wanted = [&] {
    if (executor.now() >= kInTheRecovery && !std::exchange(taken, true)) alpha_takes_back(kFirst);
    return executor.now() >= 2 * kInTheRecovery;
  };
  BOOST_TEST(fake::fails(run(), Code::kFenced));
  BOOST_TEST(executor.now() < kInTheRecovery + milliseconds(15'000));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
