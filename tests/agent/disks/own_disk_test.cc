#include "agent/disks/own_disk.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/disks/seize_run.h"
#include "proto/coredump.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

struct Killed {};

struct Shelf {
  Shelf() { plant(shelf, 0, make_label(0, pb::SERVICE)); }

  Result<pb::CoredumpHeader> take(const fake::Nexus& nexus, std::uint32_t generation) {
    return take_own_disk(NodeDisk(nexus, 0).own(), identity(kAlpha, generation));
  }
  SlotWriter writer(std::uint8_t node, std::uint32_t generation) {
    return {.member = {.self = identity(node, generation),
                       .place = mailbox_place(node, node == kAlpha ? kBeta : kAlpha),
                       .mailbox_set = 1},
            .state_directory = folder.file("run-" + std::to_string(node)),
            .executor = &real_executor(),
            .patience = milliseconds(50)};
  }
  Status join(const fake::Nexus& nexus, std::uint8_t node, std::uint32_t generation) {
    const auto joined =
        join_mailbox_disk(NodeDisk(nexus, 0).own(), writer(node, generation), std::nullopt);
    return joined ? Status() : fail(joined.error());
  }
  // Registers and reserves by hand, as a foreign or an earlier life would have.
  void hold(const fake::Nexus& nexus, ReservationKey key) {
    const auto lun = nexus.lun(0);
    BOOST_REQUIRE(wait_until_ready(*lun));
    BOOST_REQUIRE(lun->register_ignoring_existing(key, false));
    BOOST_REQUIRE(lun->reserve(key, kOwnerType));
  }
  void check_holder(ReservationKey key) {
    const auto reservation = shelf.reservation(0);
    BOOST_REQUIRE(reservation);
    BOOST_TEST(to_string(reservation->holder) == to_string(key));
    BOOST_TEST((reservation->type == kOwnerType));
  }
  void check_keys(std::vector<ReservationKey> expected) {
    auto keys = shelf.registrations(0).keys;
    std::sort(keys.begin(), keys.end());
    std::sort(expected.begin(), expected.end());
    BOOST_TEST((keys == expected));
  }
  unsigned count(fake::Command command) {
    const auto trace = shelf.trace();
    return static_cast<unsigned>(std::count_if(
        trace.begin(), trace.end(), [&](const auto& entry) { return entry.command == command; }));
  }
  // Throws Killed before the command with that number.
  void kill_at(unsigned number) {
    const auto left = std::make_shared<unsigned>(number);
    shelf.set_hook([left](const fake::CommandTrace&) {
      if ((*left)-- == 0) throw Killed();
    });
  }

