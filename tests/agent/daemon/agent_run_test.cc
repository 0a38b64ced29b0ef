// The agent's takeover as a whole: when it acts, and when another takeover comes before it. On the
// fake shelf and a virtual clock; only the lock between takeovers is a real one.
#include "agent/daemon/agent_run.h"

#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

struct StillWatching {};

class Agent : public Panic {
 public:
  Agent() {
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    watch_command = [this](const fake::CommandTrace&) {
      if (executor.now() > std::chrono::minutes(10)) throw StillWatching();
    };
    shelf.clear_trace();
  }

  Result<TakeoverReport> watch() {
    auto report = watch_and_take_over(config, surveyor, work.events, hands());
    if (!report) return fail(report.error());
    return std::move(report->value());
  }
  [[nodiscard]] TakeoverHands hands() const {
    return {.run_hook = work.run_hook, .recover = work.recover};
  }

  // Another takeover has the lock for some seconds. `meanwhile` is what it does at their end.
  template <class Meanwhile>
  Result<TakeoverReport> watch_beside_another(Meanwhile meanwhile) {
    auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    Heartbeat heartbeat(config, view, executor, work.events, "beta");
    const auto each_poll = [&] {
      if (lock->valid() && executor.now() >= milliseconds(20'000)) {
        meanwhile();
        lock->reset();
      }
      return false;
    };
    auto report = watch_and_take_over(config, surveyor, work.events, hands(),
                                      {.heartbeat = &heartbeat, .stop_wanted = each_poll});
    BOOST_TEST(!lock->valid());
    // It went on saying that it lives, about once a second.
    BOOST_TEST(slots_on(shelf, kMailbox)[1].sequence() >= 19U);
    if (!report) return fail(report.error());
    return std::move(report->value());
  }
  void label_of_alpha(unsigned lun) {
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(kAlpha);
    label.set_owner_generation(kCrashed);
    plant(shelf, lun, label);
  }
  // alpha starts again: another life, and no dump any more.
  void let_alpha_live_again() {
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
      pb::Label label = label_on(shelf, lun);
      label.set_owner_generation(kCrashed + 1);
      label.set_home_generation(kCrashed + 1);
      plant(shelf, lun, label);
      plant(shelf, lun, pb::CoredumpHeader());
    }
  }
  // By an order there, in a later life.
  void alpha_takes_back(unsigned lun) {
    const ReservationKey later = key_of(kAlpha, kCrashed + 1);
    (void)alpha.lun(lun)->test_unit_ready();  // it is told of the preempt
    BOOST_TEST_REQUIRE(fake::ok(alpha.lun(lun)->register_ignoring_existing(later, false)));
    BOOST_TEST_REQUIRE(fake::ok(alpha.lun(lun)->preempt(later, state.key, kOwnerType)));
  }
  [[nodiscard]] std::size_t count(const std::string& event) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        events, [&](const auto& line) { return line.find(event) != std::string::npos; }));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(agent_run, Agent)

BOOST_AUTO_TEST_CASE(panic_that_shows_is_taken_over_without_another_look) {
  const auto report = watch();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(count("partner-panicked") == 1U);
  BOOST_TEST(count("watching") == 1U);
  BOOST_TEST(report->complete);
  BOOST_TEST(count("takeover-finished") == 1U);
}

