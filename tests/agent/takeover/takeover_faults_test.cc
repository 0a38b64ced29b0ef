// What goes wrong on the way of a takeover, on the fake shelf, and what it must not lead to.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/node/state_files.h"
#include "agent/takeover/takeover_run.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

// alpha's mailbox slot and key are of a later life than the one that is taken over.
constexpr std::uint32_t kLater = kCrashed + 1;

class Faults : public Panic {
 public:
  void fail_first_preempt(unsigned lun) {
    shelf.inject(lun, {.kind = fake::FaultKind::kTimeout,
                       .only = fake::Command::kPreemptAndAbort,
                       .initiator = "beta",
                       .times = 1});
  }
  // Of beta's to that disk, from a time on.
  [[nodiscard]] std::vector<fake::Command> commands(unsigned lun) const {
    std::vector<fake::Command> sent;
    for (const fake::CommandTrace& trace : shelf.trace()) {
      if (trace.lun == lun && trace.initiator == "beta") sent.push_back(trace.command);
    }
    return sent;
  }
  [[nodiscard]] int time_of(const std::string& event) const {
    const auto place = place_of(event);
    BOOST_TEST_REQUIRE(place >= 0, event);
    return std::stoi(events[static_cast<std::size_t>(place)]);
  }
  void require_nothing_taken() const {
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
      BOOST_TEST(unsigned{holder(lun)} == unsigned{kAlpha});
    }
  }
  [[nodiscard]] bool on_mailbox(ReservationKey key) const {
    return std::ranges::count(shelf.registrations(kMailbox).keys, key) != 0;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(takeover_faults, Faults)

BOOST_AUTO_TEST_CASE(vote_removes_the_partner_from_the_mailbox_disk) {
  BOOST_TEST_REQUIRE(run(false).has_value());
  BOOST_TEST(!on_mailbox(key_of(kAlpha, kCrashed)));
  BOOST_TEST(on_mailbox(state.key));
}

BOOST_AUTO_TEST_CASE(partner_that_lives_again_keeps_its_vote) {
  BOOST_TEST_REQUIRE(
      fake::ok(alpha.lun(kMailbox)->register_ignoring_existing(key_of(kAlpha, kLater), false)));
  pb::MailboxSlot slot;
  slot.set_node(kAlpha);
  slot.set_generation(kLater);
  slot.set_mailbox_set(mailbox_set(state.mailbox_disks));
  Medium medium(shelf, kMailbox);
  BOOST_TEST_REQUIRE(
      fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, slot)));
  BOOST_TEST(fake::fails(run(false), Code::kRefused));
  BOOST_TEST(on_mailbox(key_of(kAlpha, kLater)));
  require_nothing_taken();
}

// beta had taken them all, rebooted, and holds them by its earlier key; alpha waits for them.
BOOST_AUTO_TEST_CASE(disks_that_labels_give_to_this_node_need_no_vote) {
  const ReservationKey earlier = key_of(kBeta, kOwn - 1);
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    plant(shelf, lun, pb::CoredumpHeader());
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kOwn - 1);
    plant(shelf, lun, label);
    (void)beta.lun(lun)->test_unit_ready();
    BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(earlier, false)));
    BOOST_TEST_REQUIRE(
        fake::ok(beta.lun(lun)->preempt(earlier, key_of(kAlpha, kCrashed), kOwnerType)));
  }
  BOOST_TEST_REQUIRE(
      fake::ok(alpha.lun(kMailbox)->register_ignoring_existing(key_of(kAlpha, kLater), false)));
  pb::MailboxSlot slot;
  slot.set_node(kAlpha);
  slot.set_generation(kLater);
  slot.set_phase(pb::PHASE_WAITING);
  slot.set_mailbox_set(mailbox_set(state.mailbox_disks));
  Medium medium(shelf, kMailbox);
  BOOST_TEST_REQUIRE(
      fake::ok(RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, slot)));
  BOOST_TEST_REQUIRE(fake::ok(run(false)));
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    BOOST_TEST((shelf.reservation(lun)->holder == state.key), "disk " << lun);
  }
  BOOST_TEST(on_mailbox(key_of(kAlpha, kLater)));
}

