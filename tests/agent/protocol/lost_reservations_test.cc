// Which reservations a running node takes anew because its shelf has lost them, and which not
// because somebody took them.
#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 7;

// alpha, in service with a disk of its own and three mailbox disks; nobody is registered anywhere.
struct Lost {
  Lost() {
    survey.disks = {in_service(0, pb::SERVICE, kLife)};
    survey.disks[0].keys.clear();
    survey.disks[0].reservation.reset();
    for (unsigned number = 1; number <= 3; ++number) {
      survey.disks.push_back(surveyed(number, pb::MAILBOX, 0));
      state.mailbox_disks.push_back(uuid_of(number));
    }
    for (DiskView& disk : survey.disks) disk.reservations_known = true;
    state.mailbox_joined = state.mailbox_disks;
  }
  [[nodiscard]] LostReservations find(bool gives = false) const {
    return find_lost_reservations(survey, config, state, gives);
  }
  void put_intent(IntentPhase phase, std::uint32_t victim_generation) {
    pb::MailboxSlot& slot = survey.disks[2].mailbox[1];
    slot.set_node(kBeta);
    slot.mutable_intent()->set_phase(phase);
    slot.mutable_intent()->set_victim_node(kAlpha);
    slot.mutable_intent()->set_victim_generation(victim_generation);
    slot.mutable_intent()->set_number(1);
  }

  Config config = cluster_config();
  NodeState state{.boot_generation = kLife, .key = key_of(kAlpha, kLife)};
  Survey survey;
};

using Disks = std::vector<std::size_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lost_reservations, Lost)

BOOST_AUTO_TEST_CASE(disks_on_which_nobody_is_registered_have_lost_them) {
  BOOST_TEST((find().own == Disks{0}));
  BOOST_TEST((find().mailbox == Disks{1, 2, 3}));
}

// Each registration there would end in a withdrawal, at each look anew.
BOOST_AUTO_TEST_CASE(mailbox_disk_whose_vote_is_lost_is_left) {
  put_intent(pb::TakeoverIntent::TAKING, kLife);
  pb::MailboxSlot& elsewhere = survey.disks[3].mailbox[1];
  elsewhere = survey.disks[2].mailbox[1];
  elsewhere.mutable_intent()->set_phase(pb::TakeoverIntent::ENDED);
  elsewhere.mutable_intent()->set_number(2);
  BOOST_TEST((find().mailbox == Disks{1, 3}));
}

BOOST_AUTO_TEST_CASE(disk_of_the_partners_that_this_life_had_taken_is_among_them) {
  DiskView taken = surveyed(4, pb::SERVICE, kBeta);
  taken.label->set_owner_node(kAlpha);
  taken.label->set_owner_generation(kLife);
  taken.reservations_known = true;
  survey.disks.push_back(taken);
  BOOST_TEST((find().borrowed == Disks{4}));
  survey.disks[4].label->set_owner_generation(kLife - 1);
  BOOST_TEST(find().borrowed.empty());
  survey.disks[4] = taken;
  survey.disks[4].reservation = Reservation{.holder = key_of(kBeta, 3), .type = kOwnerType};
  BOOST_TEST(find().borrowed.empty());
}

BOOST_AUTO_TEST_CASE(disk_that_a_waiting_node_gives_back_first_is_held_again) {
  DiskView taken = surveyed(4, pb::SERVICE, kBeta);
  taken.label->set_owner_node(kAlpha);
  taken.label->set_owner_generation(kLife - 1);
  taken.reservations_known = true;
  survey.disks.push_back(taken);
  state.waiting = true;
  BOOST_TEST(find().borrowed.empty());
  BOOST_TEST((find(true).borrowed == Disks{4}));
}

BOOST_AUTO_TEST_CASE(disk_on_which_this_node_is_registered_has_not) {
  for (DiskView& disk : survey.disks) disk.keys = {state.key};
  BOOST_TEST(!find().any());
}

BOOST_AUTO_TEST_CASE(node_that_is_taken_over_takes_nothing_anew) {
  for (const auto phase : {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::TAKEN}) {
    put_intent(phase, kLife);
    BOOST_TEST(!find().any());
  }
  put_intent(pb::TakeoverIntent::ENDED, kLife);
  BOOST_TEST(find().any());
  put_intent(pb::TakeoverIntent::TAKING, kLife - 1);
  BOOST_TEST(find().any());
  survey.disks[0].label->set_owner_node(kBeta);
  BOOST_TEST(!find().any());
}

BOOST_AUTO_TEST_CASE(disk_that_somebody_holds_was_not_lost) {
  survey.disks[0].reservation = Reservation{.holder = {0xdeadbeef}, .type = kOwnerType};
  BOOST_TEST(find().own.empty());
}

BOOST_AUTO_TEST_CASE(disk_of_an_earlier_life_is_not_taken) {
  survey.disks[0].label->set_owner_generation(kLife - 1);
  BOOST_TEST(find().own.empty());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_read_is_not_taken_for_lost) {
  for (DiskView& disk : survey.disks) disk.reservations_known = false;
  BOOST_TEST(!find().any());
}

BOOST_AUTO_TEST_CASE(own_disks_wait_for_most_of_the_mailbox_disks_which_may_tell_of_a_takeover) {
  survey.disks.resize(3);
  BOOST_TEST((find().own == Disks{0}));
  survey.disks.resize(2);
  BOOST_TEST(find().own.empty());
  BOOST_TEST((find().mailbox == Disks{1}));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_was_never_joined_is_not_joined_now) {
  state.mailbox_joined = {uuid_of(2)};
  BOOST_TEST((find().mailbox == Disks{2}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
