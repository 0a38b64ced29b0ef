// What a node does whose disks the partner has, and what it says of itself.
#include "agent/protocol/waiting_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 8;

// alpha waits in life 8; beta has its disks.
class Waiting {
 public:
  Waiting() { survey.disks = {taken(0, pb::SERVICE), taken(1, pb::DUMP)}; }

  static DiskView taken(unsigned number, pb::Role role) {
    DiskView disk = surveyed(number, role);
    disk.label->set_owner_node(kBeta);
    disk.label->set_owner_generation(3);
    disk.keys = {key_of(kBeta, 3)};
    disk.reservation = Reservation{.holder = key_of(kBeta, 3), .type = kOwnerType};
    disk.reservations_known = true;
    return disk;
  }
  void promise(unsigned number, std::uint32_t life = kLife) {
    survey.disks[number].label->set_promised_node(kAlpha);
    survey.disks[number].label->set_promised_generation(life);
  }
  void receive(unsigned number) {
    DiskView& disk = survey.disks[number];
    *disk.label = *label_received(*disk.label, identity(kAlpha, kLife));
    disk.keys = {state.key};
    disk.reservation = Reservation{.holder = state.key, .type = kOwnerType};
  }
  void announce(pb::TakeoverIntent::Phase phase, std::uint32_t victim) {
    DiskView mailbox = surveyed(5, pb::MAILBOX, 0);
    mailbox.mailbox[1].set_node(kBeta);
    pb::TakeoverIntent& intent = *mailbox.mailbox[1].mutable_intent();
    intent.set_phase(phase);
    intent.set_victim_node(kAlpha);
    intent.set_victim_generation(victim);
    intent.set_number(1);
    survey.disks.push_back(mailbox);
  }
  [[nodiscard]] WaitingStep next(bool may_be_coming = true) const {
    return next_while_waiting(survey, config, state, may_be_coming);
  }

  Config config = cluster_config();
  NodeState state{.boot_generation = kLife, .key = key_of(kAlpha, kLife), .waiting = true};
  Survey survey;
};

using enum NextWhileWaiting;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(waiting_plan, Waiting)

BOOST_AUTO_TEST_CASE(node_waits_as_long_as_the_partner_has_its_disks) {
  BOOST_TEST((next().next == kWait));
  BOOST_TEST((next(false).next == kWait));
}

// The partner is dead, and gave nothing back; the first disk was free when it was read last.
BOOST_AUTO_TEST_CASE(node_does_not_go_into_service_without_a_disk_that_the_partner_may_have) {
  announce(pb::TakeoverIntent::ENDED, 1);
  receive(1);
  DiskView& hidden = survey.disks[0];
  const pb::Label with_partner = *hidden.label;
  pb::Label free = with_partner;
  free.set_owner_node(kAlpha);
  pb::Label had = *label_received(free, identity(kAlpha, kLife));
  hidden.label.reset();
  hidden.problem = Error{.code = Code::kTimeout, .operation = "survey"};
  for (const bool incomplete : {false, true}) {
    config.incomplete_service = incomplete;
    for (const pb::Label& label : {with_partner, free}) {
      hidden.label_before = label;
      BOOST_TEST((next(false).next == (incomplete ? kEnterService : kWait)));
      BOOST_TEST(next(false).unreadable.size() == (incomplete ? 0U : 1U));
    }
    hidden.label_before = had;
    BOOST_TEST((next(false).next == kEnterService));
    hidden.label_before = with_partner;
    hidden.label_before->set_role(pb::SPARE);
    BOOST_TEST((next(false).next == kEnterService));
  }
}

BOOST_AUTO_TEST_CASE(promised_disks_are_taken_dump_disks_first) {
  promise(0);
  BOOST_TEST(next().promised == std::vector<std::size_t>{0});
  promise(1);
  BOOST_TEST((next().next == kReceive));
  BOOST_TEST((next().promised == std::vector<std::size_t>{1, 0}));
}

BOOST_AUTO_TEST_CASE(promise_to_an_earlier_life_is_none) {
  promise(0, kLife - 1);
  BOOST_TEST((next().next == kWait));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_life_had_seized_is_finished) {
  promise(0, kLife - 1);
  survey.disks[0].reservation->holder = key_of(kAlpha, kLife - 1);
  BOOST_TEST((next().next == kReceive));
}

BOOST_AUTO_TEST_CASE(disk_that_was_seized_and_not_labelled_yet_is_still_to_be_taken) {
  promise(0);
  survey.disks[0].reservation->holder = state.key;
  BOOST_TEST((next().next == kReceive));
}

BOOST_AUTO_TEST_CASE(node_that_has_got_some_says_so_and_waits_for_the_rest) {
  receive(1);
  BOOST_TEST((next().next == kWait));
  BOOST_TEST(has_received(survey, config, state));
}

BOOST_AUTO_TEST_CASE(service_begins_when_all_are_there) {
  receive(0);
  receive(1);
  BOOST_TEST((next().next == kEnterService));
}

BOOST_AUTO_TEST_CASE(disk_that_cannot_be_told_may_be_among_those_that_the_partner_has) {
  receive(0);
  receive(1);
  survey.disks.push_back(surveyed(2, pb::SPARE));
  survey.disks[2].label.reset();
  survey.disks[2].problem = Error{.code = Code::kTimeout};
  BOOST_TEST((next().next == kWait));
  survey.disks[2] = surveyed(2, pb::SPARE);
  survey.disks[2].reservations_known = false;
  BOOST_TEST((next().next == kWait));
  // The partner says that it has none.
  announce(pb::TakeoverIntent::ENDED, kLife - 1);
  BOOST_TEST((next().next == kEnterService));
}

BOOST_AUTO_TEST_CASE(announced_takeover_of_an_earlier_life_is_waited_for_as_long_as_it_may_come) {
  for (DiskView& disk : survey.disks) {
    disk.label->set_owner_node(0);
    disk.keys.clear();
    disk.reservation.reset();
  }
  BOOST_TEST((next().next == kEnterService));
  announce(pb::TakeoverIntent::TAKING, kLife - 1);
  BOOST_TEST((next().next == kWait));
  BOOST_TEST((next(false).next == kEnterService));
  receive(1);
  BOOST_TEST((next().next == kWait));
  BOOST_TEST((next(false).next == kEnterService));
}

BOOST_AUTO_TEST_CASE(disk_that_is_out_of_sight_is_the_partners_as_long_as_its_intent_is_open) {
  survey.disks.clear();
  for (const auto phase : {pb::TakeoverIntent::TAKEN, pb::TakeoverIntent::RETURNING}) {
    survey.disks.clear();
    announce(phase, kLife - 1);
    BOOST_TEST((next().next == kWait));
  }
  survey.disks.clear();
  announce(pb::TakeoverIntent::ENDED, kLife - 1);
  BOOST_TEST((next().next == kEnterService));
}

BOOST_AUTO_TEST_CASE(life_that_has_lost_its_vote_takes_nothing_that_was_promised) {
  promise(0);
  announce(pb::TakeoverIntent::TAKING, kLife);
  BOOST_TEST((next().next == kWait));
  BOOST_TEST((next(false).next == kWait));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_on_which_it_is_not_registered_is_to_be_joined) {
  BOOST_TEST(all_joined(survey, config, state));
  survey.disks.push_back(surveyed(5, pb::MAILBOX, 0));
  BOOST_TEST(all_joined(survey, config, state));  // it cannot be told
  survey.disks.back().reservations_known = true;
  BOOST_TEST(!all_joined(survey, config, state));
  survey.disks.back().keys = {state.key};
  BOOST_TEST(all_joined(survey, config, state));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