// Its records could not be written, so that it is tried again; its service was begun all the same.
BOOST_AUTO_TEST_CASE(disk_that_was_lost_since_its_service_began_is_not_registered_on_again) {
  shelf.inject(
      kFirst,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite, .initiator = "beta"});
  bool back = false;
  work.run_hook = [this, &back](const HookInput& input) -> Status {
    if (back || std::ranges::count(input.disks, path_of(kFirst)) == 0) return {};
    back = true;
    const ReservationKey alphas = key_of(kAlpha, kCrashed);
    (void)alpha.lun(kFirst)->test_unit_ready();  // it is told of the preempt
    BOOST_TEST(fake::ok(alpha.lun(kFirst)->register_ignoring_existing(alphas, false)));
    BOOST_TEST(fake::ok(alpha.lun(kFirst)->preempt(alphas, state.key, kOwnerType)));
    shelf.heal(kFirst);
    shelf.clear_trace();
    return {};
  };
  BOOST_TEST(run(false).has_value());
  BOOST_TEST_REQUIRE(back);
  BOOST_TEST(std::ranges::none_of(shelf.trace(), [](const fake::CommandTrace& one) {
    return one.initiator == "beta" && one.lun == kFirst && one.command == fake::Command::kRegister;
  }));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_this_life_never_joined_gives_no_vote) {
  state.mailbox_joined.clear();
  BOOST_TEST(fake::fails(run(false), Code::kRefused));
  BOOST_TEST(on_mailbox(key_of(kAlpha, kCrashed)));
  require_nothing_taken();
}

