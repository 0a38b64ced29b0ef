// `lastword status` on a fake shelf and a virtual clock, while both agents' heartbeats go on.
#include "agent/records/status_run.h"

#include "tests/agent/daemon/silence.h"

namespace lastword::test {
namespace {

// beta asks; its own agent does not run.
struct Asking : Silence {
  Asking() { dies = Instant::max(); }
  StatusRun status{config, surveyor};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status_run, Asking)

BOOST_AUTO_TEST_CASE(second_look_hears_who_lives) {
  alpha_beats();
  const auto report = status.look();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->partner().phase() == "unseen");  // of a node that it has not heard
  BOOST_TEST_REQUIRE(report->paths_size() == 1);
  BOOST_TEST(report->paths(0).beats(1).heard());
  BOOST_TEST(report->paths(0).beats(1).age_ms() <= 3000U);
  BOOST_TEST((executor.now() <= milliseconds(4000)));
}

BOOST_AUTO_TEST_CASE(who_is_dead_is_silent) {
  alpha_beats();
  dies = executor.now();
  const auto report = status.look();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->partner().phase() == "silent");
  BOOST_TEST(!report->paths(0).beats(1).heard());
}

BOOST_AUTO_TEST_CASE(nothing_is_written) {
  alpha_beats();
  shelf.clear_trace();
  BOOST_TEST_REQUIRE(fake::ok(status.look()));
  for (const auto& trace : shelf.trace()) {
    BOOST_TEST((trace.command != fake::Command::kWrite));
  }
}

BOOST_AUTO_TEST_CASE(works_without_state_and_with_damaged_files) {
  BOOST_TEST_REQUIRE(fake::ok(remove_node_state(config)));
  BOOST_TEST(status.look()->node().phase() == "not-started");
  std::ofstream(config.state_directory + "/node.json") << "{";
  const auto report = status.look();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->problems_size() == 1);
  BOOST_TEST(report->attention());
}

BOOST_AUTO_TEST_CASE(watching_goes_on_from_what_was_seen) {
  alpha_beats();
  BOOST_TEST_REQUIRE(fake::ok(status.look()));
  dies = executor.now();
  executor.sleep(milliseconds(30'000));
  const auto later = status.look();
  BOOST_TEST_REQUIRE(fake::ok(later));
  BOOST_TEST(later->paths(0).beats(1).age_ms() >= 30'000U);
  BOOST_TEST(later->partner().phase() == "silent");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
