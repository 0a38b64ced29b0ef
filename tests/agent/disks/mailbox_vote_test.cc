// A node's part on one mailbox disk: joining it, and its vote, command by command.
#include "agent/disks/mailbox_vote.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>

#include "agent/node/locks.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kAlphasLife = 7;
constexpr std::uint32_t kBetasLife = 4;

// beta on a mailbox disk where alpha is registered.
struct MailboxVote {
  MailboxVote() {
    plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
    BOOST_TEST_REQUIRE(fake::ok(alpha.lun(0)->register_ignoring_existing(rival, false)));
  }
  void register_beta() {
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(self.key, false)));
  }
  // alpha is about to take over from beta.
  void put_rivals_intent(std::uint32_t victim_generation = kBetasLife,
                         IntentPhase phase = pb::TakeoverIntent::TAKING) {
    pb::MailboxSlot slot;
    slot.set_node(kAlpha);
    slot.mutable_intent()->set_phase(phase);
    slot.mutable_intent()->set_victim_node(kBeta);
    slot.mutable_intent()->set_victim_generation(victim_generation);
    Medium medium(shelf, 0);
    BOOST_TEST_REQUIRE(
        fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, slot)));
  }
  [[nodiscard]] bool registered(ReservationKey key) const {
    return std::ranges::count(shelf.registrations(0).keys, key) != 0;
  }
  VoteCast vote() { return cast_vote(disk, {.own = self.key, .victim_node = kAlpha}, self, note); }

  OwnerIdentity self = identity(kBeta, kBetasLife);
  ReservationKey rival = key_of(kAlpha, kAlphasLife);
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  std::unique_ptr<BlockDevice> device = beta.device(0);
  std::unique_ptr<ScsiLun> lun = beta.lun(0);
  MailboxDisk disk{*device, *lun, kMetadataOffset};
  std::function<Status()> note = [] { return Status(); };
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mailbox_vote, MailboxVote)

BOOST_AUTO_TEST_CASE(joining_leaves_the_partner_registered) {
  BOOST_TEST(fake::ok(join(disk, self, RecordPlace::kMailboxLow, false)));
  BOOST_TEST(registered(self.key));
  BOOST_TEST(registered(rival));
}

BOOST_AUTO_TEST_CASE(node_that_joins_after_its_vote_was_lost_is_withdrawn) {
  put_rivals_intent();
  BOOST_TEST(fake::fails(join(disk, self, RecordPlace::kMailboxLow, false), Code::kFenced));
  BOOST_TEST(!registered(self.key));
}

BOOST_AUTO_TEST_CASE(intent_against_an_earlier_life_does_not_keep_it_out) {
  put_rivals_intent(kBetasLife - 1);
  BOOST_TEST(fake::ok(join(disk, self, RecordPlace::kMailboxLow, false)));
}

BOOST_AUTO_TEST_CASE(slot_that_can_not_be_read_may_tell_of_a_lost_vote) {
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead});
  BOOST_TEST(fake::fails(join(disk, self, RecordPlace::kMailboxLow, false), Code::kIo));
  BOOST_TEST(!registered(self.key));
}

BOOST_AUTO_TEST_CASE(vote_removes_the_rival_after_the_intent_is_noted) {
  register_beta();
  note = [this] {
    BOOST_TEST(registered(rival));
    return Status();
  };
  BOOST_TEST((vote().vote == Vote::kWon));
  BOOST_TEST(!registered(rival));
  BOOST_TEST(registered(self.key));
}

BOOST_AUTO_TEST_CASE(vote_whose_intent_cannot_be_noted_removes_nobody) {
  register_beta();
  note = [] { return Status(fail({.code = Code::kIo})); };
  const VoteCast cast = vote();
  BOOST_TEST((cast.vote == Vote::kUnknown));
  BOOST_TEST(!cast.has_intent);
  BOOST_TEST(fake::fails(cast.noted, Code::kIo));
  BOOST_TEST(registered(rival));
  BOOST_TEST(registered(self.key));
}

