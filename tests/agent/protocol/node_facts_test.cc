// What a survey means to the node machine.
#include "agent/protocol/node_facts.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 7;   // of alpha, whose facts these are
constexpr std::uint32_t kOther = 4;  // of beta

// alpha and beta in service, each with a disk, and three mailbox disks.
struct Shelf {
  Shelf() {
    survey.disks = {in_service(0, pb::SERVICE, kLife), surveyed(1, pb::SERVICE, kBeta)};
    give(survey.disks[1], kBeta, kOther, kOther);
    for (unsigned number = 2; number <= 4; ++number) {
      survey.disks.push_back(surveyed(number, pb::MAILBOX, 0));
      survey.disks.back().keys = {state.key, key_of(kBeta, kOther)};
      state.mailbox_disks.push_back(uuid_of(number));
    }
    for (DiskView& disk : survey.disks) disk.reservations_known = true;
    state.mailbox_joined = state.mailbox_disks;
  }
  // `home_life`: of the home node when it last had the disk.
  static void give(DiskView& disk, std::uint8_t node, std::uint32_t life, std::uint32_t home_life) {
    disk.label->set_owner_node(node);
    disk.label->set_owner_generation(life);
    disk.label->set_home_generation(home_life);
    disk.keys = {key_of(node, life)};
    disk.reservation = Reservation{.holder = key_of(node, life), .type = kOwnerType};
  }
  void intend(IntentPhase phase, std::uint32_t victim_life) {
    pb::MailboxSlot& slot = survey.disks[3].mailbox[1];
    slot.set_node(kBeta);
    slot.mutable_intent()->set_phase(phase);
    slot.mutable_intent()->set_victim_node(kAlpha);
    slot.mutable_intent()->set_victim_generation(victim_life);
    slot.mutable_intent()->set_number(1);
  }
  void lose_key(std::size_t disk) {
    survey.disks[disk].keys = {key_of(kBeta, kOther)};
    if (disk == 0) survey.disks[0].reservation.reset();
  }
  [[nodiscard]] DiskFacts facts(const std::vector<std::string>& promised = {}) const {
    return disk_facts(survey, config, state, intent, promised);
  }