  TestFolder folder;
  fake::FakeShelf shelf{{.luns = 1}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
};

pb::CoredumpHeader header_with(pb::Attribute attribute, std::uint32_t generation) {
  pb::CoredumpHeader header;
  header.set_attribute(attribute);
  header.set_node(kAlpha);
  header.set_boot_generation(generation);
  header.set_durable_bytes(1 << 20);
  return header;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(own_disk, Shelf)

BOOST_AUTO_TEST_CASE(first_start_reserves_and_writes_the_label) {
  BOOST_REQUIRE(take(alpha, 1));
  check_holder(key_of(kAlpha, 1));
  check_keys({key_of(kAlpha, 1)});
  const pb::Label label = label_on(shelf, 0);
  BOOST_TEST(label.owner_node() == kAlpha);
  BOOST_TEST(label.owner_generation() == 1U);
  BOOST_TEST(label.home_generation() == 1U);
  BOOST_TEST(label.ownership_epoch() == 1U);
}

BOOST_AUTO_TEST_CASE(again_in_the_same_boot_writes_nothing) {
  BOOST_REQUIRE(take(alpha, 4));
  shelf.clear_trace();
  BOOST_REQUIRE(take(alpha, 4));
  BOOST_TEST(count(fake::Command::kWrite) == 0U);
  BOOST_TEST(label_on(shelf, 0).ownership_epoch() == 1U);
  check_keys({key_of(kAlpha, 4)});
}

BOOST_AUTO_TEST_CASE(power_cycle_removes_the_stale_registration) {
  BOOST_REQUIRE(take(alpha, 4));
  const fake::Nexus reborn = shelf.connect("alpha, another ISID");
  BOOST_REQUIRE(take(reborn, 5));
  check_holder(key_of(kAlpha, 5));
  check_keys({key_of(kAlpha, 5)});
  BOOST_TEST(label_on(shelf, 0).owner_generation() == 5U);
  BOOST_TEST(label_on(shelf, 0).ownership_epoch() == 1U);  // the owner is the same
}

BOOST_AUTO_TEST_CASE(reset_with_the_same_nexus_leaves_no_old_key) {
  BOOST_REQUIRE(take(alpha, 4));
  BOOST_REQUIRE(take(alpha, 5));
  check_holder(key_of(kAlpha, 5));
  check_keys({key_of(kAlpha, 5)});
}

BOOST_AUTO_TEST_CASE(several_dead_lives_are_all_removed) {
  for (const std::uint32_t generation : {2U, 3U, 4U}) {
    const auto lun = shelf.connect("life " + std::to_string(generation)).lun(0);
    BOOST_REQUIRE(wait_until_ready(*lun));
    BOOST_REQUIRE(lun->register_ignoring_existing(key_of(kAlpha, generation), false));
  }
  BOOST_REQUIRE(take(alpha, 5));
  check_keys({key_of(kAlpha, 5)});
}

BOOST_AUTO_TEST_CASE(write_that_was_queued_while_nobody_held_the_disk_never_lands) {
  const std::vector<std::byte> block(kBlockBytes, std::byte{0x77});
  BOOST_REQUIRE(take(alpha, 5));
  shelf.lose_power();  // and all registrations
  BOOST_REQUIRE(wait_until_ready(*beta.lun(0)));
  BOOST_REQUIRE(shelf.queue_write(beta, 0, kDataOffset, block));
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(shelf.execute_queued(0) == 0U);
  check_holder(key_of(kAlpha, 5));
}

BOOST_AUTO_TEST_CASE(killed_before_the_reset_the_next_run_resets) {
  const std::vector<std::byte> block(kBlockBytes, std::byte{0x77});
  BOOST_REQUIRE(wait_until_ready(*beta.lun(0)));
  BOOST_REQUIRE(shelf.queue_write(beta, 0, kDataOffset, block));
  shelf.set_hook([](const fake::CommandTrace& trace) {
    if (trace.command == fake::Command::kReset) throw Killed();
  });
  BOOST_CHECK_THROW((void)take(alpha, 5), Killed);
  shelf.set_hook({});
  check_holder(key_of(kAlpha, 5));
  BOOST_TEST_REQUIRE(shelf.queued(0) == 1U);
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(shelf.execute_queued(0) == 0U);
  // In service it is not reset.
  shelf.clear_trace();
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(count(fake::Command::kReset) == 0U);
}

BOOST_AUTO_TEST_CASE(disk_held_by_partner_is_not_touched) {
  hold(beta, key_of(kBeta, 9));
  shelf.clear_trace();
  const auto taken = take(alpha, 5);
  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error().code == Code::kConflict));
  check_keys({key_of(kBeta, 9)});
  BOOST_TEST(count(fake::Command::kRegister) == 0U);
  BOOST_TEST(count(fake::Command::kWrite) == 0U);
}

BOOST_AUTO_TEST_CASE(disk_held_by_an_unknown_key_is_named_and_left_alone) {
  hold(beta, {0xdeadbeef});
  const auto taken = take(alpha, 5);
  BOOST_REQUIRE(!taken);
  BOOST_TEST(describe(taken.error()).find("0x00000000deadbeef") != std::string::npos);
  check_keys({{0xdeadbeef}});
}

BOOST_AUTO_TEST_CASE(label_of_the_partner_gives_the_reservation_back) {
  pb::Label label = make_label(0, pb::SERVICE);
  label.set_owner_node(kBeta);
  plant(shelf, 0, label);
  const auto taken = take(alpha, 5);
  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error().code == Code::kRefused));
  BOOST_TEST(!shelf.reservation(0));
  check_keys({});
  BOOST_TEST(label_on(shelf, 0).owner_node() == kBeta);
}

BOOST_AUTO_TEST_CASE(partners_registration_beside_ours_stays) {
  const auto lun = beta.lun(0);
  BOOST_REQUIRE(wait_until_ready(*lun));
  BOOST_REQUIRE(lun->register_ignoring_existing(key_of(kBeta, 9), false));
  BOOST_REQUIRE(take(alpha, 5));
  check_keys({key_of(kAlpha, 5), key_of(kBeta, 9)});
}

BOOST_AUTO_TEST_CASE(another_disk_under_the_same_name_is_left_alone) {
  pb::Label label = make_label(0, pb::SERVICE);
  label.set_disk_uuid(uuid_of(9));
  plant(shelf, 0, label);
  const auto taken = take(alpha, 5);
  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error().code == Code::kGone));
  check_keys({});
}

