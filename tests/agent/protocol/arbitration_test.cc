#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>
#include <thread>

#include "agent/disks/mailbox_vote.h"
#include "storage/block/record_io.h"
#include "tests/fake/fake_shelf.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr std::uint16_t kCluster = 0x1234;

ReservationKey key(std::uint8_t node) {
  return make_key({.cluster = kCluster, .node = node, .boot_generation = 5});
}
SeizeGoal goal_of(std::uint8_t node) {
  return {.own = key(node), .victim_node = static_cast<std::uint8_t>(3 - node)};
}

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr std::uint32_t kLife = 5;

// Mailbox disks in normal service: both nodes registered, the first one holds the reservation.
struct Mailboxes {
  explicit Mailboxes(unsigned count) : shelf({.luns = count}), count_(count) {
    for (unsigned i = 0; i < count; ++i) {
      for (const Nexus* nexus : {&alpha, &beta}) {
        while (!nexus->lun(i)->test_unit_ready()) {
        }
      }
      BOOST_REQUIRE(alpha.lun(i)->register_ignoring_existing(key(1), false));
      BOOST_REQUIRE(beta.lun(i)->register_ignoring_existing(key(2), false));
      BOOST_REQUIRE(alpha.lun(i)->reserve(key(1), kOwnerType));
    }
  }
  Tally votes_of(std::uint8_t node) {
    const Nexus& nexus = node == 1 ? alpha : beta;
    return arbitrate(count(), [&](unsigned i) { return vote_of(node, nexus, i, goal_of(node)); });
  }
  static Vote vote_of(std::uint8_t node, const Nexus& nexus, unsigned i, const SeizeGoal& goal,
                      bool can_note = true) {
    const auto device = nexus.device(i);
    const auto lun = nexus.lun(i);
    const OwnerIdentity self{
        .cluster_uuid = "", .node = node, .boot_generation = kLife, .key = key(node)};
    return cast_vote({*device, *lun, kMetadata}, goal, self,
                     [&]() -> Status {
                       if (!can_note) return fail({.code = Code::kIo});
                       pb::MailboxSlot slot;
                       slot.set_node(node);
                       slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
                       slot.mutable_intent()->set_victim_node(3U - node);
                       slot.mutable_intent()->set_victim_generation(kLife);
                       return RecordIo(*device, kMetadata)
                           .put(node == 1 ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh,
                                slot);
                     })
        .vote;
  }
  // Power goes, and the shelf did not keep registrations.
  void forget() {
    shelf.lose_power();
    for (unsigned i = 0; i < count(); ++i) {
      for (const Nexus* nexus : {&alpha, &beta}) {
        while (!nexus->lun(i)->test_unit_ready()) {
        }
      }
      BOOST_REQUIRE(shelf.registrations(i).keys.empty());
    }
  }
  [[nodiscard]] unsigned count() const { return count_; }

