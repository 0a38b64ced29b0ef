// What the agent gives back by itself, when, and what is left to an operator.
#include "agent/protocol/automatic_giveback_plan.h"

#include "tests/agent/protocol/borrowed.h"

namespace lastword::test {
namespace {

// beta's agent hears alpha from the beginning of its own clock, every 100 ms.
struct Returning : Borrowed {
  Returning() {
    config.giveback.on = true;
    config.giveback.stable = milliseconds(10'000);
    config.giveback.most = 2;
  }
  void pass(milliseconds time) {
    for (const Instant end = now + time; now < end; now += milliseconds(100)) {
      partner.observe(word.slot, standing, now);
    }
    partner.observe(word.slot, standing, now);
  }
  [[nodiscard]] ReturnStep step() const {
    return next_return(survey, config, state, intent, word, partner,
                       refusals_of_giveback(switches, 1000), memory, now);
  }
  [[nodiscard]] NextReturn next() const { return step().next; }
  // The one reason that there is.
  [[nodiscard]] Veto reason() const {
    const auto reasons = step().reasons;
    BOOST_TEST_REQUIRE(reasons.size() == 1U);
    BOOST_TEST(!reasons.front().remedy.empty());
    return reasons.front();
  }
  [[nodiscard]] bool says(std::string_view text) const {
    return reason().reason.find(text) != std::string::npos;
  }
  void begin(bool by_itself = false) {
    intent = next_intent_of(pb::TakeoverIntent::RETURNING);
    intent->set_returned_to(kLife);
    intent->set_returned_by_itself(by_itself);
  }

  SteadyPartner partner;
  Standing standing = Standing::kHeard;
  ClusterSwitches switches;
  ReturnMemory memory;
  Instant now{5'000'000};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(automatic_giveback_plan, Returning)

BOOST_AUTO_TEST_CASE(nothing_goes_back_by_itself_unless_the_configuration_says_so) {
  config.giveback.on = Config().giveback.on;
  pass(milliseconds(100'000));
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(partner_that_waits_for_the_stable_time_gets_its_disks) {
  pass(milliseconds(9900));
  BOOST_TEST((next() == NextReturn::kWait));
  BOOST_TEST((step().at == now + milliseconds(100)));
  pass(milliseconds(100));
  BOOST_TEST((next() == NextReturn::kBegin));
}

BOOST_AUTO_TEST_CASE(of_two_that_wait_for_each_other_the_one_with_the_higher_number_gives_back) {
  config.giveback.on = false;
  state.waiting = true;
  pass(milliseconds(9900));
  BOOST_TEST((next() == NextReturn::kWait));
  pass(milliseconds(100));
  BOOST_TEST((next() == NextReturn::kBegin));
  intent = next_intent_of(pb::TakeoverIntent::TAKING);
  BOOST_TEST((next() == NextReturn::kBegin));
  intent->set_phase(pb::TakeoverIntent::TAKEN);
  intent->set_automatic_returns(config.giveback.most);
  BOOST_TEST((next() == NextReturn::kBegin));
  config.self.id = kAlpha - 1;
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(gap_in_what_is_heard_begins_the_stable_time_anew) {
  for (const Standing gap : {Standing::kUnseen, Standing::kExpected, Standing::kLate,
                             Standing::kSilent, Standing::kAway}) {
    pass(milliseconds(9900));
    standing = gap;
    pass(milliseconds(100));
    BOOST_TEST((next() == NextReturn::kNothing));
    standing = Standing::kHeard;
    pass(milliseconds(9900));
    BOOST_TEST((next() == NextReturn::kWait));
  }
}

BOOST_AUTO_TEST_CASE(later_life_of_the_partner_begins_the_stable_time_anew) {
  pass(milliseconds(9900));
  word.slot->set_generation(kLife + 1);
  survey.disks[kMailbox].keys = {state.key, key_of(kAlpha, kLife + 1)};
  pass(milliseconds(9900));
  BOOST_TEST((next() == NextReturn::kWait));
  pass(milliseconds(100));
  BOOST_TEST((next() == NextReturn::kBegin));
}

BOOST_AUTO_TEST_CASE(partner_whose_agent_ends_or_that_does_something_else_begins_it_anew) {
  pass(milliseconds(9900));
  word.slot->set_presence(pb::AWAY);
  pass(milliseconds(100));
  word.slot->set_presence(pb::WATCHING);
  pass(milliseconds(9900));
  BOOST_TEST((next() == NextReturn::kWait));
  word.slot->set_phase(pb::PHASE_LOOKING);
  pass(milliseconds(100));
  word.slot->set_phase(pb::PHASE_WAITING);
  pass(milliseconds(9900));
  BOOST_TEST((next() == NextReturn::kWait));
}

BOOST_AUTO_TEST_CASE(so_many_in_a_row_and_then_an_operator) {
  pass(milliseconds(10'000));
  intent->set_automatic_returns(1);
  BOOST_TEST((next() == NextReturn::kBegin));
  for (const std::uint32_t many : {2U, 3U}) {
    intent->set_automatic_returns(many);
    BOOST_TEST((next() == NextReturn::kLeftToOperator));
    BOOST_TEST(says(std::to_string(many) + " times in a row"));
    BOOST_TEST(against_another(config, intent).has_value());
  }
}

BOOST_AUTO_TEST_CASE(limit_is_told_before_the_stable_time_is_over) {
  intent->set_automatic_returns(2);
  pass(milliseconds(100));
  BOOST_TEST((next() == NextReturn::kLeftToOperator));
}

BOOST_AUTO_TEST_CASE(limit_stops_no_giveback_that_is_under_way) {
  begin(true);
  intent->set_automatic_returns(2);
  BOOST_TEST((next() == NextReturn::kResume));
  BOOST_TEST(!against_another(config, intent).has_value());
}

BOOST_AUTO_TEST_CASE(no_veto_is_overridden) {
  pass(milliseconds(10'000));
  disk(kSpare).header.set_attribute(pb::COMPLETED);
  disk(kSpare).header.set_node(kAlpha);
  disk(kSpare).header.set_boot_generation(kVictim);
  BOOST_TEST((next() == NextReturn::kHeldBack));
  BOOST_TEST(says("not saved"));
}

BOOST_AUTO_TEST_CASE(operators_who_work_on_the_cluster_hold_it_back) {
  pass(milliseconds(10'000));
  switches.own.mutable_disable()->set_on(true);
  BOOST_TEST((next() == NextReturn::kHeldBack));
  BOOST_TEST(says("DISABLE"));
  switches.own.mutable_disable()->set_until_unix_ms(1000);
  BOOST_TEST((next() == NextReturn::kBegin));
  switches.peer.mutable_no_takeover()->set_on(true);
  BOOST_TEST((next() == NextReturn::kBegin));
  switches.peer.mutable_disable()->set_on(true);
  BOOST_TEST((next() == NextReturn::kHeldBack));
}

BOOST_AUTO_TEST_CASE(one_that_was_called_off_is_not_tried_again_with_the_same_life) {
  pass(milliseconds(10'000));
  memory.called_off_life = kLife;
  BOOST_TEST((next() == NextReturn::kLeftToOperator));
  BOOST_TEST(says("called off"));
  memory.called_off_life = kLife - 1;
  BOOST_TEST((next() == NextReturn::kBegin));
}

BOOST_AUTO_TEST_CASE(takeover_that_is_not_done_or_is_over_gives_nothing_back) {
  pass(milliseconds(10'000));
  for (const auto phase :
       {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::ANNOUNCED, pb::TakeoverIntent::ENDED}) {
    intent->set_phase(phase);
    BOOST_TEST((next() == NextReturn::kNothing));
  }
  intent.reset();
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_to_give_back) {
  pass(milliseconds(10'000));
  for (const std::size_t number : {kFirst, kSecond, kSpare, kDump}) give(number);
  begin();
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(giveback_that_was_interrupted_is_gone_on_with_at_once_whoever_began_it) {
  config.giveback.on = false;
  switches.own.mutable_disable()->set_on(true);
  for (const bool by_itself : {false, true}) {
    begin(by_itself);
    BOOST_TEST((next() == NextReturn::kResume));
    standing = Standing::kSilent;  // then it is called off, and the service begins here again
    pass(milliseconds(100));
    BOOST_TEST((next() == NextReturn::kResume));
  }
}

BOOST_AUTO_TEST_CASE(disks_of_an_earlier_life_are_held_again_before_it_is_gone_on_with) {
  begin();
  hold(disk(kFirst), key_of(kBeta, kOwn - 1));
  memory.resuming_since = now;
  BOOST_TEST((next() == NextReturn::kWait));
  now += config.timing.giveback_taking();
  BOOST_TEST((next() == NextReturn::kResume));
}

BOOST_AUTO_TEST_CASE(past_return_it_waits_for_a_partner_that_takes_what_is_promised) {
  begin();
  promise(kFirst);
  BOOST_TEST((next() == NextReturn::kWait));
  pass(milliseconds(100));
  BOOST_TEST((next() == NextReturn::kResume));
}

BOOST_AUTO_TEST_CASE(service_of_a_giveback_that_was_called_off_begins_again_after_a_reboot) {
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  give(kDump);
  BOOST_TEST((next() == NextReturn::kNothing));
  memory.rebooted = true;
  BOOST_TEST((next() == NextReturn::kResume));
}

BOOST_AUTO_TEST_CASE(count_ends_when_the_home_node_has_served_for_long) {
  intent = next_intent_of(pb::TakeoverIntent::ENDED);
  intent->set_automatic_returns(2);
  pass(milliseconds(100));
  word.slot->set_phase(pb::PHASE_PAIRED);
  const milliseconds enough = service_that_counts(config.giveback);
  pass(enough - milliseconds(100));
  BOOST_TEST((next() == NextReturn::kNothing));
  pass(milliseconds(200));
  BOOST_TEST((next() == NextReturn::kForget));
  intent->set_automatic_returns(0);
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(home_node_that_is_late_once_has_not_served_for_long) {
  intent = next_intent_of(pb::TakeoverIntent::ENDED);
  intent->set_automatic_returns(2);
  word.slot->set_phase(pb::PHASE_PAIRED);
  const milliseconds enough = service_that_counts(config.giveback);
  pass(enough - milliseconds(1000));
  standing = Standing::kLate;
  pass(milliseconds(100));
  standing = Standing::kHeard;
  pass(milliseconds(2000));
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_CASE(count_of_a_takeover_that_goes_on_is_kept) {
  intent->set_automatic_returns(2);
  word.slot->set_phase(pb::PHASE_PAIRED);
  pass(service_that_counts(config.giveback) + milliseconds(100));
  BOOST_TEST((next() == NextReturn::kNothing));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