// A giveback may have changed holders since the survey: what was this node's is the partner's now.
BOOST_AUTO_TEST_CASE(panic_is_looked_at_again_where_this_node_had_a_disk_of_the_partners) {
  for (const unsigned lun : {kDump, kArmed}) plant(shelf, lun, pb::CoredumpHeader());
  beta_has(kFirst);
  bool returned = false;
  watch_command = [this, &returned](const fake::CommandTrace&) {
    if (executor.now() > std::chrono::minutes(10)) throw StillWatching();
    if (returned || place_of("watching") < 0) return;
    returned = true;
    label_of_alpha(kFirst);
    (void)alpha.lun(kFirst)->test_unit_ready();
    join(alpha, kFirst, key_of(kAlpha, kCrashed));
    BOOST_TEST_REQUIRE(
        fake::ok(alpha.lun(kFirst)->preempt(key_of(kAlpha, kCrashed), state.key, kOwnerType)));
    put_header(kDump, pb::IN_PROGRESS);
  };
  const auto report = watch();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(takeover_waits_for_another_one_and_takes_what_that_left) {
  const auto report = watch_beside_another([] {});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(count("partner-panicked") == 1U);
}

BOOST_AUTO_TEST_CASE(takeover_that_waited_is_off_when_the_partner_lives_by_then) {
  BOOST_CHECK_THROW((void)watch_beside_another([this] { let_alpha_live_again(); }), StillWatching);
  BOOST_TEST(count("takeover-started") == 0U);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(interrupted_takeover_is_looked_at_again_under_the_lock) {
  for (const unsigned lun : {kDump, kArmed}) plant(shelf, lun, pb::CoredumpHeader());
  beta_intends();
  BOOST_CHECK_THROW((void)watch_beside_another([this] { let_alpha_live_again(); }), StillWatching);
  BOOST_TEST(count("takeover-started") == 0U);
  BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(operator_takes_over_at_once_and_only_beside_nobody) {
  {
    const auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kRefused));
    BOOST_TEST(shelf.trace().empty());
  }
  BOOST_TEST(fake::ok(take_over_now(config, surveyor, work.events, hands())));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

// Nothing would keep alpha from doing the same.
BOOST_AUTO_TEST_CASE(order_without_mailbox_disks_is_refused_where_the_partner_counts_by_some) {
  shelf.inject(kMailbox, {.kind = fake::FaultKind::kGone, .initiator = "beta"});
  state.mailbox_disks.clear();
  state.mailbox_joined.clear();
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  pb::PartnerSeen seen;
  seen.set_mailbox_set(mailbox_set({uuid_of(kMailbox)}));
  BOOST_TEST_REQUIRE(fake::ok(save_partner_seen(config, seen)));
  BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kRefused));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
  BOOST_TEST(fake::ok(take_over_now(config, surveyor, work.events, hands(), true)));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

// Neither a slot nor a link has told of it since this node booted.
BOOST_AUTO_TEST_CASE(
    order_without_mailbox_disks_is_refused_where_the_partners_labels_tell_of_some) {
  shelf.inject(kMailbox, {.kind = fake::FaultKind::kGone, .initiator = "beta"});
  state.mailbox_disks.clear();
  state.mailbox_joined.clear();
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  pb::Label label = label_on(shelf, kFirst);
  label.set_owner_mailbox_set(mailbox_set({uuid_of(kMailbox)}));
  plant(shelf, kFirst, label);
  BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kRefused));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
  BOOST_TEST(fake::ok(take_over_now(config, surveyor, work.events, hands(), true)));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(order_without_mailbox_disks_is_enough_where_neither_counts_by_any) {
  shelf.inject(kMailbox, {.kind = fake::FaultKind::kGone, .initiator = "beta"});
  state.mailbox_disks.clear();
  state.mailbox_joined.clear();
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST(fake::ok(take_over_now(config, surveyor, work.events, hands())));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

// The service here, which no hook has ended, would write beside alpha's.
BOOST_AUTO_TEST_CASE(order_is_refused_where_a_disk_that_the_service_has_was_taken_back) {
  state.waiting = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST_REQUIRE(fake::ok(take_over_now(config, surveyor, work.events, hands())));
  BOOST_TEST_REQUIRE(unsigned{holder(kFirst)} == unsigned{kBeta});
  alpha_takes_back(kFirst);
  shelf.clear_trace();
  BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kFenced));
  BOOST_TEST(std::ranges::none_of(shelf.trace(), [](const fake::CommandTrace& one) {
    return one.command == fake::Command::kRegister;
  }));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

// `lastword stop` ends nothing that runs on a disk of the partner's.
BOOST_AUTO_TEST_CASE(order_is_refused_where_an_earlier_life_of_this_boot_lost_such_a_disk) {
  BOOST_TEST_REQUIRE(fake::ok(take_over_now(config, surveyor, work.events, hands())));
  BOOST_TEST_REQUIRE(unsigned{holder(kFirst)} == unsigned{kBeta});
  alpha_takes_back(kFirst);
  state.boot_generation = kOwn + 1;
  state.key = key_of(kBeta, kOwn + 1);
  state.waiting = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kFenced));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(node_that_has_not_started_takes_nothing_over) {
  BOOST_TEST_REQUIRE(fake::ok(remove_node_state(config)));
  BOOST_TEST(fake::fails(take_over_now(config, surveyor, work.events, hands()), Code::kNotFound));
  BOOST_TEST(fake::fails(watch(), Code::kNotFound));
  BOOST_TEST(shelf.trace().empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