BOOST_AUTO_TEST_CASE(unit_attentions_are_retried_and_an_endless_one_is_an_error) {
  shelf.inject(
      0,
      {.kind = fake::FaultKind::kAttention, .only = fake::Command::kReadReservation, .times = 3});
  BOOST_REQUIRE(take(alpha, 5));
  shelf.inject(0, {.kind = fake::FaultKind::kAttention, .only = fake::Command::kTestUnitReady});
  const auto taken = take(alpha, 6);
  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error().code == Code::kUnitAttention));
}

BOOST_AUTO_TEST_CASE(dump_of_an_earlier_life_ends_as_rebooted) {
  plant(shelf, 0, header_with(pb::IN_PROGRESS, 4));
  const auto taken = take(alpha, 5);
  BOOST_REQUIRE(taken);
  BOOST_TEST(holds_unsaved_dump(*taken));
  const auto header = header_on(shelf, 0);
  BOOST_TEST(header.attribute() == pb::ABORTED);
  BOOST_TEST(header.reason() == pb::REBOOTED);
  BOOST_TEST(header.durable_bytes() == 1U << 20);
}

BOOST_AUTO_TEST_CASE(complete_dump_of_an_earlier_life_stays) {
  plant(shelf, 0, header_with(pb::COMPLETED, 4));
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(header_on(shelf, 0).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(armed_by_an_earlier_life_becomes_inactive) {
  plant(shelf, 0, header_with(pb::ARMED, 4));
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(header_on(shelf, 0).attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(armed_in_this_life_stays) {
  plant(shelf, 0, header_with(pb::ARMED, 5));
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_TEST(header_on(shelf, 0).attribute() == pb::ARMED);
}

BOOST_AUTO_TEST_CASE(killed_at_any_command_the_next_run_finishes) {
  bool completed = false;
  unsigned number = 0;
  for (; !completed; ++number) {
    Shelf fresh;
    plant(fresh.shelf, 0, header_with(pb::IN_PROGRESS, 4));
    BOOST_REQUIRE(fresh.take(fresh.alpha, 4));
    const fake::Nexus reborn = fresh.shelf.connect("alpha, another ISID");
    fresh.kill_at(number);
    try {
      completed = fresh.take(reborn, 5).has_value();
    } catch (const Killed&) {
    }
    fresh.shelf.set_hook({});
    BOOST_REQUIRE(fresh.take(reborn, 5));
    fresh.check_holder(key_of(kAlpha, 5));
    fresh.check_keys({key_of(kAlpha, 5)});
    BOOST_TEST(label_on(fresh.shelf, 0).owner_generation() == 5U);
    BOOST_TEST(header_on(fresh.shelf, 0).reason() == pb::REBOOTED);
  }
  BOOST_TEST(number > 15U);
}

// The partner decides to take over while this node is starting: whoever of the two sends what
// first, the partner ends up with the disk, and nothing of ours is written after it.
BOOST_AUTO_TEST_CASE(partner_that_takes_over_meanwhile_wins_at_every_command) {
  bool undisturbed = false;
  for (unsigned number = 0; !undisturbed; ++number) {
    Shelf fresh;
    unsigned left = number;
    bool interrupted = false;
    fresh.shelf.set_hook([&](const fake::CommandTrace& trace) {
      if (trace.initiator != "alpha" || left-- != 0) return;
      interrupted = true;
      const NodeDisk disk(fresh.beta, 0);
      BOOST_REQUIRE(seize(disk.lun(), SeizeGoal{.own = key_of(kBeta, 9), .victim_node = kAlpha}));
      pb::Label label = label_on(fresh.shelf, 0);
      label.set_owner_node(kBeta);
      RecordIo records = disk.records();
      BOOST_REQUIRE(records.put(RecordPlace::kLabel, label));
    });
    const auto taken = fresh.take(fresh.alpha, 5);
    undisturbed = !interrupted;
    BOOST_TEST_CONTEXT("interrupted at command " << number) {
      BOOST_TEST(taken.has_value() == undisturbed);
      fresh.check_holder(undisturbed ? key_of(kAlpha, 5) : key_of(kBeta, 9));
      BOOST_TEST(label_on(fresh.shelf, 0).owner_node() == (undisturbed ? kAlpha : kBeta));
    }
  }
}

BOOST_AUTO_TEST_CASE(both_nodes_join_a_mailbox_disk) {
  plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
  BOOST_REQUIRE(join(alpha, kAlpha, 5));
  BOOST_REQUIRE(join(beta, kBeta, 9));
  check_holder(key_of(kAlpha, 5));
  check_keys({key_of(kAlpha, 5), key_of(kBeta, 9)});
}

BOOST_AUTO_TEST_CASE(both_nodes_join_a_mailbox_disk_at_once) {
  bool undisturbed = false;
  for (unsigned number = 0; !undisturbed; ++number) {
    Shelf fresh;
    plant(fresh.shelf, 0, make_label(0, pb::MAILBOX, 0));
    unsigned left = number;
    bool interrupted = false;
    fresh.shelf.set_hook([&](const fake::CommandTrace& trace) {
      if (trace.initiator != "alpha" || left-- != 0) return;
      interrupted = true;
      BOOST_REQUIRE(fresh.join(fresh.beta, kBeta, 9));
    });
    BOOST_REQUIRE(fresh.join(fresh.alpha, kAlpha, 5));
    undisturbed = !interrupted;
    if (undisturbed) break;
    fresh.check_keys({key_of(kAlpha, 5), key_of(kBeta, 9)});
    BOOST_TEST(fresh.shelf.reservation(0).has_value());
  }
}

BOOST_AUTO_TEST_CASE(mailbox_disk_loses_only_this_nodes_older_keys) {
  plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
  BOOST_REQUIRE(join(alpha, kAlpha, 4));
  BOOST_REQUIRE(join(beta, kBeta, 9));
  const fake::Nexus reborn = shelf.connect("alpha, another ISID");
  BOOST_REQUIRE(join(reborn, kAlpha, 5));
  check_keys({key_of(kAlpha, 5), key_of(kBeta, 9)});
  BOOST_TEST(shelf.reservation(0).has_value());
}

BOOST_AUTO_TEST_CASE(released_disk_is_unowned_unreserved_and_unregistered) {
  BOOST_REQUIRE(take(alpha, 5));
  BOOST_REQUIRE(release_own_disk(NodeDisk(alpha, 0).own(), identity(kAlpha, 5)));
  BOOST_TEST(!shelf.reservation(0));
  check_keys({});
  BOOST_TEST(label_on(shelf, 0).owner_node() == 0U);
  BOOST_TEST(label_on(shelf, 0).home_generation() == 5U);
  BOOST_TEST(label_on(shelf, 0).ownership_epoch() == 2U);
}

BOOST_AUTO_TEST_CASE(release_killed_at_any_command_is_finished_by_the_next) {
  bool completed = false;
  for (unsigned number = 0; !completed; ++number) {
    Shelf fresh;
    BOOST_REQUIRE(fresh.take(fresh.alpha, 5));
    fresh.kill_at(number);
    const NodeDisk disk(fresh.alpha, 0);
    try {
      completed = release_own_disk(disk.own(), identity(kAlpha, 5)).has_value();
    } catch (const Killed&) {
    }
    fresh.shelf.set_hook({});
    BOOST_REQUIRE(release_own_disk(disk.own(), identity(kAlpha, 5)));
    BOOST_TEST(!fresh.shelf.reservation(0));
    fresh.check_keys({});
    BOOST_TEST(label_on(fresh.shelf, 0).owner_node() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(release_leaves_the_partners_disk_alone) {
  hold(beta, key_of(kBeta, 9));
  shelf.clear_trace();
  const Status released = release_own_disk(NodeDisk(alpha, 0).own(), identity(kAlpha, 5));
  BOOST_REQUIRE(!released);
  BOOST_TEST((released.error().code == Code::kFenced));
  BOOST_TEST(count(fake::Command::kWrite) == 0U);
  check_holder(key_of(kBeta, 9));
}

BOOST_AUTO_TEST_CASE(leaving_a_mailbox_disk_keeps_the_partner_registered) {
  plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
  BOOST_REQUIRE(join(alpha, kAlpha, 5));
  BOOST_REQUIRE(join(beta, kBeta, 9));
  BOOST_REQUIRE(leave_mailbox_disk(NodeDisk(alpha, 0).own(), writer(kAlpha, 5)));
  check_keys({key_of(kBeta, 9)});
  // beta is told not to count the silence.
  Medium medium(shelf, 0);
  pb::MailboxSlot slot;
  BOOST_REQUIRE(RecordIo(medium, kMetadataOffset).read(RecordPlace::kMailboxLow, slot));
  BOOST_TEST(slot.presence() == pb::GONE);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
