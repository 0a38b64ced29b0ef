// Which events belong together.
#include "agent/records/history_plan.h"

#include <boost/test/unit_test.hpp>

#include "agent/records/timeline.h"

namespace lastword::test {
namespace {

constexpr std::int64_t kWall = 1'700'000'000'000;

// Lines of one node, over its boots.
struct Lines {
  std::vector<pb::HistoryLine> lines;
  std::string boot = "first";
  std::int64_t booted_at = 0;  // of `boot`, in ms of the test

  Lines& add(std::int64_t at_ms, const std::string& event, const std::string& detail = {},
             const std::string& disk = {}, std::int64_t ago_ms = 0) {
    pb::HistoryLine& line = lines.emplace_back();
    line.set_event(event);
    line.set_detail(detail);
    line.set_disk(disk);
    line.set_ago_ms(ago_ms);
    line.set_boot_id(boot);
    line.set_monotonic_ms(at_ms - booted_at);
    line.set_unix_ms(kWall + at_ms);
    return *this;
  }
  Lines& reboot(std::int64_t at_ms) {
    boot += "'";
    booted_at = at_ms;
    return *this;
  }
  Lines& panic_taken() {
    return add(10'000, "partner-panicked", "beta", "/dev/sdb", 2'300)
        .add(10'010, "takeover-started", "4 disks")
        .add(10'100, "disk-taken", "service", "/dev/sda")
        .add(10'110, "service-taken");
  }
};

std::vector<std::string> kinds(const std::vector<pb::HistoryIncident>& all) {
  std::vector<std::string> kinds;
  for (const auto& one : all) kinds.push_back(one.kind());
  return kinds;
}

const pb::HistoryStep& last(const pb::HistoryIncident& one) {
  return one.steps(one.steps_size() - 1);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(history_plan, Lines)

BOOST_AUTO_TEST_CASE(takeover_counts_from_the_panic_and_not_from_when_it_was_seen) {
  panic_taken().add(30'000, "dump-saved", "/var/crash", "/dev/sdb");
  add(30'001, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].counts_from() == "panic");
  BOOST_TEST(all[0].began() == "2023-11-14T22:13:27.700Z");
  BOOST_TEST(all[0].outcome() == "complete");
  BOOST_TEST(all[0].finished());
  BOOST_TEST(all[0].steps(0).after_ms() == 2'300);
  BOOST_TEST(all[0].steps(3).after_ms() == 2'410);
  BOOST_TEST(last(all[0]).after_ms() == 22'301);
}

BOOST_AUTO_TEST_CASE(silence_announcement_and_takeover_are_one) {
  add(20'000, "partner-silent", "", "", 20'000).add(20'010, "takeover-announced");
  add(27'000, "takeover-started").add(27'300, "service-taken");
  add(28'000, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].counts_from() == "silence");
  BOOST_TEST(all[0].steps(3).after_ms() == 27'300);
}

BOOST_AUTO_TEST_CASE(silent_partner_that_is_heard_again_is_an_incident_that_ended) {
  add(20'000, "partner-silent", "", "", 20'000).add(21'000, "partner-heard", "beta, life 4");
  add(90'000, "partner-silent", "", "", 20'000);
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 2U);
  BOOST_TEST(all[0].outcome() == "beta, life 4");
  BOOST_TEST(all[1].outcome() == "unfinished");
}

BOOST_AUTO_TEST_CASE(partner_that_reboots_while_its_dump_is_saved_does_not_end_the_takeover) {
  panic_taken().add(25'000, "partner-heard", "beta, life 5");
  add(30'000, "dump-saved", "", "/dev/sdb").add(30'001, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].outcome() == "complete");
}

BOOST_AUTO_TEST_CASE(takeover_that_a_reboot_interrupted_goes_on_by_the_wall_clock) {
  panic_taken().reboot(60'000).add(95'000, "takeover-resumed").add(95'010, "takeover-started");
  add(96'000, "dump-saved", "", "/dev/sdb").add(96'001, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].steps(4).rebooted());
  BOOST_TEST(!all[0].steps(5).rebooted());
  BOOST_TEST(all[0].steps(4).after_ms() == 87'300);
}

BOOST_AUTO_TEST_CASE(next_panic_after_an_unfinished_takeover_is_another_incident) {
  panic_taken().reboot(60'000).add(90'000, "partner-panicked", "beta", "/dev/sdb", 1'000);
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 2U);
  BOOST_TEST(!all[0].finished());
  BOOST_TEST(last(all[1]).after_ms() == 1'000);
}

BOOST_AUTO_TEST_CASE(takeover_that_an_operator_runs_again_goes_on_with_the_first) {
  panic_taken().add(30'000, "takeover-finished", "incomplete; run `lastword takeover` again");
  add(60'000, "takeover-started").add(61'000, "takeover-finished", "complete");
  BOOST_TEST(incidents(lines).size() == 1U);
  add(70'000, "giveback-started").add(71'000, "giveback-finished", "complete");
  add(90'000, "takeover-started").add(91'000, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST(kinds(all) == (std::vector<std::string>{"takeover", "giveback", "takeover"}),
             boost::test_tools::per_element());
  BOOST_TEST(all[2].counts_from() == "takeover-started");
}

BOOST_AUTO_TEST_CASE(both_sides_of_a_giveback_tell_of_returned_disks) {
  add(1'000, "giveback-started").add(2'000, "disk-returned", "", "/dev/sda");
  add(3'000, "giveback-finished", "complete").reboot(10'000).add(20'000, "waiting");
  add(30'000, "disk-returned", "", "/dev/sdc").add(31'000, "service-returned", "1 disk");
  const auto all = incidents(lines);
  BOOST_TEST(kinds(all) == (std::vector<std::string>{"giveback", "return"}),
             boost::test_tools::per_element());
  BOOST_TEST(all[0].steps_size() == 3);
  BOOST_TEST(all[1].outcome() == "1 disk");
}

BOOST_AUTO_TEST_CASE(leaving_in_good_order_is_one_incident_on_either_side) {
  add(1'000, "handover-started").add(9'000, "handed-over", "beta has all 4 disks");
  add(20'000, "takeover-asked").add(80'000, "takeover-forced").add(80'010, "takeover-started");
  add(81'000, "takeover-finished", "complete");
  const auto all = incidents(lines);
  BOOST_TEST(kinds(all) == (std::vector<std::string>{"handover", "takeover"}),
             boost::test_tools::per_element());
  BOOST_TEST(all[0].finished());
  BOOST_TEST(all[1].counts_from() == "takeover-asked");
  BOOST_TEST(last(all[1]).after_ms() == 61'000);
}

BOOST_AUTO_TEST_CASE(partner_that_leaves_begins_the_takeover_that_follows) {
  add(1'000, "partner-left", "beta, life 9").add(1'100, "takeover-started");
  add(1'200, "disk-unreadable", "", "/dev/sda")
      .add(1'300, "disk-taken")
      .add(9'000, "takeover-finished");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].counts_from() == "partner-left");
  BOOST_TEST(all[0].steps_size() == 5);
}

BOOST_AUTO_TEST_CASE(programs_whose_lines_came_late_are_put_into_order) {
  add(1'000, "takeover-started").add(3'000, "takeover-finished", "complete");
  add(2'000, "disk-taken", "", "/dev/sda");
  const auto all = incidents(lines);
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].steps(1).event() == "disk-taken");
}

BOOST_AUTO_TEST_CASE(clock_that_jumps_within_a_boot_changes_no_time) {
  panic_taken();
  lines.back().set_unix_ms(kWall - 365LL * 24 * 3600 * 1000);
  BOOST_TEST(last(incidents(lines)[0]).after_ms() == 2'410);
}

BOOST_AUTO_TEST_CASE(end_whose_beginning_was_dropped_is_no_incident) {
  add(1'000, "takeover-finished", "complete").add(2'000, "partner-heard").add(3'000, "armed");
  const auto all = incidents(lines);
  BOOST_TEST(kinds(all) == std::vector<std::string>{"note"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(picture_shows_each_disk_and_each_step) {
  panic_taken().add(12'000, "dump-disk-claimed", "complete <&\x01>", "/dev/sdb");
  add(30'000, "dump-saved", "/var/crash", "/dev/sdb").add(30'001, "takeover-finished", "complete");
  pb::HistoryReport report;
  for (auto& one : incidents(lines)) *report.add_incidents() = one;
  const pb::HistoryIncident* drawn = newest_to_draw(report);
  BOOST_TEST_REQUIRE(drawn != nullptr);
  const std::string svg = draw_timeline(*drawn, "alpha", "b<eta");
  for (const char* part :
       {"panic 0.00 s", "partner-panicked 2.30 s", "service-taken 2.41 s", ">/dev/sda</text>",
        ">/dev/sdb</text>", "class=\"writing\"", "class=\"reading\"", "b&lt;eta", "</svg>"}) {
    BOOST_TEST((svg.find(part) != std::string::npos), part);
  }
  BOOST_TEST((svg.find("b<eta") == std::string::npos));
}

// A takeover's bars end where the picture does, also where nothing was done to a disk after all.
BOOST_AUTO_TEST_CASE(picture_of_one_event_is_a_picture) {
  add(1'000, "takeover-started");
  const auto all = incidents(lines);
  const std::string svg = draw_timeline(all[0], "alpha", "beta");
  BOOST_TEST((svg.find("takeover-started 0.00 s") != std::string::npos));
  BOOST_TEST((svg.find("nan") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(takeover_is_drawn_rather_than_what_came_after_it) {
  pb::HistoryReport report;
  BOOST_TEST(newest_to_draw(report) == nullptr);
  for (const char* kind : {"giveback", "takeover", "return", "note"}) {
    report.add_incidents()->set_kind(kind);
  }
  BOOST_TEST(newest_to_draw(report)->kind() == "takeover");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
