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
  report.mutable_node()->set_means("Takes the peer's disks.");
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

}  // namespace

BOOST_AUTO_TEST_SUITE(status_text)

BOOST_AUTO_TEST_CASE(everything_is_there_with_its_remedy) {
  const std::string text = format_status(whole_report());
  for (const char* part :
       {"alpha (id 1, life 7): TAKEOVER taking. Takes the peer's disks. Since "
        "2026-01-01T00:00:00Z (1m1s).\n",
        "alpha takes over from beta by itself: after a panic yes, on silence NO.\n",
        "NO: on silence: it is late -> wait\n", "NO: /dev/sdb: sick\n", "see below",
        "ABORTED (LIMIT)", "42%", "1m30s",
        "NO: /dev/sdb: the dump is not saved -> lastword recover /dev/sdb\n", "within 1.6 s",
        "none for 1.6 s", "HEARTBEATS OF beta"}) {
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
