// Where an operator's word is kept, and what losing a copy of it costs.
#include "agent/service/switch_run.h"

#include <fstream>

#include "agent/disks/known_switches.h"
#include "agent/node/switches_file.h"
#include "agent/service/start_run.h"
#include "tests/agent/service/service_node.h"

namespace lastword::test {
namespace {

const SwitchOrder kDisableNow{.which = OperatorSwitch::kDisable, .asked = {.on = true}};

// In service, with three mailbox disks.
struct Switching : ServiceNode {
  Switching() {
    add(pb::SERVICE);
    for (int i = 0; i < 3; ++i) add(pb::MAILBOX, 0);
    BOOST_TEST_REQUIRE(fake::ok(start_node(config, false, access())));
    look_again();
  }
  Result<SwitchReport> set(const SwitchOrder& order) {
    look_again();
    return set_switch(config, order, access());
  }
  pb::Switches own_on(unsigned lun) { return slots_on(shelf, lun)[0].switches(); }
  pb::Switches known() {
    look_again();
    return read_switches(config, survey).switches.own;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(switch_run, Switching)

BOOST_AUTO_TEST_CASE(order_is_durable_here_and_on_every_mailbox_disk) {
  const auto report = set(kDisableNow);
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->told == 3U);
  BOOST_TEST(report->kept_here);
  BOOST_TEST(report->problems.empty());
  const auto here = load_switches(config);
  BOOST_TEST_REQUIRE(fake::ok(here));
  for (const pb::Switches& copy : {*here, own_on(1), own_on(2), own_on(3)}) {
    BOOST_TEST(copy.disable().on());
    BOOST_TEST(copy.number() == first_number_of(1));
  }
}

BOOST_AUTO_TEST_CASE(either_copy_is_enough) {
  BOOST_TEST(fake::ok(set(kDisableNow)));
  std::filesystem::remove_all(config.persistent_directory);
  BOOST_TEST(known().disable().on());
  // The one that is left says what comes next.
  BOOST_TEST_REQUIRE(fake::ok(set({.which = OperatorSwitch::kNoTakeover, .asked = {.on = true}})));
  BOOST_TEST(load_switches(config)->number() == first_number_of(1) + 1);
  BOOST_TEST(load_switches(config)->disable().on());
  for (unsigned lun = 1; lun < 4; ++lun) {
    Medium medium(shelf, lun);
    BOOST_TEST_REQUIRE(fake::ok(
        RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, pb::MailboxSlot())));
  }
  BOOST_TEST(known().disable().on());
  BOOST_TEST(known().number() == first_number_of(1) + 1);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_fails_is_named_and_costs_nothing) {
  shelf.inject(2, {.kind = fake::FaultKind::kIoError});
  const auto report = set(kDisableNow);
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->told == 2U);
  BOOST_TEST(report->problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_without_this_nodes_key_is_passed_over) {
  for (unsigned lun = 1; lun < 4; ++lun) {
    BOOST_TEST_REQUIRE(
        fake::ok(nexus.lun(lun)->register_ignoring_existing(ReservationKey{}, false)));
  }
  const auto report = set(kDisableNow);
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->told == 0U);
  BOOST_TEST(report->kept_here);
}

BOOST_AUTO_TEST_CASE(order_before_start_is_kept_here) {
  BOOST_TEST_REQUIRE(fake::ok(remove_node_state(config)));
  const auto report = set(kDisableNow);
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->told == 0U);
  BOOST_TEST(load_switches(config)->disable().on());
}

BOOST_AUTO_TEST_CASE(order_that_nothing_keeps_is_an_error) {
  BOOST_TEST_REQUIRE(fake::ok(remove_node_state(config)));
  config.persistent_directory = "/dev/null/lib";
  BOOST_TEST(!set(kDisableNow));
}

BOOST_AUTO_TEST_CASE(file_that_is_damaged_is_written_anew) {
  BOOST_TEST(fake::ok(set(kDisableNow)));
  std::ofstream(config.persistent_directory + "/switches-1") << "{";
  BOOST_TEST(fake::fails(load_switches(config), Code::kCorrupt));
  BOOST_TEST(fake::ok(set({.which = OperatorSwitch::kDisable, .asked = {}})));
  BOOST_TEST(load_switches(config)->number() == first_number_of(1) + 1);
  BOOST_TEST(!known().disable().on());
}

BOOST_AUTO_TEST_CASE(one_command_at_a_time) {
  const auto other = lock_state(config);
  BOOST_TEST_REQUIRE(fake::ok(other));
  BOOST_TEST(fake::fails(set(kDisableNow), Code::kRefused));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
