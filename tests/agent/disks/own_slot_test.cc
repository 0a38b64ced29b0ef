// This node's slot on a mailbox disk, written by several commands, and damaged.
#include "agent/disks/own_slot.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "agent/disks/own_disk.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 5;  // alpha's

pb::TakeoverIntent intent(IntentPhase phase, std::uint64_t number) {
  pb::TakeoverIntent made = next_intent(std::nullopt, phase, kBeta, 9);
  made.set_number(number);
  return made;
}

struct Slots {
  Slots() { plant(shelf, 0, make_label(0, pb::MAILBOX, 0)); }

  [[nodiscard]] SlotWriter writer(std::uint32_t life = kLife) const {
    return {.member = {.self = identity(kAlpha, life),
                       .place = RecordPlace::kMailboxLow,
                       .mailbox_set = 7},
            .state_directory = folder.file("run"),
            .executor = &real_executor(),
            .patience = milliseconds(5000)};
  }
  Result<SlotWritten> update(const std::optional<pb::TakeoverIntent>& newest = std::nullopt,
                             std::uint32_t life = kLife) {
    const auto device = alpha.device(0);
    return update_slot({*device, kMetadataOffset, uuid_of(0)}, writer(life), newest);
  }
  Result<SlotWritten> note(const pb::TakeoverIntent& which) {
    const auto device = alpha.device(0);
    return note_intent({*device, kMetadataOffset, uuid_of(0)}, writer(), which);
  }
  Result<SlotWritten> join(const std::optional<pb::TakeoverIntent>& newest = std::nullopt) {
    return join_mailbox_disk(NodeDisk(alpha, 0).own(), writer(), newest);
  }
  pb::MailboxSlot slot() { return slots_on(shelf, 0)[0]; }
  // On the disk: the copy that is written next.
  std::uint64_t place_of_next() {
    Medium medium(shelf, 0);
    pb::MailboxSlot now;
    const auto at = RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxLow, now);
    BOOST_TEST_REQUIRE(at.has_value());
    return kMetadataOffset + slot_offset(RecordPlace::kMailboxLow, at->next);
  }
  std::vector<std::byte> block_at(std::uint64_t place) {
    std::vector<std::byte> block(kBlockBytes);
    shelf.peek(0, place, block);
    return block;
  }

  TestFolder folder;
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(own_slot, Slots)

BOOST_AUTO_TEST_CASE(start_and_takeover_write_it_at_once_and_none_loses_the_others_part) {
  BOOST_TEST_REQUIRE(fake::ok(note(intent(pb::TakeoverIntent::ENDED, 1))));
  std::future<Result<SlotWritten>> takeover;
  bool begun = false;
  shelf.set_hook([&](const fake::CommandTrace& trace) {
    if (begun || trace.command != fake::Command::kWrite) return;
    begun = true;  // start has read the slot, and is about to write it
    takeover = std::async(std::launch::async,
                          [this] { return note(intent(pb::TakeoverIntent::TAKING, 2)); });
    (void)takeover.wait_for(std::chrono::milliseconds(300));
  });
  BOOST_TEST_REQUIRE(fake::ok(update(std::nullopt, kLife + 1)));
  BOOST_TEST_REQUIRE(begun);
  BOOST_TEST(fake::ok(takeover.get()));
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST(slot().generation() == kLife + 1);
  BOOST_TEST(slot().mailbox_set() == 7U);
}

BOOST_AUTO_TEST_CASE(damaged_slot_stays_where_the_intent_of_this_machine_cannot_be_read) {
  for (const unsigned copy : {0U, 1U}) {
    const std::vector<std::byte> rubbish(kBlockBytes, std::byte{0x5a});
    shelf.poke(0, kMetadataOffset + slot_offset(RecordPlace::kMailboxLow, copy), rubbish);
  }
  SlotWriter careful = writer();
  careful.keeps_damaged = true;
  const auto device = alpha.device(0);
  shelf.clear_trace();
  BOOST_TEST(fake::fails(update_slot({*device, kMetadataOffset, uuid_of(0)}, careful, std::nullopt),
                         Code::kCorrupt));
  for (const fake::CommandTrace& trace : shelf.trace()) {
    BOOST_TEST((trace.command == fake::Command::kRead));
  }
  BOOST_TEST(fake::ok(update()));
}

BOOST_AUTO_TEST_CASE(earlier_intent_never_replaces_a_later_one) {
  BOOST_TEST_REQUIRE(fake::ok(note(intent(pb::TakeoverIntent::ENDED, 4))));
  BOOST_TEST(fake::fails(note(intent(pb::TakeoverIntent::TAKING, 3)), Code::kRefused));
  BOOST_TEST(fake::fails(note(intent(pb::TakeoverIntent::TAKING, 4)), Code::kRefused));
  BOOST_TEST(fake::ok(note(intent(pb::TakeoverIntent::ENDED, 4))));
  BOOST_TEST(fake::ok(update(intent(pb::TakeoverIntent::TAKING, 3))));
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(earlier_life_never_replaces_a_later_one) {
  BOOST_TEST_REQUIRE(fake::ok(update(std::nullopt, kLife + 1)));
  BOOST_TEST(fake::ok(update()));
  BOOST_TEST(slot().generation() == kLife + 1);
}

BOOST_AUTO_TEST_CASE(intent_that_a_failed_flush_left_behind_is_replaced_by_the_newest) {
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kFlush, .times = 1});
  BOOST_TEST(!note(intent(pb::TakeoverIntent::TAKING, 1)).has_value());
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST_REQUIRE(fake::ok(join(intent(pb::TakeoverIntent::ENDED, 2))));
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::ENDED);
}

