// `lastword takeover --dry-run` says what a takeover would do.
#include "agent/takeover/takeover_report.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 3;  // boot generation of beta, which would take over

// Alpha's service disk and armed spare, and three mailbox disks on which both are registered.
struct Forecast {
  Forecast() {
    std::swap(config.self, config.partner);
    survey.disks = {in_service(0, pb::SERVICE, 7), in_service(1, pb::SPARE, 7)};
    survey.disks[1].header.set_attribute(pb::ARMED);
    survey.disks[1].header.set_node(kAlpha);
    survey.disks[1].header.set_boot_generation(7);
    NodeState started{.boot_generation = kOwn, .key = key_of(kBeta, kOwn)};
    for (const unsigned number : {2U, 3U, 4U}) {
      survey.disks.push_back(surveyed(number, pb::MAILBOX, 0));
      survey.disks.back().keys = {key_of(kAlpha, 7), key_of(kBeta, kOwn)};
      started.mailbox_disks.push_back(uuid_of(number));
    }
    started.mailbox_joined = started.mailbox_disks;
    for (std::size_t i = 2; i < survey.disks.size(); ++i) {
      pb::MailboxSlot& slot = survey.disks[i].mailbox[0];
      slot.set_node(kAlpha);
      slot.set_generation(7);
      slot.set_mailbox_set(mailbox_set(started.mailbox_disks));
    }
    state = started;
  }
  [[nodiscard]] TakeoverReport made() const { return forecast_takeover(config, state, survey); }
  // Empty: a takeover would go ahead.
  [[nodiscard]] std::string obstacle() const {
    const TakeoverReport report = made();
    BOOST_TEST(report.complete == report.obstacles.empty());
    return report.obstacles.empty() ? "" : report.obstacles.front();
  }

  Config config = cluster_config();
  Survey survey;
  Result<NodeState> state;
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(takeover_forecast, Forecast)

BOOST_AUTO_TEST_CASE(nothing_against_it_and_armed_spares_wait) {
  const TakeoverReport report = made();
  BOOST_TEST(report.complete);
  BOOST_REQUIRE(report.disks.size() == 2U);
  BOOST_TEST(report.disks[0].outcome == "at once");
  BOOST_TEST(report.disks[1].outcome == "when the dump is over");
  BOOST_TEST(report.disks[1].detail == "ARMED");
}

BOOST_AUTO_TEST_CASE(node_that_has_not_started_takes_nothing) {
  state = fail({.code = Code::kNotFound, .detail = "run `lastword start`"});
  BOOST_TEST(contains(obstacle(), "lastword start"));
  BOOST_TEST(made().disks.size() == 2U);
}

BOOST_AUTO_TEST_CASE(votes_that_are_lost_already_are_counted) {
  survey.disks[2].keys = {key_of(kAlpha, 7)};
  BOOST_TEST(obstacle() == "");
  survey.disks[3].keys = {key_of(kAlpha, 7), key_of(kBeta, kOwn - 1)};
  BOOST_TEST(obstacle() == "");  // the shelf has lost this node's registrations
  pb::TakeoverIntent& intent = *survey.disks[2].mailbox[0].mutable_intent();
  intent.set_phase(pb::TakeoverIntent::TAKING);
  intent.set_victim_node(kBeta);
  intent.set_victim_generation(kOwn);
  intent.set_number(1);
  BOOST_TEST(contains(obstacle(), "0 of 3 mailbox disks won, 2 lost: no majority"));
}

BOOST_AUTO_TEST_CASE(nodes_that_count_votes_by_different_disks_are_told) {
  for (std::size_t i = 2; i < survey.disks.size(); ++i) {
    survey.disks[i].mailbox[0].set_mailbox_set(mailbox_set({uuid_of(2)}));
  }
  BOOST_TEST(contains(obstacle(), "do not count votes by the same mailbox disks"));
}

BOOST_AUTO_TEST_CASE(mailbox_disks_that_do_not_answer_or_are_doubled_are_no_votes) {
  survey.disks[2].scsi_problem = Error{.code = Code::kTimeout};
  BOOST_TEST(obstacle() == "");
  survey.disks.push_back(survey.disks[3]);
  survey.disks.back().info.path = "/dev/sdx";
  BOOST_TEST(contains(obstacle(), "1 of 3 mailbox disks won, 0 lost: no majority"));
}

BOOST_AUTO_TEST_CASE(no_disk_of_the_partner_is_an_obstacle) {
  survey.disks.erase(survey.disks.begin(), survey.disks.begin() + 2);
  BOOST_TEST(contains(obstacle(), "no disk of alpha in sight"));
}

BOOST_AUTO_TEST_CASE(key_that_is_respected_is_named) {
  for (const ReservationKey key : {key_of(kAlpha, 8), ReservationKey{0xdeadbeef}}) {
    survey.disks[0].keys = {key};
    survey.disks[0].reservation->holder = key;
    const TakeoverReport report = made();
    BOOST_TEST(!report.complete);
    BOOST_TEST(report.disks[0].outcome == "not at all");
    BOOST_TEST(contains(report.disks[0].detail, to_string(key)));
  }
}

BOOST_AUTO_TEST_CASE(registrant_of_neither_node_is_named_as_removed_or_in_the_way) {
  const ReservationKey stranger{0xdeadbeef};
  survey.disks[0].keys.push_back(stranger);
  survey.disks[0].reservations_known = true;
  BOOST_TEST(made().complete);
  BOOST_TEST(contains(made().disks[0].detail, to_string(stranger)));
  config.foreign_registrants = ForeignRegistrants::kRefuse;
  BOOST_TEST(!made().complete);
  BOOST_TEST(made().disks[0].outcome == "not at all");
}

BOOST_AUTO_TEST_CASE(copies_are_no_matter_while_one_of_them_is_held) {
  DiskView clone = survey.disks[0];
  clone.info.path = "/dev/sdx";
  clone.keys.clear();
  clone.reservation.reset();
  survey.disks.push_back(clone);
  BOOST_TEST(made().complete);
  survey.disks[0].keys.clear();
  survey.disks[0].reservation.reset();
  const TakeoverReport report = made();
  BOOST_TEST(!report.complete);
  BOOST_TEST(report.disks.back().outcome == "not taken");
  BOOST_TEST(contains(report.disks.back().detail, "take the clone away"));
}

BOOST_AUTO_TEST_CASE(disk_that_can_not_be_read_is_listed) {
  survey.disks.emplace_back();
  survey.disks.back().problem = Error{.code = Code::kTimeout, .operation = "survey"};
  const TakeoverReport report = made();
  BOOST_TEST(!report.complete);
  BOOST_TEST(report.disks.back().outcome == "not readable");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