BOOST_AUTO_TEST_CASE(key_that_went_while_the_intent_was_noted_is_a_lost_vote) {
  register_beta();
  note = [this] {
    put_rivals_intent();
    BOOST_TEST(fake::ok(alpha.lun(0)->preempt(rival, self.key, kOwnerType)));
    return Status();
  };
  const VoteCast cast = vote();
  BOOST_TEST((cast.vote == Vote::kLost));
  BOOST_TEST(registered(rival));
  BOOST_TEST(!registered(self.key));
}

// As from each other they both begin: who removes the other's key first has won.
BOOST_AUTO_TEST_CASE(rival_that_has_only_begun_wins_nothing) {
  register_beta();
  put_rivals_intent();
  BOOST_TEST((vote().vote == Vote::kWon));
}

BOOST_AUTO_TEST_CASE(registration_that_was_executed_after_the_rival_had_won_is_no_vote) {
  register_beta();
  put_rivals_intent(kBetasLife, pb::TakeoverIntent::TAKEN);
  bool intended = false;
  note = [&] {
    intended = true;
    return Status();
  };
  BOOST_TEST((vote().vote == Vote::kLost));
  BOOST_TEST(!intended);
  BOOST_TEST(registered(rival));
  put_rivals_intent(kBetasLife - 1, pb::TakeoverIntent::TAKEN);
  BOOST_TEST((vote().vote == Vote::kWon));
}

// `start` joins again where the partner has removed this node's key, and a takeover votes.
BOOST_AUTO_TEST_CASE(registration_that_is_not_yet_known_to_stand_is_no_vote) {
  const TestFolder folder;
  disk.lock = [&] {
    return lock_slot(folder.file("run"), uuid_of(0), real_executor(), milliseconds(5000));
  };
  put_rivals_intent();
  std::future<VoteCast> cast;
  shelf.set_hook([&](const fake::CommandTrace& trace) {
    if (cast.valid() || trace.command != fake::Command::kRead) return;
    cast = std::async(std::launch::async, [this] { return vote(); });
    (void)cast.wait_for(std::chrono::milliseconds(300));
  });
  BOOST_TEST(fake::fails(join(disk, self, RecordPlace::kMailboxLow, false), Code::kFenced));
  BOOST_TEST_REQUIRE(cast.valid());
  BOOST_TEST((cast.get().vote == Vote::kLost));
  BOOST_TEST(registered(rival));
}

BOOST_AUTO_TEST_CASE(key_that_went_before_the_intent_was_noted_is_a_lost_vote) {
  register_beta();
  note = [this] {
    put_rivals_intent();
    BOOST_TEST(fake::ok(alpha.lun(0)->preempt(rival, self.key, kOwnerType)));
    return Status(fail({.code = Code::kConflict, .operation = "write"}));
  };
  const VoteCast cast = vote();
  BOOST_TEST((cast.vote == Vote::kLost));
  BOOST_TEST(!cast.has_intent);
  BOOST_TEST(registered(rival));
  BOOST_TEST(!registered(self.key));
}

BOOST_AUTO_TEST_CASE(intent_that_conflicts_again_and_again_is_no_vote) {
  register_beta();
  note = [] { return Status(fail({.code = Code::kConflict, .operation = "write"})); };
  const VoteCast cast = vote();
  BOOST_TEST((cast.vote == Vote::kUnknown));
  BOOST_TEST(!cast.has_intent);
  BOOST_TEST(registered(rival));
}

BOOST_AUTO_TEST_CASE(vote_that_nobody_waits_for_any_more_removes_nobody) {
  register_beta();
  bool given_up = false;
  note = [&] {
    given_up = true;  // the disk was slow; the intent is ended next
    return Status();
  };
  const VoteCast cast = cast_vote(disk, {.own = self.key, .victim_node = kAlpha}, self, note,
                                  [&] { return given_up; });
  BOOST_TEST((cast.vote == Vote::kUnknown));
  BOOST_TEST(registered(rival));
}

BOOST_AUTO_TEST_CASE(rival_that_went_while_the_intent_was_noted_is_not_preempted) {
  register_beta();
  note = [this] {
    BOOST_TEST(fake::ok(alpha.lun(0)->register_ignoring_existing({0}, false)));
    shelf.clear_trace();
    return Status();
  };
  BOOST_TEST((vote().vote == Vote::kWon));
  for (const fake::CommandTrace& trace : shelf.trace()) {
    BOOST_TEST((trace.command != fake::Command::kPreempt));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