// What an earlier boot had sent, and the target executes by now: over the copy that was the next.
BOOST_AUTO_TEST_CASE(heartbeat_that_lands_late_hides_nothing_that_no_heartbeat_repeats) {
  const auto device = alpha.device(0);
  const OwnSlot own{*device, kMetadataOffset, uuid_of(0)};
  pb::Switches switches;
  switches.set_number(1);
  const std::vector<std::function<void()>> deeds{
      [&] { BOOST_TEST(fake::ok(note(intent(pb::TakeoverIntent::TAKING, 1)))); },
      [&] { BOOST_TEST(fake::ok(note_switches(own, writer(), switches))); },
      [&] { BOOST_TEST(fake::ok(say_handed_over(own, writer(), 1))); },
      [&] { BOOST_TEST(fake::ok(say_gone(own, writer()))); }};
  for (const auto& deed : deeds) {
    BOOST_TEST_REQUIRE(fake::ok(update()));
    const std::uint64_t place = place_of_next();
    const auto before = block_at(place);
    BOOST_TEST_REQUIRE(fake::ok(write_beat(own, writer(), {.sequence = 1})));
    const auto late = block_at(place);
    shelf.poke(0, place, before);
    deed();
    const std::string said = slot().SerializeAsString();
    shelf.poke(0, place, late);
    BOOST_TEST((slot().SerializeAsString() == said));
  }
}

// The target executes two of this life's own, one over each copy.
BOOST_AUTO_TEST_CASE(heartbeats_that_were_not_answered_in_time_land_on_one_copy_only) {
  const auto device = alpha.device(0);
  const OwnSlot own{*device, kMetadataOffset, uuid_of(0)};
  std::uint64_t sequence = 0;
  const auto beat = [&] { return write_beat(own, writer(), {.sequence = ++sequence}); };
  BOOST_TEST_REQUIRE(fake::ok(update()));
  for (int i = 0; i < 3; ++i) {
    shelf.inject(0, {.kind = fake::FaultKind::kTimeout, .only = fake::Command::kWrite, .times = 1});
    BOOST_TEST(fake::fails(beat(), Code::kTimeout));
    BOOST_TEST(fake::ok(beat()));
  }
  BOOST_TEST(slot().sequence() == sequence);
  BOOST_TEST_REQUIRE(fake::ok(note(intent(pb::TakeoverIntent::TAKING, 1))));
  BOOST_TEST(shelf.execute_queued(0) == 3U);
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST(fake::ok(beat()));
  BOOST_TEST(slot().sequence() == sequence);
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(slot_whose_copies_are_both_damaged_is_written_anew_and_the_vote_kept) {
  BOOST_TEST_REQUIRE(fake::ok(join()));
  damage_slot(shelf, 0, RecordPlace::kMailboxLow);
  const auto joined = join(intent(pb::TakeoverIntent::TAKEN, 3));
  BOOST_TEST_REQUIRE(fake::ok(joined));
  BOOST_TEST(joined->was_damaged);
  BOOST_TEST(slot().generation() == kLife);
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(!join()->was_damaged);
}

BOOST_AUTO_TEST_CASE(intent_in_a_slot_that_was_damaged_comes_with_life_and_set) {
  damage_slot(shelf, 0, RecordPlace::kMailboxLow);
  BOOST_TEST(note(intent(pb::TakeoverIntent::TAKING, 1))->was_damaged);
  BOOST_TEST(slot().generation() == kLife);
  BOOST_TEST(slot().mailbox_set() == 7U);
}

BOOST_AUTO_TEST_CASE(slot_that_cannot_be_read_now_is_left_alone) {
  BOOST_TEST_REQUIRE(fake::ok(note(intent(pb::TakeoverIntent::TAKING, 1))));
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead});
  BOOST_TEST(fake::fails(update(), Code::kIo));
  shelf.heal(0);
  BOOST_TEST(slot().intent().phase() == pb::TakeoverIntent::TAKING);
}

// It may tell that this node has lost its vote.
BOOST_AUTO_TEST_CASE(partners_slot_whose_copies_are_both_damaged_keeps_this_node_out) {
  damage_slot(shelf, 0, RecordPlace::kMailboxHigh);
  const auto joined = join();
  BOOST_TEST_REQUIRE(fake::fails(joined, Code::kCorrupt));
  BOOST_TEST(describe(joined.error()).find("lastword start") != std::string::npos);
  BOOST_TEST(shelf.registrations(0).keys.empty());
}

BOOST_AUTO_TEST_CASE(label_whose_uuid_is_none_names_no_lock) {
  const auto device = alpha.device(0);
  BOOST_TEST(fake::fails(update_slot({*device, kMetadataOffset, "../x"}, writer(), std::nullopt),
                         Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

// wait_until_ready() serves survey, examination, label, release and the mailbox disks.
BOOST_AUTO_TEST_CASE(disk_that_conflicts_at_test_unit_ready_is_ready_and_a_sick_one_is_not) {
  fake::FakeShelf shelf({.luns = 1});
  const auto lun = shelf.connect("alpha").lun(0);
  shelf.inject(0, {.kind = fake::FaultKind::kConflict, .only = fake::Command::kTestUnitReady});
  BOOST_TEST(fake::ok(wait_until_ready(*lun)));
  shelf.heal(0);
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kTestUnitReady});
  BOOST_TEST(fake::fails(wait_until_ready(*lun), Code::kIo));
}

}  // namespace lastword::test
