#include "agent/service/stop_run.h"

#include <filesystem>
#include <string>

#include "agent/node/locks.h"
#include "agent/service/start_run.h"
#include "tests/agent/service/service_node.h"

namespace lastword::test {
namespace {

// In service with two own disks and a mailbox disk.
struct Stop : ServiceNode {
  Stop() {
    add(pb::SERVICE);
    add(pb::SPARE);
    add(pb::MAILBOX, 0);
    BOOST_TEST_REQUIRE(fake::ok(start_node(config, false, access())));
    look_again();
    shelf.clear_trace();
  }
  Result<StopReport> stop() {
    return stop_node(
        config, [this](const NodeState&, const Survey&) { return disarmed; }, access());
  }
  Result<std::vector<Error>> disarmed;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stop_run, Stop)

BOOST_AUTO_TEST_CASE(clean_stop_leaves_free_disks_and_no_state) {
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StopOutcome::kStopped));
  BOOST_TEST(report->released == 3U);
  BOOST_TEST(report->not_released.empty());
  BOOST_TEST(fake::ok(report->state_kept));
  for (unsigned lun = 0; lun < 3; ++lun) {
    BOOST_TEST(shelf.registrations(lun).keys.empty());
    BOOST_TEST(!shelf.reservation(lun).has_value());
  }
  BOOST_TEST(label_on(shelf, 0).owner_node() == 0U);
  BOOST_TEST(fake::fails(load_last_life(config), Code::kNotFound));
  BOOST_TEST((stop()->outcome == StopOutcome::kNotInService));
}

BOOST_AUTO_TEST_CASE(votes_of_a_takeover_under_way_are_not_withdrawn) {
  const auto takeover = lock_takeover(config);
  BOOST_TEST_REQUIRE(fake::ok(takeover));
  BOOST_TEST(fake::fails(stop(), Code::kRefused));
  BOOST_TEST(shelf.trace().empty());
  BOOST_TEST(fake::ok(load_node_state(config)));
}

BOOST_AUTO_TEST_CASE(what_is_still_armed_is_not_released) {
  disarmed = fail({.code = Code::kIo, .operation = "unload"});
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StopOutcome::kStillArmed));
  BOOST_TEST(report->disarm_problem.has_value());
  BOOST_TEST(shelf.trace().empty());
  BOOST_TEST(fake::ok(load_node_state(config)));
}

BOOST_AUTO_TEST_CASE(header_left_armed_without_a_plan_is_told_and_no_obstacle) {
  disarmed->push_back({.code = Code::kIo, .operation = "write"});
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->still_armed.size() == 1U);
  BOOST_TEST(report->released == 3U);
}

BOOST_AUTO_TEST_CASE(disk_that_fails_ends_this_life_and_can_be_released_later) {
  shelf.inject(1, {.kind = fake::FaultKind::kIoError});
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->released == 2U);
  BOOST_TEST(report->not_released.size() == 1U);
  BOOST_TEST(fake::fails(load_node_state(config), Code::kNotFound));
  BOOST_TEST(fake::ok(load_last_life(config)));
  shelf.heal(1);
  look_again();
  const auto again = stop();
  BOOST_TEST_REQUIRE(fake::ok(again));
  BOOST_TEST(again->not_released.empty());
  BOOST_TEST(!shelf.reservation(1).has_value());
  BOOST_TEST(fake::fails(load_last_life(config), Code::kNotFound));
}

// /var cannot be written; the agent would take the disks again for a life that goes on.
BOOST_AUTO_TEST_CASE(stop_ends_the_life_where_its_note_cannot_be_removed) {
  const std::string note = config.persistent_directory + "/in-service-" + std::to_string(kAlpha);
  BOOST_TEST_REQUIRE(std::filesystem::remove(note));
  std::filesystem::create_directories(note + "/not-empty");
  BOOST_TEST_REQUIRE(fake::ok(stop()));
  BOOST_TEST(fake::fails(load_node_state(config), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_the_partner_holds_is_left_and_stays_the_partners) {
  ServiceNode node;
  node.add(pb::SERVICE);
  node.add(pb::MAILBOX, 0);
  const ReservationKey theirs = key_of(kBeta, 3);
  const auto lun = node.shelf.connect("beta").lun(1);
  while (!lun->test_unit_ready()) {
  }
  BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(theirs, false)));
  BOOST_TEST_REQUIRE(fake::ok(lun->reserve(theirs, kOwnerType)));
  BOOST_TEST_REQUIRE(fake::ok(start_node(node.config, false, node.access())));
  node.look_again();
  const auto report = stop_node(
      node.config, [](const NodeState&, const Survey&) { return Result<std::vector<Error>>(); },
      node.access());
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->released == 2U);
  BOOST_TEST(report->not_released.empty());
  BOOST_TEST((node.shelf.registrations(1).keys == std::vector{theirs}));
  BOOST_TEST((node.holder(1) == theirs));
}

BOOST_AUTO_TEST_CASE(disk_that_cannot_be_read_counts_as_not_released) {
  survey.disks[1].label.reset();
  survey.disks[1].problem = Error{.code = Code::kIo, .operation = "read"};
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->unreadable.size() == 1U);
  BOOST_TEST(fake::ok(load_last_life(config)));
}

BOOST_AUTO_TEST_CASE(node_that_waits_leaves_what_the_partner_has) {
  NodeState waiting = *load_node_state(config);
  waiting.waiting = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, waiting)));
  for (DiskView& disk : survey.disks) {
    if (disk.label->role() != pb::MAILBOX) disk.label->set_owner_node(kBeta);
  }
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->not_released.empty());
  BOOST_TEST(!load_last_life(config).has_value());
}

BOOST_AUTO_TEST_CASE(partners_disk_that_was_taken_over_is_kept_and_so_is_the_state) {
  add(pb::SERVICE, kBeta);
  survey.disks[3].label->set_owner_node(kAlpha);
  const auto report = stop();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->kept == std::vector<std::string>{"/dev/sdd"}));
  BOOST_TEST(report->released == 3U);
  BOOST_TEST(fake::ok(load_node_state(config)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
