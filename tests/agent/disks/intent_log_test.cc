// Where this node's takeover intent is kept, and whose it is.
#include "agent/disks/intent_log.h"

#include <boost/test/unit_test.hpp>

#include "agent/node/intent_file.h"
#include "agent/node/persistent_files.h"
#include "agent/node/state_files.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kVictimsLife = 7;
constexpr std::uint64_t kFirstNumber = 4U << 16;  // of the life below

// beta, with two mailbox disks and a disk of the service.
struct Log {
  Log() {
    std::swap(config.self, config.partner);
    config.persistent_directory = folder.file("lib");
    config.state_directory = folder.file("run");
    plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
    plant(shelf, 1, make_label(1, pb::MAILBOX, 0));
    plant(shelf, 2, make_label(2, pb::SERVICE));
  }
  Survey look() {
    auto look = Surveyor(config, view, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    return std::move(look->survey);
  }
  void put_slot(unsigned lun, std::uint8_t node, IntentPhase phase, std::uint64_t number) {
    pb::MailboxSlot slot;
    slot.set_node(node);
    slot.mutable_intent()->set_phase(phase);
    slot.mutable_intent()->set_number(number);
    Medium medium(shelf, lun);
    const auto place = node == kAlpha ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh;
    BOOST_TEST_REQUIRE(fake::ok(RecordIo(medium, kMetadataOffset).put(place, slot)));
  }
  pb::MailboxSlot own_slot(unsigned lun) {
    Medium medium(shelf, lun);
    pb::MailboxSlot slot;
    if (!RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxHigh, slot)) slot.Clear();
    return slot;
  }
  [[nodiscard]] std::size_t writes(unsigned lun) const {
    return static_cast<std::size_t>(std::ranges::count_if(shelf.trace(), [&](const auto& trace) {
      return trace.lun == lun && trace.command == fake::Command::kWrite;
    }));
  }

  TestFolder folder;
  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 3, .power_on_attention = false}};
  FakeNodeShelf view{shelf.connect("beta"), 3};
  NodeState state{.boot_generation = 4,
                  .key = key_of(kBeta, 4),
                  .mailbox_disks = {uuid_of(0), uuid_of(1)},
                  .mailbox_joined = {uuid_of(0), uuid_of(1)}};

  IntentLog log() { return {config, state, view, executor}; }
  // What a takeover writes on this survey.
  CopiesWritten write(const Survey& survey, bool proven = false) {
    return log().write(survey, log().next(read_intent(config, survey).intent,
                                          pb::TakeoverIntent::TAKING, kVictimsLife, proven));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(intent_log, Log)

BOOST_AUTO_TEST_CASE(intent_is_written_here_and_on_every_mailbox_disk) {
  BOOST_TEST(write(look(), true).problems.empty());
  const auto here = load_intent(config);
  BOOST_TEST_REQUIRE(fake::ok(here));
  for (const pb::TakeoverIntent& intent : {*here, own_slot(0).intent(), own_slot(1).intent()}) {
    BOOST_TEST(intent.phase() == pb::TakeoverIntent::TAKING);
    BOOST_TEST(intent.victim_node() == kAlpha);
    BOOST_TEST(intent.victim_generation() == kVictimsLife);
    BOOST_TEST(intent.proven());
    BOOST_TEST(intent.number() == kFirstNumber);
  }
  BOOST_TEST(own_slot(0).node() == kBeta);
  BOOST_TEST(writes(2) == 0U);
}

BOOST_AUTO_TEST_CASE(next_intent_has_the_next_number_whichever_copy_is_the_newest) {
  put_slot(1, kBeta, pb::TakeoverIntent::TAKEN, kFirstNumber + 41);
  BOOST_TEST(write(look()).problems.empty());
  BOOST_TEST(load_intent(config)->number() == kFirstNumber + 42);
  BOOST_TEST(own_slot(0).intent().number() == kFirstNumber + 42);
}

// The node was installed anew, and the mailbox disk was out of sight.
BOOST_AUTO_TEST_CASE(intent_of_a_later_life_outranks_those_that_it_did_not_see) {
  BOOST_TEST(fake::ok(
      log().write_here(log().next(std::nullopt, pb::TakeoverIntent::TAKING, kVictimsLife))));
  put_slot(1, kBeta, pb::TakeoverIntent::ENDED, 41);
  BOOST_TEST((read_intent(config, look()).intent->phase() == pb::TakeoverIntent::TAKING));
}

BOOST_AUTO_TEST_CASE(copy_of_this_machine_counts_alone_too) {
  BOOST_TEST(fake::ok(
      log().write_here(log().next(std::nullopt, pb::TakeoverIntent::TAKING, kVictimsLife))));
  const KnownIntent known = read_intent(config, look());
  BOOST_TEST_REQUIRE(known.intent.has_value());
  BOOST_TEST(known.intent->phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST(known.problems.empty());
}

BOOST_AUTO_TEST_CASE(intent_of_the_partner_is_not_this_nodes) {
  put_slot(0, kAlpha, pb::TakeoverIntent::TAKING, 41);
  BOOST_TEST(!read_intent(config, look()).intent.has_value());
}

BOOST_AUTO_TEST_CASE(intent_that_this_machine_cannot_keep_is_on_the_mailbox_disks) {
  const Survey survey = look();
  config.persistent_directory = "/dev/null/lib";
  BOOST_TEST(write(survey).problems.size() == 1U);
  BOOST_TEST(own_slot(0).intent().phase() == pb::TakeoverIntent::TAKING);
  BOOST_TEST(own_slot(1).intent().phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_and_its_clone_are_left_alone) {
  plant(shelf, 1, make_label(0, pb::MAILBOX, 0));
  BOOST_TEST(write(look()).problems.empty());
  BOOST_TEST(writes(0) == 0U);
  BOOST_TEST(writes(1) == 0U);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_fails_is_named_and_holds_nothing_up) {
  const Survey survey = look();
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite});
  BOOST_TEST(write(survey).problems.size() == 1U);
  BOOST_TEST(own_slot(1).intent().phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(slot_tells_of_the_life_that_writes_and_its_mailbox_disks) {
  put_slot(0, kBeta, pb::TakeoverIntent::NONE, 0);
  BOOST_TEST(write(look()).problems.empty());
  BOOST_TEST(own_slot(0).generation() == state.boot_generation);
  BOOST_TEST(own_slot(0).mailbox_set() == mailbox_set(state.mailbox_disks));
}

// A life that waited leaves no other note that its service may write on when /run is lost.
BOOST_AUTO_TEST_CASE(node_that_takes_over_notes_that_this_boot_serves) {
  const auto boot_id = read_boot_id();
  BOOST_TEST_REQUIRE(boot_id.has_value());
  const auto intent = [&](IntentPhase phase) { return log().next({}, phase, kVictimsLife); };
  BOOST_TEST(log().write_here(intent(pb::TakeoverIntent::ENDED)).has_value());
  BOOST_TEST(!load_life_in_boot(config).has_value());
  BOOST_TEST(keep_life_in_boot(config, {.boot_id = "before"}).has_value());
  BOOST_TEST(log().write_here(intent(pb::TakeoverIntent::TAKING)).has_value());
  auto life = load_life_in_boot(config);
  BOOST_TEST((life && life->boot_id == *boot_id && !life->lost));
  // What was lost stays lost.
  BOOST_TEST(keep_life_in_boot(config, {.boot_id = *boot_id, .lost = true}).has_value());
  BOOST_TEST(log().write_here(intent(pb::TakeoverIntent::TAKING)).has_value());
  life = load_life_in_boot(config);
  BOOST_TEST((life && life->lost));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
