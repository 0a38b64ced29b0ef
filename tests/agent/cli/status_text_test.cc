// What `lastword status` prints for people.
#include "agent/cli/status_text.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {
namespace {

pb::StatusReport whole_report() {
  pb::StatusReport report;
  report.mutable_node()->set_name("alpha");
  report.mutable_node()->set_id(1);
  report.mutable_node()->set_generation(7);
  report.mutable_node()->set_mode("TAKEOVER");
  report.mutable_node()->set_phase("taking");
  report.mutable_node()->set_means("Takes the partner's disks.");
  report.mutable_node()->set_since("2026-01-01T00:00:00Z");
  report.mutable_node()->set_since_ms(61'900);
  report.mutable_partner()->set_name("beta");
  report.mutable_takeover()->set_on_panic(true);
  auto& against = *report.mutable_takeover()->add_against_silence();
  against.set_reason("it is late");
  against.set_remedy("wait");
  auto& disk = *report.add_disks();
  disk.set_disk("/dev/sdb");
  disk.set_role("dump");
  disk.set_home("beta");
  disk.set_header("IN_PROGRESS");
  disk.add_problems()->set_reason("sick");
  auto& dump = *report.add_dumps();
  dump.set_disk("/dev/sdb");
  dump.set_node("beta");
  dump.set_crash_id("0badcafe-0000-4000-8000-000000000000");
  dump.set_state("ABORTED");
  dump.set_reason("LIMIT");
  dump.set_percent_known(true);
  dump.set_percent(42);
  dump.set_eta_known(true);
  dump.set_eta_ms(90'000);
  dump.set_remedy("lastword recover /dev/sdb");
  auto& path = *report.add_paths();
  path.set_disk("/dev/sdc");
  for (const bool heard : {true, false}) {
    auto& beats = *path.add_beats();
    beats.set_node(heard ? "alpha" : "beta");
    beats.set_registered(heard);
    beats.set_written(true);
    beats.set_heard(heard);
    beats.set_age_ms(1'600);
  }
  return report;
}

pb::StatusNode node(const char* name, unsigned id, const char* mode, const char* phase) {
  pb::StatusNode made;
  made.set_name(name);
  made.set_id(id);
  made.set_generation(6 + id);
  made.set_mode(mode);
  made.set_phase(phase);
  made.set_means("Serves its own disks; the partner is heard.");
  return made;
}

pb::StatusReport good_report() {
  pb::StatusReport report;
  *report.mutable_node() = node("alpha", 1, "NORMAL", "paired");
  report.mutable_node()->set_since("2026-01-01T00:00:00Z");
  report.mutable_node()->set_since_ms(61'900);
  report.mutable_node()->set_why("peer-heard: the peer's present life was heard");
  *report.mutable_partner() = node("beta", 2, "NORMAL", "paired");
  report.mutable_takeover()->set_on_panic(true);
  report.mutable_takeover()->set_on_silence(true);
  auto& agent = *report.mutable_agent();
  agent.set_state("running");
  agent.set_pid(4711);
  agent.set_version("1.2");
  agent.set_uptime_ms(7'200'000);
  agent.set_partner("heard");
  agent.set_quiet_ms(400);
  agent.set_silence_ms(15'000);
  agent.set_surveyed(true);
  agent.set_survey_age_ms(2'100);
  agent.set_survey_disks(5);
  agent.set_last_event("partner-heard: beta, life 8");
  agent.set_last_event_ms(62'000);
  auto& link = *agent.add_paths();
  link.set_kind("link");
  link.set_name("cross");
  link.set_where("10.0.0.1 to 10.0.0.2, port 7410");
  link.set_heard(true);
  link.set_age_ms(200);
  link.set_messages(77);
  for (const char* reason : {"replayed", "bad-authentication"}) {
    auto& dropped = *link.add_dropped();
    dropped.set_reason(reason);
    dropped.set_count(3);
  }
  auto& mailbox = *agent.add_paths();
  mailbox.set_kind("mailbox");
  mailbox.set_name("c");
  mailbox.set_where("/dev/sdc");
  auto& disk = *report.add_disks();
  disk.set_disk("/dev/sdb");
  disk.set_role("service");
  disk.set_home("alpha");
  disk.set_owner("alpha");
  disk.set_holder("alpha");
  disk.set_holder_known(true);
  disk.set_outcome("in service");
  disk.set_healthy(true);
  return report;
}

std::string first_line(const pb::StatusReport& report) {
  const std::string text = format_status(report);
  return text.substr(0, text.find('\n'));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(status_text)

BOOST_AUTO_TEST_CASE(a_pair_that_is_well) {
  BOOST_TEST(
      format_status(good_report()) ==
      "All is well: alpha is NORMAL paired, beta is NORMAL paired.\n"
      "\n"
      "alpha (id 1, life 7): NORMAL paired. Serves its own disks; the partner is heard. Since "
      "2026-01-01T00:00:00Z (1m1s).\n"
      "  why: peer-heard: the peer's present life was heard\n"
      "  agent: running for 2h, process 4711, version 1.2; beta heard 0.4 s ago, silent "
      "after 15s; saw 5 disks 2.1 s ago\n"
      "  1m2s ago: partner-heard: beta, life 8\n"
      "beta (id 2, life 8): NORMAL paired. Serves its own disks; the partner is heard.\n"
      "alpha takes over from beta by itself: after a panic yes, on silence yes.\n"
      "\n"
      "DISK     ROLE    HOME  OWNER HOLDER DUMP OUTCOME    HEALTH\n"
      "/dev/sdb service alpha alpha alpha  -    in service good\n"
      "\n"
      "HEARD FROM beta WHERE                           NEWEST    MESSAGES DROPPED\n"
      "link cross      10.0.0.1 to 10.0.0.2, port 7410 0.2 s ago       77 3 replayed, 3 "
      "bad-authentication\n"
      "mailbox c       /dev/sdc                        nothing          0 -\n"
      "\n"
      "There are no mailbox disks.\n");
}

BOOST_AUTO_TEST_CASE(the_first_line_says_what_to_do) {
  pb::StatusReport report = good_report();
  report.mutable_first()->set_reason("beta writes its dump to /dev/sdd (42%)");
  BOOST_TEST(first_line(report) ==
             "Nothing to do but wait: beta writes its dump to /dev/sdd (42%).");
  report.set_attention(true);
  report.mutable_first()->set_reason("/dev/sdb: it is not reserved by this node");
  report.mutable_first()->set_remedy("`lastword start`");
  BOOST_TEST(first_line(report) ==
             "To do: /dev/sdb: it is not reserved by this node -> `lastword start`");
  report.set_more(2);
  BOOST_TEST(first_line(report) ==
             "To do: /dev/sdb: it is not reserved by this node -> `lastword start` (2 more below)");
  report.mutable_first()->clear_remedy();
  BOOST_TEST(first_line(report) ==
             "Look: /dev/sdb: it is not reserved by this node (2 more below)");
}

BOOST_AUTO_TEST_CASE(an_agent_that_cannot_be_asked_is_said) {
  pb::StatusReport report = good_report();
  const auto has = [&](const std::string& part) {
    return format_status(report).find(part) != std::string::npos;
  };
  report.mutable_agent()->set_state("not-running");
  BOOST_TEST(has("\n  agent: not running\n"));
  report.mutable_agent()->set_state("no-answer");
  report.mutable_agent()->set_reason("it hangs");
  BOOST_TEST(has("\n  agent: it hangs\n"));
  report.clear_agent();
  BOOST_TEST(!has("agent"));
}

BOOST_AUTO_TEST_CASE(a_dump_that_is_saved_now_says_how_far) {
  pb::StatusReport report = good_report();
  auto& dump = *report.add_dumps();
  dump.set_disk("/dev/sdd");
  dump.set_state("COMPLETED");
  dump.set_saving(true);
  dump.set_saving_percent(7);
  BOOST_TEST((format_status(report).find("now, 7%\n") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(what_changes_by_itself_is_no_change) {
  pb::StatusReport later = good_report();
  later.set_time("2026-01-01T00:00:01Z");
  later.mutable_node()->set_since_ms(62'900);
  later.mutable_agent()->set_uptime_ms(7'201'000);
  later.mutable_agent()->set_quiet_ms(900);
  later.mutable_agent()->set_survey_age_ms(3'100);
  later.mutable_agent()->set_last_event_ms(63'000);
  later.mutable_agent()->mutable_paths(0)->set_age_ms(700);
  later.mutable_agent()->mutable_paths(0)->set_messages(78);
  const auto told = [](const pb::StatusReport& report) {
    return without_ages(report).SerializeAsString();
  };
  BOOST_TEST(told(later) == told(good_report()));
  later.mutable_partner()->set_phase("silent");
  BOOST_TEST(told(later) != told(good_report()));
}

BOOST_AUTO_TEST_CASE(everything_is_there_with_its_remedy) {
  const std::string text = format_status(whole_report());
  for (const char* part :
       {"alpha (id 1, life 7): TAKEOVER taking. Takes the partner's disks. Since "
        "2026-01-01T00:00:00Z (1m1s).\n",
        "alpha takes over from beta by itself: after a panic yes, on silence NO.\n",
        "NO: on silence: it is late -> wait\n", "NO: /dev/sdb: sick\n", "see below",
        "ABORTED (LIMIT)", "beta 0badcafe -", "42%", "1m30s",
        "NO: /dev/sdb: the dump is not saved -> lastword recover /dev/sdb\n", "within 1.6 s",
        "none for 1.6 s", "HEARTBEATS OF beta"}) {
    BOOST_TEST((text.find(part) != std::string::npos), part << " in " << text);
  }
}

BOOST_AUTO_TEST_CASE(path_that_does_not_work_says_what_to_do) {
  pb::StatusReport report = good_report();
  report.mutable_agent()->mutable_paths(0)->set_one_way(true);
  report.mutable_agent()->mutable_paths(1)->set_problem("it hangs");
  const std::string text = format_status(report);
  for (const char* part :
       {"NO: link cross: beta does not hear this node there -> `lastword check` says what to do\n",
        "NO: mailbox c: it hangs -> look at the disk"}) {
    BOOST_TEST((text.find(part) != std::string::npos), part << " in " << text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_said) {
  const std::string text = format_status({});
  BOOST_TEST((text.find("No disk of this cluster is in sight.") != std::string::npos));
  BOOST_TEST((text.find("There are no mailbox disks.") != std::string::npos));
  BOOST_TEST((text.find("DUMP ") == std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
