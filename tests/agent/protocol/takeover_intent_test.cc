#include "agent/protocol/takeover_intent.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <vector>

#include "agent/protocol/failure_plan.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kDead = 7;  // life of alpha
constexpr std::uint32_t kOwn = 3;   // of beta

struct Beta {
  Beta() {
    std::swap(config.self, config.partner);
    survey.disks = {in_service(0, pb::SERVICE, kDead)};
  }
  static pb::TakeoverIntent intent(IntentPhase phase, std::uint64_t number = 1) {
    pb::TakeoverIntent made = next_intent(std::nullopt, phase, kAlpha, kDead);
    made.set_number(number);
    return made;
  }
  [[nodiscard]] IntentVerdict verdict(IntentPhase phase) const {
    return judge_intent(intent(phase), survey, config, key_of(kBeta, kOwn));
  }
  // beta took it in this life or an earlier one.
  static DiskView taken(std::uint32_t life) { return in_service(1, pb::SERVICE, life, kBeta); }

  Config config = cluster_config();
  Survey survey;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(takeover_intent, Beta)

BOOST_AUTO_TEST_CASE(without_an_intent_nothing_was_interrupted) {
  // Disks of alpha that beta holds, with anything undone, are no evidence.
  survey.disks.push_back(taken(kOwn - 1));
  survey.disks.back().label->set_owner_node(0);
  BOOST_TEST(
      (judge_intent(std::nullopt, survey, config, key_of(kBeta, kOwn)) == IntentVerdict::kNothing));
  BOOST_TEST((verdict(pb::TakeoverIntent::NONE) == IntentVerdict::kNothing));
  BOOST_TEST((verdict(pb::TakeoverIntent::ENDED) == IntentVerdict::kNothing));
}

BOOST_AUTO_TEST_CASE(node_that_has_every_disk_needs_no_vote_and_with_one_less_it_does) {
  survey.disks = {in_service(2, pb::SPARE, kOwn - 1, kBeta), taken(kOwn)};
  BOOST_TEST(owns_all_of_partner(survey, config));
  const auto with = [&](const std::function<void(DiskView&)>& change) {
    Survey changed = survey;
    change(changed.disks[1]);
    return owns_all_of_partner(changed, config);
  };
  BOOST_TEST(!with([](DiskView& disk) { disk.label->set_owner_node(kAlpha); }));
  BOOST_TEST(!with([](DiskView& disk) { disk.label->set_promised_node(kAlpha); }));
  BOOST_TEST(!with([](DiskView& disk) { disk.reservation->holder = key_of(kAlpha, kDead); }));
  BOOST_TEST(!with([](DiskView& disk) { disk.reservation.reset(); }));
  BOOST_TEST(!with([](DiskView& disk) {
    disk.label->set_home_node(kBeta);  // alpha has it by its hold alone
    disk.reservation->holder = key_of(kAlpha, kDead);
  }));
  BOOST_TEST(!with([](DiskView& disk) {
    disk.label.reset();
    disk.problem = Error{.code = Code::kTimeout, .operation = "read"};
  }));
}

BOOST_AUTO_TEST_CASE(takeover_that_was_begun_is_resumed) {
  BOOST_TEST((verdict(pb::TakeoverIntent::TAKING) == IntentVerdict::kResume));
}

BOOST_AUTO_TEST_CASE(takeover_that_was_done_is_resumed_under_a_new_key_only) {
  survey.disks = {taken(kOwn)};
  survey.disks[0].label->set_home_generation(kDead);
  BOOST_TEST((verdict(pb::TakeoverIntent::TAKEN) == IntentVerdict::kNothing));
  survey.disks = {taken(kOwn - 1)};
  survey.disks[0].label->set_home_generation(kDead);
  BOOST_TEST((verdict(pb::TakeoverIntent::TAKEN) == IntentVerdict::kResume));
  // Labelled anew, on its way back to alpha.
  survey.disks[0].label->set_owner_node(0);
  BOOST_TEST((verdict(pb::TakeoverIntent::TAKEN) == IntentVerdict::kNothing));
}

BOOST_AUTO_TEST_CASE(later_life_of_the_victim_that_has_had_a_disk_ends_it) {
  DiskView labelled = in_service(2, pb::SERVICE, kDead + 1);
  labelled.keys.clear();
  labelled.reservation.reset();
  DiskView registered = surveyed(3, pb::SERVICE);
  registered.keys = {key_of(kAlpha, kDead + 1)};
  for (const DiskView& disk : {labelled, registered}) {
    survey.disks = {taken(kOwn), disk};
    for (const auto phase : {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::TAKEN}) {
      BOOST_TEST((verdict(phase) == IntentVerdict::kEnded));
    }
  }
}

BOOST_AUTO_TEST_CASE(life_of_the_victim_that_only_waits_ends_nothing) {
  DiskView mailbox = surveyed(3, pb::MAILBOX, 0);
  mailbox.keys = {key_of(kAlpha, kDead + 1)};
  survey.disks = {taken(kOwn - 1), mailbox};
  survey.disks[0].label->set_home_generation(kDead);
  for (const auto phase : {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::TAKEN}) {
    BOOST_TEST((verdict(phase) == IntentVerdict::kResume));
  }
}

BOOST_AUTO_TEST_CASE(intent_that_is_called_off_does_not_forget_the_disks_that_are_here) {
  survey.disks = {in_service(2, pb::SERVICE, kDead)};
  const pb::TakeoverIntent now = intent(pb::TakeoverIntent::ANNOUNCED);
  BOOST_TEST(called_off({}, now, survey, config).phase() == pb::TakeoverIntent::ENDED);
  survey.disks = {taken(kOwn)};
  survey.disks[0].label->set_home_generation(kDead - 1);
  const auto alone = called_off({}, now, survey, config);
  BOOST_TEST(alone.phase() == pb::TakeoverIntent::RETURNING);
  BOOST_TEST(alone.victim_generation() == kDead - 1);
  BOOST_TEST(alone.number() == now.number() + 1);
  pb::TakeoverIntent before = intent(pb::TakeoverIntent::TAKEN);
  before.set_victim_generation(kDead - 2);
  const auto restored = called_off(before, now, survey, config);
  BOOST_TEST(restored.phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(restored.victim_generation() == kDead - 2);
}

BOOST_AUTO_TEST_CASE(what_is_left_undone_is_of_the_life_before_the_one_that_waits) {
  DiskView mailbox = surveyed(3, pb::MAILBOX, 0);
  mailbox.mailbox[0].set_node(kAlpha);
  mailbox.mailbox[0].set_generation(kDead + 1);
  mailbox.mailbox[0].set_phase(pb::PHASE_WAITING);
  survey.disks = {taken(kOwn), mailbox};
  survey.disks[0].label->set_home_generation(kDead);
  const auto left = [&](IntentPhase phase) {
    return is_left_undone(intent(phase), survey, config);
  };
  BOOST_TEST(left(pb::TakeoverIntent::TAKING));
  BOOST_TEST(left(pb::TakeoverIntent::TAKEN));
  BOOST_TEST(!left(pb::TakeoverIntent::ENDED));
  survey.disks[1].mailbox[0].set_phase(pb::PHASE_RECEIVING);
  BOOST_TEST(!left(pb::TakeoverIntent::TAKEN));
  survey.disks[1].mailbox[0].set_phase(pb::PHASE_WAITING);
  survey.disks[1].keys = {key_of(kAlpha, kDead + 2)};  // and this life has said nothing yet
  BOOST_TEST(!left(pb::TakeoverIntent::TAKEN));
}

BOOST_AUTO_TEST_CASE(takeover_whose_disks_go_back_ends_with_the_last_of_them) {
  survey.disks = {taken(kOwn), in_service(2, pb::SERVICE, kDead + 1)};
  BOOST_TEST((verdict(pb::TakeoverIntent::RETURNING) == IntentVerdict::kNothing));
  survey.disks = {in_service(2, pb::SERVICE, kDead + 1)};
  BOOST_TEST((verdict(pb::TakeoverIntent::RETURNING) == IntentVerdict::kEnded));
}

// It comes to light when the takeover is done.
BOOST_AUTO_TEST_CASE(own_disk_that_the_victim_still_has_belongs_to_the_takeover) {
  const NodeState state{.boot_generation = kOwn, .key = key_of(kBeta, kOwn)};
  DiskView own = in_service(3, pb::SERVICE, kDead);
  own.label->set_home_node(kBeta);
  own.label->set_home_generation(kOwn - 1);
  const auto is_left = [&](const DiskView& disk, IntentPhase phase = pb::TakeoverIntent::TAKEN) {
    survey.disks = {taken(kOwn), disk};
    const bool left = is_left_with_victim(disk, config, state.key, intent(phase));
    BOOST_TEST(is_taken_over_from(survey, config, state, intent(phase)) == !left);
    return left;
  };
  BOOST_TEST(is_left(own));
  BOOST_TEST((verdict(pb::TakeoverIntent::TAKEN) == IntentVerdict::kResume));
  BOOST_TEST(left_with_victim(survey, config, state.key, intent(pb::TakeoverIntent::TAKEN)) ==
             std::vector<std::string>{own.label->disk_uuid()});
  for (const auto phase :
       {pb::TakeoverIntent::ANNOUNCED, pb::TakeoverIntent::RETURNING, pb::TakeoverIntent::ENDED}) {
    BOOST_TEST(!is_left(own, phase));
  }
  DiskView later = own;
  later.label->set_owner_generation(kDead + 1);
  BOOST_TEST(!is_left(later));
  later = own;
  later.reservation->holder = key_of(kAlpha, kDead + 1);
  BOOST_TEST(!is_left(later));
  DiskView had = own;
  had.label->set_home_generation(kOwn);
  BOOST_TEST(!is_left(had));
  DiskView free = own;
  free.label->set_owner_node(kBeta);
  free.reservation.reset();
  BOOST_TEST(!is_left_with_victim(free, config, state.key, intent(pb::TakeoverIntent::TAKEN)));
}

BOOST_AUTO_TEST_CASE(intent_against_another_node_is_none_against_this_partner) {
  pb::TakeoverIntent other = intent(pb::TakeoverIntent::TAKING);
  other.set_victim_node(9);
  BOOST_TEST((judge_intent(other, survey, config, key_of(kBeta, kOwn)) == IntentVerdict::kNothing));
}

BOOST_AUTO_TEST_CASE(last_written_copy_counts) {
  const std::vector copies = {intent(pb::TakeoverIntent::TAKING, 4),
                              intent(pb::TakeoverIntent::ENDED, 5),
                              intent(pb::TakeoverIntent::TAKEN, 3)};
  BOOST_TEST(newest_intent(copies)->phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(!newest_intent({}).has_value());
  BOOST_TEST(next_intent(newest_intent(copies), pb::TakeoverIntent::TAKING, kAlpha, 8).number() ==
             6U);
}

BOOST_AUTO_TEST_CASE(too_few_votes_end_a_new_takeover_and_keep_an_interrupted_one) {
  const pb::TakeoverIntent now = intent(pb::TakeoverIntent::TAKING, 9);
  BOOST_TEST(phase_after_no_majority(std::nullopt, now, Code::kRefused) ==
             pb::TakeoverIntent::ENDED);
  for (const auto phase : {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::TAKEN}) {
    BOOST_TEST(phase_after_no_majority(intent(phase), now, Code::kRefused) == phase);
    BOOST_TEST(phase_after_no_majority(intent(phase), now, Code::kFenced) ==
               pb::TakeoverIntent::ENDED);
  }
  pb::TakeoverIntent earlier = intent(pb::TakeoverIntent::TAKING);
  earlier.set_victim_generation(kDead - 1);
  BOOST_TEST(phase_after_no_majority(earlier, now, Code::kRefused) == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(count_of_automatic_givebacks_goes_on_over_all_that_follows) {
  pb::TakeoverIntent before = intent(pb::TakeoverIntent::RETURNING);
  before.set_automatic_returns(3);
  before.set_returned_to(9);
  before.set_returned_by_itself(true);
  before.mutable_overrides()->set_leave_dump(true);
  for (const auto phase : {pb::TakeoverIntent::ANNOUNCED, pb::TakeoverIntent::TAKING,
                           pb::TakeoverIntent::TAKEN, pb::TakeoverIntent::ENDED}) {
    BOOST_TEST(next_intent(before, phase, kAlpha, kDead + 2).automatic_returns() == 3U);
  }
  const auto now = next_intent(before, pb::TakeoverIntent::ANNOUNCED, kAlpha, kDead + 2);
  BOOST_TEST(!is_under_way(now));
  for (const auto& known : {std::optional<pb::TakeoverIntent>(), std::optional(before)}) {
    BOOST_TEST(called_off(known, now, survey, config).automatic_returns() == 3U);
  }
  survey.disks[0].label->set_owner_node(kBeta);
  const auto restored = called_off(before, now, survey, config);
  BOOST_TEST(is_under_way(restored));
  BOOST_TEST(restored.returned_by_itself());
  BOOST_TEST(restored.overrides().leave_dump());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
