// A whole takeover where disks give no data: what the service is told, and what is waited for.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

// kSecond takes reservations and gives no data from the look at the disks on.
Result<TakeoverReport> run_without_data_of_second(Panic& panic, Failure failure) {
  auto look = panic.surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  panic.shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
  failure.look = std::move(*look);
  failure.generation = kCrashed;
  return take_over(panic.work, std::move(failure));
}

// kSecond was read once, and gives beta no data from now on.
void forget_data_of_second(Panic& panic) {
  BOOST_TEST_REQUIRE(panic.surveyor.look().has_value());
  panic.shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(takeover_unreadable)

BOOST_AUTO_TEST_CASE(service_disk_that_gives_no_data_is_named_to_the_hook_and_comes_when_it_heals) {
  Panic panic;
  panic.sick_until = Instant{8000};
  const auto report = run_without_data_of_second(panic, {.look = {}, .proven = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  const HookInput& first = panic.hooks[0].input;
  BOOST_TEST(first.disks == Lines{path_of(kFirst)}, boost::test_tools::per_element());
  BOOST_TEST(first.missing_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(first.unreadable_disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(panic.hooks[1].input.new_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  BOOST_TEST(panic.hooks[1].input.unreadable_disks.empty());
  BOOST_TEST(panic.place_of("disk-unreadable " + path_of(kSecond)) >= 0);
}

BOOST_AUTO_TEST_CASE(service_disk_that_never_gives_data_is_reported_as_reserved_and_not_readable) {
  Panic panic;
  const auto report = run_without_data_of_second(panic, {.look = {}, .proven = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST(panic.hooks.size() == 1U);
  const auto row = std::ranges::find(report->disks, path_of(kSecond), &TakeoverReport::Disk::path);
  BOOST_TEST_REQUIRE((row != report->disks.end()));
  BOOST_TEST(row->outcome == "reserved, not readable");
}

BOOST_AUTO_TEST_CASE(after_silence_the_service_waits_until_it_is_whole) {
  Panic panic;
  for (const unsigned lun : {kDump, kArmed}) plant(panic.shelf, lun, pb::CoredumpHeader());
  panic.sick_until = Instant{8000};
  const auto report = run_without_data_of_second(panic, {.look = {}, .silent = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 1U);
  BOOST_TEST(panic.hooks[0].begun.count() >= 8000);
  BOOST_TEST(panic.hooks[0].input.new_disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  const auto told = panic.place_of("service-held-back");
  BOOST_TEST_REQUIRE(told >= 0);
  BOOST_TEST(panic.events[static_cast<std::size_t>(told)].find(path_of(kSecond)) !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(after_silence_a_service_that_is_never_whole_is_left_to_an_order) {
  for (const bool configured : {false, true}) {
    Panic panic;
    for (const unsigned lun : {kDump, kArmed}) plant(panic.shelf, lun, pb::CoredumpHeader());
    panic.config.incomplete_service = configured;
    const auto report = run_without_data_of_second(panic, {.look = {}, .silent = true});
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(!report->complete);
    BOOST_TEST(panic.hooks.size() == (configured ? 1U : 0U));
    if (configured) continue;
    const auto ordered =
        run_without_data_of_second(panic, {.look = {}, .ordered = true, .resumed = true});
    BOOST_TEST_REQUIRE(ordered.has_value());
    BOOST_TEST_REQUIRE(panic.hooks.size() == 1U);
    BOOST_TEST(panic.hooks[0].input.disks == Lines{path_of(kFirst)},
               boost::test_tools::per_element());
  }
}

// Its path goes away while it is waited for.
BOOST_AUTO_TEST_CASE(takeover_that_holds_the_service_back_at_its_end_is_incomplete) {
  Panic panic;
  for (const unsigned lun : {kDump, kArmed}) plant(panic.shelf, lun, pb::CoredumpHeader());
  forget_data_of_second(panic);
  panic.watch_command = [&](const fake::CommandTrace&) {
    if (panic.executor.now() >= Instant{3000}) panic.view.out_of_sight.insert(kSecond);
  };
  auto look = panic.surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  const auto report =
      take_over(panic.work, {.look = std::move(*look), .generation = kCrashed, .silent = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(panic.place_of("service-held-back") >= 0);
  BOOST_TEST(panic.hooks.empty());
  BOOST_TEST(!report->complete);
  BOOST_TEST(panic.phase() == pb::TakeoverIntent::TAKING);
}

// It was known as the partner's, and another disk has its path now.
BOOST_AUTO_TEST_CASE(service_is_announced_when_what_it_waits_for_is_no_part_of_it) {
  Panic panic;
  for (const unsigned lun : {kDump, kArmed}) plant(panic.shelf, lun, pb::CoredumpHeader());
  forget_data_of_second(panic);
  panic.sick_until = Instant{8000};
  auto look = panic.surveyor.look();
  BOOST_TEST_REQUIRE(look.has_value());
  BOOST_TEST_REQUIRE(fake::ok(unregister(*panic.alpha.lun(kSecond))));
  pb::Label foreign = label_on(panic.shelf, kSecond);
  foreign.set_cluster_uuid(uuid_of(9));
  plant(panic.shelf, kSecond, foreign);
  const auto report =
      take_over(panic.work, {.look = std::move(*look), .generation = kCrashed, .silent = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST_REQUIRE(panic.hooks.size() == 1U);
  BOOST_TEST(panic.hooks[0].begun >= Instant{8000});
  BOOST_TEST(panic.hooks[0].input.disks == Lines{path_of(kFirst)},
             boost::test_tools::per_element());
  BOOST_TEST(panic.hooks[0].input.missing_disks.empty());
  BOOST_TEST(report->complete);
}

// The agent that began it was restarted.
BOOST_AUTO_TEST_CASE(takeover_on_silence_that_is_resumed_waits_too) {
  Panic panic;
  for (const unsigned lun : {kDump, kArmed}) plant(panic.shelf, lun, pb::CoredumpHeader());
  const auto report = run_without_data_of_second(panic, {.look = {}, .resumed = true});
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(panic.hooks.empty());
}

// One mailbox disk of three does not answer any more, and its label was read before.
BOOST_AUTO_TEST_CASE(disk_that_is_known_to_be_a_mailbox_disk_is_not_waited_for) {
  for (const bool known : {true, false}) {
    Panic panic;
    if (known) BOOST_TEST_REQUIRE(panic.surveyor.look().has_value());
    panic.shelf.inject(
        kMailbox,
        {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
    const auto report = panic.run();
    BOOST_TEST_REQUIRE(report.has_value());
    BOOST_TEST(report->complete == known);
    const bool waited = panic.executor.now() >= panic.config.timing.deadline();
    BOOST_TEST(waited == !known);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
