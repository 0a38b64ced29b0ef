// beta's agent gives alpha's disks back by itself, or goes on with a giveback that was killed: on
// the fake shelf and a virtual clock.
#include <boost/test/unit_test.hpp>

#include "agent/daemon/agent_run.h"
#include "agent/node/locks.h"
#include "agent/protocol/automatic_giveback_plan.h"
#include "tests/agent/service/giveback.h"

namespace lastword::test {
namespace {

constexpr auto kForever = std::numeric_limits<unsigned>::max();

struct Returns : Giveback {
  Returns() {
    config.giveback.on = true;
    config.giveback.stable = milliseconds(10'000);
    config.giveback.most = 2;
  }
  // An agent of its own, until `end`. False: it was killed.
  bool run_agent_until(Instant end) {
    Heartbeat heartbeat(config, view, executor, sink(), "beta");
    TakeoverHands hands;
    hands.run_hook = [this](const HookInput& input) { return work().run_hook(input); };
    hands.recover = [](const DiskView&, const std::function<void()>&) -> Result<std::string> {
      return "/var/crash";
    };
    // The shelf that it leaves behind is the test's.
    Surveyor mine(config, view, executor);
    try {
      BOOST_TEST(fake::ok(run_agent(config, mine, sink(), hands,
                                    {.heartbeat = &heartbeat, .stop_wanted = [this, end] {
                                       return executor.now() >= end;
                                     }})));
    } catch (const Killed&) {
      return false;
    }
    return true;
  }
  bool run_agent_for(milliseconds time) { return run_agent_until(executor.now() + time); }
  EventSink sink() {
    return [this](const Event& event) {
      events.push_back(event.name + " " + event.disk + " " + event.detail);
      at.push_back(executor.now());
      if (event.name == "giveback-started" || event.name == "giveback-resumed") {
        writes_to_live = std::exchange(writes_of_giveback, kForever);
      }
    };
  }
  [[nodiscard]] pb::TakeoverIntent intent() const {
    return load_intent(config).value_or(pb::TakeoverIntent());
  }
  void keep(pb::TakeoverIntent next) {
    next.set_number(intent().number() + 1);
    BOOST_TEST_REQUIRE(fake::ok(save_intent(config, next)));
  }
  void given_back_before(std::uint32_t times) {
    pb::TakeoverIntent next = intent();
    next.set_automatic_returns(times);
    keep(next);
  }
  [[nodiscard]] std::ptrdiff_t times(const std::string& event) const {
    return std::ranges::count_if(
        events, [&](const std::string& line) { return line.starts_with(event + " "); });
  }
  [[nodiscard]] Instant time_of(const std::string& event) const {
    const auto place = place_of(event);
    BOOST_TEST_REQUIRE(place >= 0);
    return at[static_cast<std::size_t>(place)];
  }

  std::vector<Instant> at;                 // of each event
  unsigned writes_of_giveback = kForever;  // of the next one, until beta is killed
};

Status hook_fails(const HookInput& input) {
  if (input.event != "service-returning") return {};
  return fail({.code = Code::kIo, .operation = "hook service-returning"});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(returns, Returns)

BOOST_AUTO_TEST_CASE(partner_that_waits_for_the_stable_time_gets_its_disks_by_itself) {
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  require_all_returned();
  require_nothing_wrong();
  BOOST_TEST(told("giveback-started  4 disks to alpha, life 8, by itself"));
  BOOST_TEST((time_of("giveback-started") >= config.giveback.stable));
  BOOST_TEST((time_of("giveback-started") < config.giveback.stable + milliseconds(7000)));
  BOOST_TEST(intent().automatic_returns() == 1U);
  BOOST_TEST(intent_on(shelf, kMailbox).automatic_returns() == 1U);
  BOOST_TEST(times("giveback-finished") == 1);
}

BOOST_AUTO_TEST_CASE(count_is_durable_in_both_copies_before_anything_is_promised) {
  given_back_before(1);
  hook_ends = [this](const HookInput&) {
    for (const pb::TakeoverIntent& copy : {intent(), intent_on(shelf, kMailbox)}) {
      BOOST_TEST(copy.automatic_returns() == 2U);
      BOOST_TEST(copy.returned_by_itself());
      BOOST_TEST(is_under_way(copy));
    }
    return Status{};
  };
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  BOOST_TEST(hooks.size() == 1U);
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(nothing_goes_back_by_itself_where_it_is_off) {
  config.giveback.on = false;
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(at_the_limit_an_operator_is_told_once_and_the_service_stays) {
  given_back_before(2);
  BOOST_TEST(run_agent_for(milliseconds(120'000)));
  BOOST_TEST(times("giveback-left-to-operator") == 1);
  BOOST_TEST(told("2 times in a row"));
  BOOST_TEST(!told("giveback-started"));
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  require_service_kept();
  // An operator's word begins the count anew.
  BOOST_TEST(run()->complete);
  require_all_returned();
  BOOST_TEST(intent().automatic_returns() == 0U);
}

BOOST_AUTO_TEST_CASE(count_that_is_kept_in_one_place_only_gives_nothing_back) {
  shelf.inject(
      kMailbox,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite, .initiator = "beta"});
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  BOOST_TEST(told("kept in one place only"));
  BOOST_TEST(hooks.empty());
  require_service_kept();
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_AUTO_TEST_CASE(unsaved_dump_holds_it_back_until_it_is_saved) {
  pb::CoredumpHeader header;
  header.set_attribute(pb::COMPLETED);
  header.set_node(kAlpha);
  header.set_boot_generation(kVictim);
  plant(shelf, kSpare, header);
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  BOOST_TEST(times("giveback-held-back") == 1);
  BOOST_TEST(intent().automatic_returns() == 0U);
  require_service_kept();
  header.set_attribute(pb::SAVED);
  plant(shelf, kSpare, header);
  BOOST_TEST(run_agent_for(milliseconds(60'000)));
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(hook_that_fails_calls_it_off_and_it_is_not_tried_again) {
  hook_ends = hook_fails;
  BOOST_TEST(run_agent_for(milliseconds(300'000)));
  BOOST_TEST(times("giveback-started") == 1);
  BOOST_TEST(times("giveback-called-off") == 1);
  BOOST_TEST(times("giveback-left-to-operator") == 1);
  require_service_kept();
  BOOST_TEST(intent().automatic_returns() == 1U);
  BOOST_TEST(!is_under_way(intent()));
}

BOOST_AUTO_TEST_CASE(partner_that_does_not_arm_gets_no_service_by_itself) {
  arms = false;
  BOOST_TEST(run_agent_for(milliseconds(400'000)));
  BOOST_TEST(times("giveback-started") == 1);
  BOOST_TEST(told("was not armed"));
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(
    agent_that_is_killed_before_any_write_of_a_giveback_finishes_it_when_it_runs_again) {
  unsigned writes = 0;
  for (bool killed = true; killed; ++writes) {
    Returns node;
    node.writes_of_giveback = writes;
    killed = !node.run_agent_for(milliseconds(60'000));
    node.writes_to_live = kForever;
    BOOST_TEST_CONTEXT("killed before write " << writes) {
      // Before the intent is durable nothing was begun, and the stable time counts anew.
      BOOST_TEST(node.run_agent_for(milliseconds(60'000)));
      node.require_all_returned();
      node.require_nothing_wrong();
      const std::uint32_t count = node.intent().automatic_returns();
      BOOST_TEST(count >= 1U);
      BOOST_TEST(count <= 2U);
    }
  }
  BOOST_TEST(writes > 10U);
}

BOOST_AUTO_TEST_CASE(
    giveback_of_an_operator_that_is_killed_before_any_write_is_finished_by_the_agent) {
  unsigned writes = 0;
  for (bool killed = true; killed; ++writes) {
    Returns node;
    node.config.giveback.on = false;
    node.writes_to_live = writes;
    killed = false;
    try {
      (void)node.run();
    } catch (const Killed&) {
      killed = true;
    }
    node.writes_to_live = kForever;
    BOOST_TEST_CONTEXT("killed before write " << writes) {
      const bool begun = node.phase() != pb::TakeoverIntent::TAKEN ||
                         intent_on(node.shelf, kMailbox).phase() != pb::TakeoverIntent::TAKEN;
      BOOST_TEST(node.run_agent_for(milliseconds(60'000)));
      if (begun) node.require_all_returned();
      if (!begun) node.require_service_kept();
      node.require_nothing_wrong();
      BOOST_TEST(node.intent().automatic_returns() == 0U);
    }
  }
  BOOST_TEST(writes > 10U);
}

BOOST_AUTO_TEST_CASE(giveback_that_is_killed_in_its_hook_goes_on_with_the_overrides_that_it_had) {
  config.giveback.on = false;
  arms = false;
  hook_ends = [this](const HookInput&) -> Status {
    if (hooks.size() == 1) throw Killed();
    return {};
  };
  BOOST_CHECK_THROW((void)run({.unarmed = true}), Killed);
  serves = false;
  BOOST_TEST(intent().overrides().unarmed());
  BOOST_TEST(run_agent_for(milliseconds(300'000)));
  BOOST_TEST(times("giveback-resumed") == 1);
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(service_that_had_ended_begins_here_again_where_the_giveback_cannot_go_on) {
  config.giveback.on = false;
  hook_ends = [this](const HookInput&) -> Status {
    if (hooks.size() == 1) throw Killed();
    return {};
  };
  BOOST_CHECK_THROW((void)run(), Killed);
  serves = false;
  alive = false;  // alpha dies, and is not heard again
  BOOST_TEST(run_agent_for(milliseconds(30'000)));
  BOOST_TEST(times("giveback-called-off") == 1);
  BOOST_TEST(hooks.back().event == "service-taken");
  require_service_kept();
  BOOST_TEST(!is_under_way(intent()));
}

BOOST_AUTO_TEST_CASE(service_that_had_ended_begins_again_whenever_its_agent_is_killed_meanwhile) {
  for (unsigned writes = 0, killed = 1; killed != 0; ++writes) {
    Returns node;
    node.config.giveback.on = false;
    node.hook_ends = [&node](const HookInput&) -> Status {
      if (node.hooks.size() == 1) throw Killed();
      return {};
    };
    BOOST_CHECK_THROW((void)node.run(), Killed);
    node.serves = false;
    node.alive = false;
    node.writes_to_live = writes;
    killed = node.run_agent_for(milliseconds(30'000)) ? 0U : 1U;
    node.writes_to_live = kForever;
    BOOST_TEST(node.run_agent_for(milliseconds(30'000)));
    BOOST_TEST_CONTEXT("killed before write " << writes) {
      node.require_service_kept();
    }
    if (writes > 40) break;
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_gone_on_with_while_a_command_of_an_operator_is_at_work) {
  pb::TakeoverIntent begun = intent();
  begun.set_phase(pb::TakeoverIntent::RETURNING);
  begun.set_returned_to(life);
  keep(begun);
  auto lock = std::make_optional(lock_takeover(config));
  BOOST_TEST_REQUIRE(lock->has_value());
  BOOST_TEST(run_agent_for(milliseconds(30'000)));
  BOOST_TEST(!told("giveback-resumed"));
  lock.reset();
  BOOST_TEST(run_agent_for(milliseconds(30'000)));
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(giver_that_rebooted_in_the_middle_holds_the_disks_again_and_goes_on) {
  config.giveback.on = false;
  hook_ends = [this](const HookInput&) -> Status {
    if (hooks.size() == 1) throw Killed();
    return {};
  };
  BOOST_CHECK_THROW((void)run(), Killed);
  serves = false;
  // beta's next life, under another key, is on its mailbox disk; alpha's disks it holds by the old
  // one.
  state.boot_generation = kOwn + 1;
  state.key = key_of(kBeta, kOwn + 1);
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST_REQUIRE(fake::ok(beta.lun(kMailbox)->register_ignoring_existing(state.key, false)));
  BOOST_TEST(run_agent_for(milliseconds(120'000)));
  BOOST_TEST(told("held-again"));
  for (const unsigned lun : kReturned) BOOST_TEST(is_alphas(lun), "disk " << lun);
  BOOST_TEST(times("giveback-called-off") == 0);
}

// It was called off when alpha had a disk; what stayed is served once more after the reboot.
BOOST_AUTO_TEST_CASE(service_that_stayed_is_told_once_after_a_reboot) {
  config.giveback.on = false;
  pb::TakeoverIntent called_off = intent();
  called_off.set_phase(pb::TakeoverIntent::RETURNING);
  keep(called_off);
  serves = false;
  state.boot_generation = kOwn + 1;
  state.key = key_of(kBeta, kOwn + 1);
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  BOOST_TEST_REQUIRE(fake::ok(beta.lun(kMailbox)->register_ignoring_existing(state.key, false)));
  // A later life of alpha's serves a disk that beta had not taken: its takeover is over.
  (void)alpha.lun(kSpare)->test_unit_ready();
  BOOST_TEST_REQUIRE(
      fake::ok(alpha.lun(kSpare)->register_ignoring_existing(key_of(kAlpha, life), false)));
  pb::Label label = label_on(shelf, kSpare);
  label.set_owner_node(kAlpha);
  label.set_owner_generation(life);
  label.set_home_generation(life);
  plant(shelf, kSpare, label);
  BOOST_TEST_REQUIRE(
      fake::ok(alpha.lun(kSpare)->preempt(key_of(kAlpha, life), key_of(kBeta, kOwn), kOwnerType)));
  BOOST_TEST(run_agent_for(milliseconds(120'000)));
  BOOST_TEST(times("giveback-called-off") == 1);
  const auto announced = load_announced(config);
  BOOST_TEST_REQUIRE(announced.has_value());
  BOOST_TEST(announced->told_size() == 2);
}

BOOST_AUTO_TEST_CASE(count_ends_when_the_home_node_has_served_for_long) {
  config.giveback.stable = milliseconds(1000);
  BOOST_TEST(run_agent_for(milliseconds(30'000)));
  BOOST_TEST(intent().automatic_returns() == 1U);
  says = pb::PHASE_PAIRED;
  BOOST_TEST(run_agent_for(milliseconds(50'000)));
  BOOST_TEST(intent().automatic_returns() == 1U);
  BOOST_TEST(run_agent_for(service_that_counts(config.giveback) + milliseconds(20'000)));
  for (const pb::TakeoverIntent& copy : {intent(), intent_on(shelf, kMailbox)}) {
    BOOST_TEST(copy.automatic_returns() == 0U);
    BOOST_TEST(copy.phase() == pb::TakeoverIntent::ENDED);
  }
  BOOST_TEST(times("giveback-count-ended") == 1);
}

BOOST_AUTO_TEST_CASE(giver_takes_nothing_back_from_a_partner_that_still_receives) {
  never_takes = {kFirst};
  BOOST_TEST(run_agent_for(milliseconds(200'000)));
  BOOST_TEST(is_under_way(intent()));
  BOOST_TEST(!told("takeover-started"));
  BOOST_TEST(is_alphas(kSecond));
  never_takes.clear();
  BOOST_TEST(run_agent_for(milliseconds(200'000)));
  require_all_returned();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
