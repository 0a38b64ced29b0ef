// What hangs around a takeover, or comes late: hooks, recoveries, udev, writes of this node.
#include <boost/test/unit_test.hpp>

#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

constexpr milliseconds kForEver = 30 * kLongestTime;

std::ptrdiff_t count(const Lines& lines, const std::string& part) {
  return std::ranges::count_if(
      lines, [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

// kSecond comes only when its first try has timed out.
void delay_second(Panic& panic) {
  panic.shelf.inject(kSecond, {.kind = fake::FaultKind::kTimeout,
                               .only = fake::Command::kPreemptAndAbort,
                               .initiator = "beta",
                               .times = 1});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(takeover_hangs)

BOOST_AUTO_TEST_CASE(hook_that_never_ends_keeps_back_neither_the_next_one_nor_the_end) {
  Panic panic;
  panic.hook_takes = kForEver;
  panic.config.hooks.timeout = milliseconds(60'000);
  delay_second(panic);
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST(count(panic.events, "hook-failed") == 2);
  BOOST_TEST_REQUIRE(panic.hooks.size() == 2U);
  BOOST_TEST(panic.hooks[1].input.new_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  const Instant until = Timing::service_hook_given_up(panic.config.hooks.timeout);
  BOOST_TEST((panic.hooks[1].begun >= until));
  BOOST_TEST((panic.executor.now() < 3 * until));
}

BOOST_AUTO_TEST_CASE(intent_whose_file_hangs_is_enough_on_a_mailbox_disk) {
  Panic panic;
  panic.executor.hanging = 1;  // the file: it is written first
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(panic.executor.hanging == 0U);
  const auto told = panic.place_of("intent-not-kept " + panic.config.persistent_directory);
  BOOST_TEST_REQUIRE(told >= 0);
  BOOST_TEST(panic.events[static_cast<std::size_t>(told)].find("does not answer") !=
             std::string::npos);
  BOOST_TEST(unsigned{panic.holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(intent_on(panic.shelf, kMailbox).phase() == pb::TakeoverIntent::TAKEN);
}

BOOST_AUTO_TEST_CASE(intent_whose_file_hangs_and_that_no_mailbox_disk_takes_ends_the_takeover) {
  Panic panic;
  panic.executor.hanging = 1;
  panic.shelf.inject(
      kMailbox,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite, .initiator = "beta"});
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(fake::fails(report, Code::kTimeout));
  BOOST_TEST(describe(report.error()).find("nothing is taken") != std::string::npos);
  for (const unsigned lun : {kFirst, kSecond, kSpare}) {
    BOOST_TEST(unsigned{panic.holder(lun)} == unsigned{kAlpha});
  }
}

BOOST_AUTO_TEST_CASE(recovery_that_hangs_is_given_up_and_named) {
  Panic panic;
  panic.recovery_takes = kForEver;
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(!report->complete);
  BOOST_TEST(panic.phase() == pb::TakeoverIntent::TAKING);
  const auto unsaved = panic.place_of("dump-unsaved " + path_of(kDump));
  BOOST_TEST_REQUIRE(unsaved >= 0);
  const std::string& line = panic.events[static_cast<std::size_t>(unsaved)];
  BOOST_TEST(line.find("no progress for 613 s") != std::string::npos);
  BOOST_TEST(line.find("`lastword recover " + path_of(kDump) + "`") != std::string::npos);
  for (const auto& disk : report->disks) {
    if (disk.path == path_of(kDump)) BOOST_TEST(disk.outcome == "taken, dump not saved");
  }
}

BOOST_AUTO_TEST_CASE(recovery_that_lasts_long_but_goes_on_is_waited_for) {
  Panic panic;
  panic.recovery_takes = milliseconds(4 * 3'600'000);
  panic.recovery_tells_every = milliseconds(300'000);
  const auto report = panic.run();
  BOOST_TEST_REQUIRE(report.has_value());
  BOOST_TEST(report->complete);
  const auto saved = panic.place_of("dump-saved " + path_of(kDump));
  BOOST_TEST_REQUIRE(saved >= 0);
  BOOST_TEST(std::stoll(panic.events[static_cast<std::size_t>(saved)]) >= 4 * 3'600'000);
}

BOOST_AUTO_TEST_CASE(what_this_node_changed_in_its_cache_never_lands_on_what_the_partner_wrote) {
  Panic panic;
  panic.view.changed = {path_of(kFirst)};
  BOOST_TEST(panic.run().has_value());
  AlignedBuffer block(kBlockBytes);
  panic.shelf.peek(kFirst, kChangedOffset, block.span());
  BOOST_TEST((block.span()[0] == std::byte{0}));
  BOOST_TEST(panic.place_of("changes-refused " + path_of(kFirst)) >= 0);
  BOOST_TEST(panic.place_of("changes-refused " + path_of(kSecond)) < 0);
}

// No command keeps it off a disk that nobody holds; whoever runs the service there has to know.
BOOST_AUTO_TEST_CASE(what_this_node_changed_of_a_disk_that_nobody_holds_is_told_as_written) {
  Panic panic;
  panic.view.changed = {path_of(kFirst)};
  BOOST_TEST_REQUIRE(fake::ok(panic.alpha.lun(kFirst)->release(key_of(kAlpha, 7), kOwnerType)));
  BOOST_TEST(panic.run().has_value());
  AlignedBuffer block(kBlockBytes);
  panic.shelf.peek(kFirst, kChangedOffset, block.span());
  BOOST_TEST((block.span()[0] == std::byte{0xcc}));
  BOOST_TEST(panic.place_of("changes-written " + path_of(kFirst)) >= 0);
  BOOST_TEST(panic.place_of("changes-refused " + path_of(kFirst)) < 0);
  BOOST_TEST(panic.place_of("changes-written " + path_of(kSecond)) < 0);
}

BOOST_AUTO_TEST_CASE(hook_waits_for_udev_from_the_takeovers_beginning_on_and_runs_all_the_same) {
  Panic panic;
  panic.view.uevents = 41;
  panic.watch_command = [&](const fake::CommandTrace& trace) {
    if (trace.command == fake::Command::kPreemptAndAbort) panic.view.uevents = 42;
  };
  panic.view.udev = fail({.code = Code::kTimeout});
  BOOST_TEST(panic.run().has_value());
  BOOST_TEST_REQUIRE(panic.view.rests.size() == 1U);
  BOOST_TEST(panic.view.rests[0].first == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  BOOST_TEST(panic.view.rests[0].second == 41U);
  BOOST_TEST(panic.place_of("udev-busy") >= 0);
  BOOST_TEST(panic.hooks.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
