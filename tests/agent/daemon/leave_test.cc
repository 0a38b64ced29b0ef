// A partner that has left its disks, and one that asks this node to leave: what the agent of each
// does. On the fake shelf and a virtual clock.
#include <array>

#include "agent/daemon/graceful_run.h"
#include "agent/node/locks.h"
#include "tests/agent/daemon/silence.h"

namespace lastword::test {
namespace {

constexpr std::string_view kId = "11111111-2222-4333-8444-555555555555";

// beta watches; alpha leaves at `leaves`.
class Left : public Silence {
 public:
  Left() {
    dies = Instant::max();
    ends = Instant{120'000};
    each_second = [this] {
      if (executor.now() >= leaves) beat.phase = pb::PHASE_HANDED_OVER;
    };
  }
  Instant leaves{20'000};
};

// beta has three disks and serves them, alpha has two; alpha asks beta to leave.
class Asked : public Silence {
 public:
  Asked() {
    dies = Instant::max();
    for (const unsigned lun : kBetas) {
      const auto theirs = alpha.lun(lun);
      BOOST_TEST_REQUIRE(fake::ok(theirs->release(key_of(kAlpha, kCrashed), kOwnerType)));
      (void)unregister(*theirs);
      BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
      BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->reserve(state.key, kOwnerType)));
      pb::Label label = label_on(shelf, lun);
      label.set_home_node(kBeta);
      label.set_home_generation(kOwn);
      label.set_owner_node(kBeta);
      label.set_owner_generation(kOwn);
      plant(shelf, lun, label);
    }
    beat.phase = pb::PHASE_PAIRED;
    beat.sees_partner = mailbox_set({uuid_of(kFirst), uuid_of(kSecond), uuid_of(kSpare)});
    each_second = [this] {
      if (executor.now() >= asks && executor.now() < withdraws) {
        beat.request.set_id(std::string(kId));
        beat.request.set_asked_generation(asked);
      } else {
        beat.request.Clear();
      }
      if (comes && slot().phase() == pb::PHASE_HANDED_OVER) take();
    };
  }
  // As alpha's agent does it, the votes first.
  void take() {
    for (const unsigned lun : {kMailbox, kFirst, kSecond, kSpare}) {
      const ReservationKey own = key_of(kAlpha, kCrashed);
      const auto to = alpha.lun(lun);
      (void)to->register_ignoring_existing(own, false);
      (void)to->preempt_and_abort(own, state.key, kOwnerType);
      if (lun == kMailbox) continue;
      pb::Label label = label_on(shelf, lun);
      label.set_owner_node(kAlpha);
      label.set_owner_generation(kCrashed);
      plant(shelf, lun, label);
    }
  }
  [[nodiscard]] pb::MailboxSlot slot() { return slots_on(shelf, kMailbox)[1]; }
  void run_until(Instant end) {
    TakeoverHands all = hands();
    all.run_hook = [this](const HookInput& input) -> Status {
      ran.push_back(input.event);
      executor.sleep(milliseconds(500));
      return input.event == "service-leaving" ? hook_ends : Status();
    };
    all.panic = [this] { panicked = true; };
    BOOST_TEST(fake::ok(run_agent(config, surveyor, work.events, all,
                                  {.heartbeat = &heartbeat(),
                                   .stop_wanted = [this, end] { return executor.now() >= end; }})));
  }
  [[nodiscard]] std::ptrdiff_t times(const std::string& event) const {
    return std::ranges::count(ran, event);
  }