BOOST_AUTO_TEST_CASE(intent_of_a_takeover_that_was_not_allowed_is_ended) {
  shelf.inject(
      kMailbox,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReadKeys, .initiator = "beta"});
  BOOST_TEST(fake::fails(run(false), Code::kRefused));
  BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(intent_on(shelf, kMailbox).phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(disk_that_is_held_already_is_taken_at_once_whatever_its_header_says) {
  const auto lun = beta.lun(kArmed);
  BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(state.key, false)));
  BOOST_TEST_REQUIRE(fake::ok(lun->preempt(state.key, key_of(kAlpha, kCrashed), kOwnerType)));
  BOOST_TEST(run().has_value());
  BOOST_TEST(time_of("take-started " + path_of(kArmed) + " held already") < 1000);
  BOOST_TEST(header_on(shelf, kArmed).attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(disk_whose_header_can_not_be_read_is_not_taken_from_under_the_dump) {
  for (unsigned slot = 0; slot < 2; ++slot) {
    const std::vector<std::byte> garbage(kBlockBytes, std::byte{0x5a});
    shelf.poke(kArmed, kMetadataOffset + slot_offset(RecordPlace::kCoredump, slot), garbage);
  }
  BOOST_TEST_REQUIRE(run().has_value());
  BOOST_TEST(time_of("take-started " + path_of(kArmed)) >= dump_ends.count());
}

BOOST_AUTO_TEST_CASE(life_that_panicked_is_removed_where_its_label_was_not_written_yet) {
  pb::Label label = label_on(shelf, kFirst);
  label.set_owner_generation(kCrashed - 1);
  label.set_home_generation(kCrashed - 1);
  plant(shelf, kFirst, label);
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(other_disk_that_has_the_name_when_it_is_tried_again_is_left_alone) {
  fail_first_preempt(kSecond);
  bool swapped = false;
  watch_command = [&](const fake::CommandTrace&) {
    if (swapped || executor.now() < milliseconds(2000)) return;
    swapped = true;
    pb::Label label = label_on(shelf, kSecond);
    label.set_disk_uuid(uuid_of(9));
    plant(shelf, kSecond, label);
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(swapped);
  BOOST_TEST(!report->complete);
  BOOST_TEST(unsigned{holder(kSecond)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(disk_that_is_tried_again_is_looked_at_before_it_is_registered_on) {
  fail_first_preempt(kSecond);
  std::vector<fake::Command> again;
  watch_command = [&](const fake::CommandTrace& trace) {
    if (trace.lun == kSecond && trace.initiator == "beta" &&
        executor.now() >= config.timing.settings.io_timeout) {
      again.push_back(trace.command);
    }
  };
  BOOST_TEST_REQUIRE(run().has_value());
  const auto place = [&](fake::Command command) { return std::ranges::find(again, command); };
  BOOST_TEST_REQUIRE((place(fake::Command::kRegister) != again.end()));
  BOOST_TEST((place(fake::Command::kReadKeys) < place(fake::Command::kRegister)));
}

BOOST_AUTO_TEST_CASE(disk_that_another_node_took_is_announced_as_missing_from_then_on) {
  shelf.inject(
      kFirst,
      {.kind = fake::FaultKind::kConflict, .only = fake::Command::kWrite, .initiator = "beta"});
  fail_first_preempt(kSecond);
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST_REQUIRE(hooks.size() == 2U);
  BOOST_TEST(hooks[0].input.disks == Lines{path_of(kFirst)}, boost::test_tools::per_element());
  BOOST_TEST(hooks[1].input.disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(hooks[1].input.missing_disks == Lines{path_of(kFirst)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(dump_that_goes_on_to_the_deadline_is_ended_for_that_reason) {
  dump_ends = Instant::max();
  Instant next{0};
  watch_command = [&](const fake::CommandTrace&) {
    if (executor.now() < next || unsigned{holder(kDump)} != unsigned{kAlpha}) return;
    next = executor.now() + kProgressInterval;
    put_header(kDump, pb::IN_PROGRESS);
  };
  BOOST_TEST_REQUIRE(run().has_value());
  BOOST_TEST(header_on(shelf, kDump).attribute() == pb::ABORTED);
  BOOST_TEST(header_on(shelf, kDump).reason() == pb::DEADLINE);
  BOOST_TEST(time_of("dump-disk-claimed " + path_of(kDump) + " ABORTED DEADLINE") >=
             config.timing.deadline().count());
}

BOOST_AUTO_TEST_CASE(dump_that_is_not_saved_makes_the_takeover_incomplete) {
  work.recover = [](const DiskView&, const std::function<void()>&) -> Result<std::string> {
    return fail({.code = Code::kCorrupt, .operation = "mark the dump SAVED"});
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(place_of("dump-unsaved " + path_of(kDump)) >= 0);
  BOOST_TEST(place_of("dump-saved") < 0);
  const auto row = std::ranges::find(report->disks, path_of(kDump), &TakeoverReport::Disk::path);
  BOOST_TEST_REQUIRE((row != report->disks.end()));
  BOOST_TEST(row->outcome == "taken, dump not saved");
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(hook_that_fails_makes_the_takeover_incomplete) {
  work.run_hook = [](const HookInput&) {
    return Status(fail({.code = Code::kIo, .operation = "hook"}));
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(place_of("hook-failed") >= 0);
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKING);
}

BOOST_AUTO_TEST_CASE(spare_that_can_be_read_only_later_waits_for_the_end_of_the_dump) {
  shelf.inject(kSpare, {.kind = fake::FaultKind::kIoError,
                        .only = fake::Command::kRead,
                        .initiator = "beta",
                        .times = 2});
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(unsigned{holder(kSpare)} == unsigned{kBeta});
  BOOST_TEST(time_of("take-started " + path_of(kSpare)) >= dump_ends.count());
}

BOOST_AUTO_TEST_CASE(disk_that_fails_again_and_again_for_one_reason_is_told_of_once) {
  shelf.inject(kSpare, {.kind = fake::FaultKind::kIoError,
                        .only = fake::Command::kRegister,
                        .initiator = "beta",
                        .times = 5});
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(unsigned{holder(kSpare)} == unsigned{kBeta});
  BOOST_TEST(std::ranges::count_if(events, [&](const std::string& line) {
               return line.find("disk-sick " + path_of(kSpare)) != std::string::npos;
             }) == 1);
}

// It needs no vote to hold what it has, and does not fight for what the partner is about to take.
BOOST_AUTO_TEST_CASE(taker_without_a_vote_removes_no_key_of_a_life_that_may_live) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) beta_has(lun);
  auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  shelf.inject(
      kMailbox,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReadKeys, .initiator = "beta"});
  (void)alpha.lun(kFirst)->test_unit_ready();  // it is told of the preempt
  join(alpha, kFirst, key_of(kAlpha, kCrashed));
  const auto report = take_over(work, {.look = std::move(*look), .ordered = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  const auto keys = shelf.registrations(kFirst).keys;
  BOOST_TEST(std::ranges::count(keys, key_of(kAlpha, kCrashed)) == 1);
}

// Nobody held it when the disks were surveyed: the shelf had lost its reservations.
BOOST_AUTO_TEST_CASE(disk_that_the_service_has_is_looked_at_just_before_it_is_registered_on) {
  pb::AnnouncedService announced;
  announced.set_generation(kOwn);
  announced.add_told(uuid_of(kFirst));
  BOOST_TEST_REQUIRE(fake::ok(save_announced(config, announced)));
  const ReservationKey alphas = key_of(kAlpha, kCrashed);
  BOOST_TEST_REQUIRE(fake::ok(alpha.lun(kFirst)->release(alphas, kOwnerType)));
  join(alpha, kFirst, ReservationKey{0});
  auto look = surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  join(alpha, kFirst, alphas);
  BOOST_TEST_REQUIRE(fake::ok(alpha.lun(kFirst)->reserve(alphas, kOwnerType)));
  shelf.clear_trace();
  const auto report = take_over(work, {.look = std::move(*look), .ordered = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
  BOOST_TEST(std::ranges::count(commands(kFirst), fake::Command::kRegister) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