  Config config = cluster_config();
  NodeState state{.boot_generation = kLife, .key = key_of(kAlpha, kLife)};
  std::optional<pb::TakeoverIntent> intent;
  Survey survey;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(node_facts, Shelf)

BOOST_AUTO_TEST_CASE(two_nodes_in_service_have_nothing_of_each_other) {
  const DiskFacts seen = facts();
  BOOST_TEST(seen.peer_generation == kOther);
  BOOST_TEST(!seen.peer_owns_ours);
  BOOST_TEST(!seen.has_peer_disk);
  BOOST_TEST(seen.peer_in_service);
  BOOST_TEST(!seen.preempted);
  BOOST_TEST(!seen.reservations_lost);
  BOOST_TEST(!seen.announced);
  BOOST_TEST(seen.mailbox_majority);
}

BOOST_AUTO_TEST_CASE(disk_that_this_life_never_had_is_the_peers) {
  give(survey.disks[0], kBeta, kOther, kLife - 1);
  BOOST_TEST(facts().peer_owns_ours);
  BOOST_TEST(!facts().preempted);
  // By label or by reservation alone: a takeover may have been interrupted between them.
  survey.disks[0].reservation.reset();
  BOOST_TEST(facts().peer_owns_ours);
  give(survey.disks[0], kBeta, kOther, kLife - 1);
  survey.disks[0].label->set_owner_node(kAlpha);
  BOOST_TEST(facts().peer_owns_ours);
}

BOOST_AUTO_TEST_CASE(promised_disk_is_no_claim_of_the_peer) {
  give(survey.disks[0], kBeta, kOther, kLife - 1);
  const DiskFacts seen = facts({uuid_of(0)});
  BOOST_TEST(!seen.peer_owns_ours);
  BOOST_TEST(seen.promised);
}

BOOST_AUTO_TEST_CASE(disk_that_this_life_had_and_the_peer_holds_is_preempted) {
  // Without mailbox disks the hold alone tells it.
  give(survey.disks[0], kBeta, kOther, kLife);
  BOOST_TEST(facts().preempted);
  BOOST_TEST(!facts().peer_owns_ours);
}

BOOST_AUTO_TEST_CASE(own_key_gone_with_an_intent_is_preempted_without_one_lost) {
  lose_key(0);
  BOOST_TEST(!facts().preempted);
  BOOST_TEST(facts().reservations_lost);
  intend(pb::TakeoverIntent::TAKING, kLife);
  BOOST_TEST(facts().preempted);
  BOOST_TEST(!facts().reservations_lost);
  // Against an earlier life it explains nothing.
  intend(pb::TakeoverIntent::TAKING, kLife - 1);
  BOOST_TEST(!facts().preempted);
  intend(pb::TakeoverIntent::ENDED, kLife);
  BOOST_TEST(!facts().preempted);
}

BOOST_AUTO_TEST_CASE(one_of_three_votes_lost_fences_nobody_two_do) {
  intend(pb::TakeoverIntent::TAKING, kLife);
  lose_key(2);
  BOOST_TEST(!facts().preempted);
  lose_key(3);
  BOOST_TEST(facts().preempted);
}

BOOST_AUTO_TEST_CASE(disk_whose_registrations_are_not_known_tells_nothing) {
  give(survey.disks[0], kAlpha, kLife, kLife);
  intend(pb::TakeoverIntent::TAKING, kLife);
  lose_key(0);
  survey.disks[0].reservations_known = false;
  BOOST_TEST(!facts().preempted);
}

BOOST_AUTO_TEST_CASE(announcement_against_this_life_and_an_earlier_one_are_two_things) {
  intend(pb::TakeoverIntent::TAKING, kLife);
  BOOST_TEST(facts().announced);
  BOOST_TEST(!facts().announced_earlier);
  intend(pb::TakeoverIntent::TAKING, kLife - 1);
  BOOST_TEST(!facts().announced);
  BOOST_TEST(facts().announced_earlier);
  // What was done against an earlier life shows on the disks.
  intend(pb::TakeoverIntent::TAKEN, kLife - 1);
  BOOST_TEST(!facts().announced_earlier);
  // Of copies of one intent the last written counts.
  intend(pb::TakeoverIntent::TAKING, kLife - 1);
  survey.disks[2].mailbox[1] = survey.disks[3].mailbox[1];
  survey.disks[2].mailbox[1].mutable_intent()->set_phase(pb::TakeoverIntent::ENDED);
  survey.disks[2].mailbox[1].mutable_intent()->set_number(2);
  BOOST_TEST(!facts().announced_earlier);
}

BOOST_AUTO_TEST_CASE(disk_of_the_peer_is_here_by_label_or_by_reservation) {
  give(survey.disks[1], kAlpha, kLife, kOther);
  BOOST_TEST(facts().has_peer_disk);
  BOOST_TEST(!facts().peer_in_service);
  survey.disks[1].label->set_owner_node(kBeta);
  BOOST_TEST(facts().has_peer_disk);
  give(survey.disks[1], kAlpha, kLife, kOther);
  survey.disks[1].reservation.reset();
  BOOST_TEST(facts().has_peer_disk);
}

BOOST_AUTO_TEST_CASE(peer_whose_old_key_holds_a_disk_is_not_in_service) {
  survey.disks[2].keys.push_back(key_of(kBeta, kOther + 1));
  BOOST_TEST(facts().peer_generation == kOther + 1);
  BOOST_TEST(!facts().peer_in_service);
}

BOOST_AUTO_TEST_CASE(panic_of_the_present_life_counts_only) {
  pb::CoredumpHeader& header = survey.disks[1].header;
  header.set_attribute(pb::IN_PROGRESS);
  header.set_node(kBeta);
  header.set_boot_generation(kOther);
  BOOST_TEST(facts().peer_panicked);
  survey.disks[2].keys.push_back(key_of(kBeta, kOther + 1));
  BOOST_TEST(!facts().peer_panicked);
}

BOOST_AUTO_TEST_CASE(without_mailbox_disks_there_is_no_majority) {
  state.mailbox_disks.clear();
  BOOST_TEST(!facts().mailbox_majority);
}

BOOST_AUTO_TEST_CASE(takeover_is_open_while_it_is_to_be_finished_or_a_disk_is_here) {
  NodeFacts known;
  const auto open = [&](IntentPhase phase) {
    intent = next_intent(std::nullopt, phase, kBeta, kOther);
    known.intent = intent;
    known.disks = facts();
    return takeover_is_open(known);
  };
  BOOST_TEST(open(pb::TakeoverIntent::TAKING));
  BOOST_TEST(!open(pb::TakeoverIntent::TAKEN));
  BOOST_TEST(!open(pb::TakeoverIntent::ENDED));
  // A later life ends what took nothing.
  survey.disks[1].keys.push_back(key_of(kBeta, kOther + 1));
  BOOST_TEST(!open(pb::TakeoverIntent::TAKING));
  // One disk decides.
  give(survey.disks[1], kAlpha, kLife, kOther);
  BOOST_TEST(open(pb::TakeoverIntent::TAKING));
  BOOST_TEST(open(pb::TakeoverIntent::TAKEN));
  BOOST_TEST(!open(pb::TakeoverIntent::ENDED));
}

BOOST_AUTO_TEST_CASE(switch_ends_at_its_time) {
  BOOST_TEST(!is_on({}, 0));
  BOOST_TEST(is_on({.on = true}, 1'000'000));
  BOOST_TEST(is_on({.on = true, .until_unix_ms = 10}, 9));
  BOOST_TEST(!is_on({.on = true, .until_unix_ms = 10}, 10));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