  static constexpr std::array kBetas{kFirst, kSecond, kSpare};
  Instant asks{20'000};
  Instant withdraws = Instant::max();
  std::uint32_t asked = kOwn;
  bool comes = true;
  bool panicked = false;
  Status hook_ends;
  Lines ran;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(leave)

BOOST_FIXTURE_TEST_CASE(disks_that_are_left_are_taken_at_once, Left) {
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
  }
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(intent_on(shelf, kMailbox).victim_generation() == kCrashed);
  BOOST_TEST(!told("takeover-announced"));
  BOOST_TEST(time_of("partner-left") <= leaves + milliseconds(3000));
  BOOST_TEST(time_of("service-taken") <= leaves + milliseconds(5000));
}

BOOST_FIXTURE_TEST_CASE(takeover_of_a_partner_that_has_left_goes_on_after_an_interruption, Left) {
  leaves = Instant{0};
  pb::TakeoverIntent intent;
  intent.set_phase(pb::TakeoverIntent::TAKING);
  intent.set_victim_node(kAlpha);
  intent.set_victim_generation(kCrashed);
  intent.set_number(1);
  BOOST_TEST_REQUIRE(fake::ok(save_intent(config, intent)));
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(told("takeover-resumed"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_FIXTURE_TEST_CASE(no_majority_is_needed_against_a_partner_that_has_left, Left) {
  state.mailbox_disks = {uuid_of(kMailbox), "a", "b"};
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(told("no-majority"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_FIXTURE_TEST_CASE(word_that_is_out_of_sight_when_the_disks_are_looked_at_again_counts, Left) {
  work.events = [this, tell = work.events](const Event& event) {
    tell(event);
    if (event.name == "partner-left") view.out_of_sight = {kMailbox};
  };
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(std::ranges::count_if(events, [](const std::string& line) {
               return line.find("partner-left") != std::string::npos;
             }) == 1);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_FIXTURE_TEST_CASE(word_of_an_earlier_life_gives_nothing, Left) {
  BOOST_TEST_REQUIRE(fake::ok(
      alpha.lun(kMailbox)->register_ignoring_existing(key_of(kAlpha, kCrashed + 1), false)));
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(!told("partner-left"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_FIXTURE_TEST_CASE(life_that_begins_while_the_takeover_waits_is_not_taken_over, Left) {
  // An operator's command has the lock meanwhile.
  auto lock = std::make_optional(lock_takeover(config));
  BOOST_TEST_REQUIRE(lock->has_value());
  const auto before = each_second;
  each_second = [&, before] {
    before();
    if (executor.now() < Instant{30'000} || !lock) return;
    member.self.boot_generation = kCrashed + 1;
    beat.phase = pb::PHASE_PAIRED;
    leaves = Instant::max();
    lock.reset();
  };
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("partner-left"));
  BOOST_TEST(!told("takeover-started"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_FIXTURE_TEST_CASE(what_operators_have_forbidden_does_not_hold_it_back, Left) {
  beat.switches.mutable_disable()->set_on(true);
  beat.switches.set_number(1);
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(!told("takeover-held-back"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_FIXTURE_TEST_CASE(request_is_carried_until_its_end_and_a_panic_meanwhile_wins, Left) {
  leaves = Instant::max();
  pb::OpenRequest open;
  open.mutable_request()->set_id(std::string(kId));
  open.mutable_request()->set_asked_generation(kCrashed);
  open.set_ends_ms(40'000);
  BOOST_TEST_REQUIRE(fake::ok(save_request(config, open)));
  each_second = [this] {
    const std::string id = slots_on(shelf, kMailbox)[1].request().id();
    if (executor.now() >= Instant{10'000} && executor.now() < Instant{40'000}) {
      BOOST_TEST(id == kId);
    }
    if (executor.now() >= Instant{50'000}) BOOST_TEST(id == "");
    if (executor.now() >= Instant{60'000}) put_header(kDump, pb::IN_PROGRESS);
  };
  dump_ends = Instant{65'000};
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(told("partner-panicked"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_FIXTURE_TEST_CASE(node_that_is_asked_leaves_once_and_is_neither_fenced_nor_panicking, Asked) {
  run_until(Instant{90'000});
  BOOST_TEST((ran == Lines{"service-leaving"}));
  BOOST_TEST(told("handed-over"));
  BOOST_TEST(load_last_life(config)->handed_over);
  BOOST_TEST((slot().phase() == pb::PHASE_HANDED_OVER));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
  BOOST_TEST(!panicked);
  BOOST_TEST(!told("fenced"));
  BOOST_TEST(!told("takeover-"));
}

BOOST_FIXTURE_TEST_CASE(heartbeats_of_a_node_that_has_left_go_on_and_it_takes_nothing_over, Asked) {
  comes = false;
  dies = Instant{100'000};
  run_until(Instant{180'000});
  BOOST_TEST((slot().phase() == pb::PHASE_HANDED_OVER));
  BOOST_TEST(slot().sequence() >= 150U);
  BOOST_TEST(!told("takeover-announced"));
  BOOST_TEST(unsigned{holder(kDump)} == unsigned{kAlpha});
}

BOOST_FIXTURE_TEST_CASE(request_to_another_life_is_ignored, Asked) {
  asked = kOwn - 1;
  run_until(Instant{60'000});
  BOOST_TEST(ran.empty());
  BOOST_TEST(!load_last_life(config)->handed_over);
}

BOOST_FIXTURE_TEST_CASE(request_that_could_not_be_done_is_answered_once, Asked) {
  hook_ends = fail({.code = Code::kIo, .operation = "hook"});
  run_until(Instant{80'000});
  BOOST_TEST(times("service-leaving") == 1);
  BOOST_TEST(times("service-returned") == 1);
  BOOST_TEST(told("handover-called-off"));
  BOOST_TEST(fake::ok(load_node_state(config)));
  BOOST_TEST(load_answer(config)->ended());
}

BOOST_FIXTURE_TEST_CASE(answer_that_was_interrupted_is_undone_when_nobody_asks_any_more, Asked) {
  pb::RequestAnswer answer;
  answer.mutable_request()->set_id("0");
  BOOST_TEST_REQUIRE(fake::ok(save_answer(config, answer)));
  asks = Instant::max();
  run_until(Instant{40'000});
  BOOST_TEST((ran == Lines{"service-returned"}));
  BOOST_TEST(load_answer(config)->ended());
}

// By what an agent has left behind when it took over.
BOOST_FIXTURE_TEST_CASE(answer_that_is_still_at_work_is_not_undone, Asked) {
  pb::RequestAnswer answer;
  answer.mutable_request()->set_id("0");
  BOOST_TEST_REQUIRE(fake::ok(save_answer(config, answer)));
  asks = Instant::max();
  const auto at_work = lock_state(config);
  BOOST_TEST_REQUIRE(fake::ok(at_work));
  run_until(Instant{40'000});
  BOOST_TEST(ran.empty());
  BOOST_TEST(!load_answer(config)->ended());
}

BOOST_FIXTURE_TEST_CASE(answer_that_was_interrupted_is_begun_anew_while_it_is_asked_for, Asked) {
  asks = Instant{0};
  pb::RequestAnswer answer;
  answer.mutable_request()->set_id(std::string(kId));
  answer.mutable_request()->set_asked_generation(kOwn);
  BOOST_TEST_REQUIRE(fake::ok(save_answer(config, answer)));
  run_until(Instant{60'000});
  BOOST_TEST((ran == Lines{"service-leaving"}));
  BOOST_TEST(load_last_life(config)->handed_over);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