  FakeShelf shelf;
  Nexus alpha = shelf.connect("alpha");
  Nexus beta = shelf.connect("beta");
  unsigned count_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(arbitration)

BOOST_AUTO_TEST_CASE(first_to_vote_wins_and_the_other_learns_that_it_lost) {
  Mailboxes disks(3);
  BOOST_CHECK(disks.votes_of(2).majority());
  const Tally loser = disks.votes_of(1);
  BOOST_CHECK(!loser.majority());
  BOOST_CHECK_EQUAL(loser.lost, 2);
}

BOOST_AUTO_TEST_CASE(winner_that_was_interrupted_still_has_its_votes) {
  Mailboxes disks(3);
  BOOST_CHECK(disks.votes_of(2).majority());
  BOOST_CHECK(disks.votes_of(2).majority());
}

BOOST_AUTO_TEST_CASE(loser_never_registers_again) {
  Mailboxes disks(3);
  (void)disks.votes_of(2);
  (void)disks.votes_of(1);
  const auto keys = disks.shelf.registrations(0).keys;
  BOOST_CHECK(std::find(keys.begin(), keys.end(), key(1)) == keys.end());
}

BOOST_AUTO_TEST_CASE(minority_of_silent_disks_does_not_stop_a_takeover) {
  Mailboxes disks(3);
  disks.shelf.inject(1, {.kind = FaultKind::kTimeout, .initiator = "beta"});
  BOOST_CHECK(disks.votes_of(2).majority());
}

BOOST_AUTO_TEST_CASE(majority_of_silent_disks_does) {
  Mailboxes disks(3);
  disks.shelf.inject(0, {.kind = FaultKind::kTimeout, .initiator = "beta"});
  disks.shelf.inject(2, {.kind = FaultKind::kGone, .initiator = "beta"});
  BOOST_CHECK(!disks.votes_of(2).majority());
}

BOOST_AUTO_TEST_CASE(node_whose_registration_the_shelf_lost_joins_again_and_votes) {
  Mailboxes disks(3);
  disks.forget();
  BOOST_CHECK(disks.votes_of(2).majority());
  const Tally other = disks.votes_of(1);
  BOOST_CHECK(!other.majority());
  BOOST_CHECK_EQUAL(other.lost, 2);
}

BOOST_AUTO_TEST_CASE(vote_that_was_lost_stays_lost_when_the_shelf_forgets_the_winner) {
  Mailboxes disks(3);
  BOOST_CHECK(disks.votes_of(2).majority());
  disks.forget();
  const Tally loser = disks.votes_of(1);
  BOOST_CHECK(!loser.majority());
  BOOST_CHECK_EQUAL(loser.lost, 2);
  BOOST_CHECK(disks.shelf.registrations(0).keys.empty());
}

BOOST_AUTO_TEST_CASE(disk_that_does_not_take_the_intent_is_no_vote_and_keeps_the_rivals_key) {
  Mailboxes disks(1);
  const Vote vote = Mailboxes::vote_of(2, disks.beta, 0, goal_of(2), false);
  BOOST_CHECK((vote == Vote::kUnknown));
  BOOST_CHECK_EQUAL(disks.shelf.registrations(0).keys.size(), 2);
}

BOOST_AUTO_TEST_CASE(partner_that_is_back_in_a_later_life_loses_no_vote) {
  Mailboxes disks(3);
  SeizeGoal goal = goal_of(2);
  goal.victim_generation = 4;  // alpha is in its boot 5
  const auto vote = [&](unsigned i) { return Mailboxes::vote_of(2, disks.beta, i, goal); };
  const Tally tally = arbitrate(3, vote);
  BOOST_CHECK(!tally.majority());
  BOOST_CHECK_EQUAL(tally.lost, 0);
  BOOST_CHECK_EQUAL(disks.shelf.registrations(0).keys.size(), 2);
  goal.victim_generation = 5;
  BOOST_CHECK(arbitrate(3, vote).majority());
}

BOOST_AUTO_TEST_CASE(without_mailbox_disks_there_is_nothing_to_win) {
  BOOST_CHECK(arbitrate(0, [](unsigned) { return Vote::kLost; }).majority());
}

BOOST_AUTO_TEST_CASE(proof_stands_in_for_a_majority_but_outweighs_no_lost_vote) {
  const Tally silent{.total = 3, .won = 1, .lost = 0};
  BOOST_CHECK(may_take_over(silent, true));
  BOOST_CHECK(!may_take_over(silent, false));
  BOOST_CHECK(no_majority(silent).code == Code::kRefused);
  const Tally lost{.total = 3, .won = 1, .lost = 1};
  BOOST_CHECK(!may_take_over(lost, true));
  BOOST_CHECK(!may_take_over(lost, false));
  BOOST_CHECK(no_majority(lost).code == Code::kFenced);
  const Tally won{.total = 3, .won = 2, .lost = 1};
  BOOST_CHECK(may_take_over(won, false));
}

BOOST_AUTO_TEST_CASE(two_nodes_at_once_never_both_win) {
  // Every interleaving of two threads' commands is possible; the hook yields between any two.
  for (unsigned seed = 0; seed < 200; ++seed) {
    Mailboxes disks(3);
    if (seed % 2 == 1) disks.forget();
    std::minstd_rand random(seed);
    std::mutex mutex;
    disks.shelf.set_hook([&](const CommandTrace&) {
      unsigned pause = 0;
      {
        const std::lock_guard lock(mutex);
        pause = static_cast<unsigned>(random() % 4);
      }
      for (unsigned i = 0; i < pause; ++i) std::this_thread::yield();
    });
    Tally alpha;
    Tally beta;
    std::thread other([&] { alpha = disks.votes_of(1); });
    beta = disks.votes_of(2);
    other.join();
    BOOST_REQUIRE(!(alpha.majority() && beta.majority()));
    BOOST_REQUIRE(alpha.majority() || beta.majority());
  }
}

BOOST_AUTO_TEST_SUITE_END()
