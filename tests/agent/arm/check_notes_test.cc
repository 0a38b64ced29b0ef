// What `check` notes, though the node would be dumped and taken over.
#include "tests/agent/arm/check_ready.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(check_notes, Ready)

BOOST_AUTO_TEST_CASE(one_candidate_lost_is_a_note) {
  disk(1).problem = Error{.code = Code::kIo, .operation = "read"};
  const auto report = check_node(facts);
  BOOST_TEST(problems_of(report) == "");
  BOOST_TEST(!report.candidates(0).valid());
  BOOST_REQUIRE(report.notes_size() == 1);
  BOOST_TEST(report.notes(0).find("candidate 1 (/dev/sdb) would be passed over") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(disk_that_is_gone_is_shown_by_uuid) {
  situation.survey.disks.erase(situation.survey.disks.begin() + 2);
  situation.examined.pop_back();
  const auto report = check_node(facts);
  BOOST_TEST(report.candidates(1).disk() == "");
  BOOST_TEST(report.candidates(1).disk_uuid() == uuid_of(2));
  BOOST_TEST(report.would_dump());
}

BOOST_AUTO_TEST_CASE(partial_dump_is_a_note_where_no_disk_is_larger) {
  situation.policy.memory.raw_bytes = situation.policy.memory.in_use_bytes = 9000 * kMiB;
  const auto report = check_node(facts);
  BOOST_TEST(report.would_dump());
  BOOST_REQUIRE(report.notes_size() == 1);
  BOOST_TEST(report.notes(0).find("partial") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_that_this_node_does_not_take_over_from_is_a_note) {
  facts.switches.switches.peer.mutable_no_takeover()->set_on(true);
  const auto report = check_node(facts);
  BOOST_TEST(report.would_be_taken_over());
  BOOST_TEST_REQUIRE(report.notes_size() == 1);
  BOOST_TEST(report.notes(0).find("does not take over from beta by itself") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(damaged_file_of_switches_is_a_note) {
  facts.switches.problem = Error{.code = Code::kCorrupt, .operation = "read switches"};
  BOOST_TEST_REQUIRE(check_node(facts).notes_size() == 1);
  BOOST_TEST(check_node(facts).notes(0).find("read switches") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(switch_that_has_expired_is_not_mentioned) {
  facts.switches.switches.own.mutable_disable()->set_on(true);
  facts.switches.switches.own.mutable_disable()->set_until_unix_ms(10);
  facts.unix_ms = 10;
  const auto report = check_node(facts);
  BOOST_TEST(report.would_be_taken_over());
  BOOST_TEST(report.notes_size() == 0);
}

BOOST_AUTO_TEST_CASE(no_mailbox_disks_is_a_note) {
  situation.survey.disks.pop_back();
  const auto report = check_node(facts);
  BOOST_TEST(report.would_be_taken_over());
  BOOST_TEST(report.notes_size() == 1);
}

BOOST_FIXTURE_TEST_CASE(processors_that_the_capture_kernel_cannot_start_are_noted, Ready) {
  BOOST_TEST(check_node(facts).notes_size() == 0);
  config.capture_processors = 2;
  facts.running.boot_apic_id.reset();
  const pb::CheckReport report = check_node(facts);
  BOOST_TEST(report.would_dump());
  BOOST_TEST_REQUIRE(report.notes_size() == 1);
  BOOST_TEST(report.notes(0).find("processors is 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(memory_and_processors_that_came_after_arming_are_missed) {
  for (const bool follows : {false, true}) {
    Ready ready;
    ready.facts.running.processors = 4;
    ready.facts.running.follows_hotplug = follows;
    ready.facts.armed->set_memory_bytes(ready.situation.policy.memory.raw_bytes);
    ready.facts.armed->set_processors(4);
    BOOST_TEST(check_node(ready.facts).would_dump());
    ready.situation.policy.memory.raw_bytes += 512 * kMiB;
    BOOST_TEST(check_node(ready.facts).would_dump() == follows);
    ready.situation.policy.memory.raw_bytes -= 512 * kMiB;
    ready.facts.running.processors = 6;
    BOOST_TEST(check_node(ready.facts).would_dump() == follows);
  }
}

BOOST_AUTO_TEST_CASE(giveback_that_an_operator_has_to_begin_is_a_problem_of_neither) {
  config.giveback.on = true;
  config.giveback.most = 1;
  pb::TakeoverIntent intent = next_intent(std::nullopt, pb::TakeoverIntent::TAKEN, kBeta, 3);
  intent.set_automatic_returns(1);
  facts.intent = intent;
  BOOST_TEST(problems_of(check_node(facts)) == "");  // no disk of beta's is here
  DiskView borrowed = surveyed(9, pb::SERVICE, kBeta);
  borrowed.label->set_owner_node(kAlpha);
  situation.survey.disks.push_back(borrowed);
  situation.examined.emplace_back();
  const auto report = check_node(facts);
  BOOST_TEST(problems_of(report).find("1 times in a row") != std::string::npos);
  BOOST_TEST(report.would_dump());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
