// Either node dies in the middle of a giveback, anywhere, and it still comes to its end.
#include <boost/test/unit_test.hpp>

#include "tests/agent/service/giveback.h"

namespace lastword::test {
namespace {

// beta is killed once, by `limit`; run again when alpha has gone on for a while. False: it was not.
bool is_killed(Giveback& giveback, unsigned Giveback::*limit) {
  bool killed = false;
  try {
    (void)giveback.run();
  } catch (const Killed&) {
    killed = true;
  }
  giveback.*limit = std::numeric_limits<unsigned>::max();
  return killed;
}

void finish(Giveback& giveback) {
  const auto report = giveback.run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  for (const auto& veto : report->vetoes) BOOST_TEST_MESSAGE(veto.disk + ": " + veto.reason);
  // Killed when nothing but the intent's end was left to write, or not even that.
  const bool was_over = report->vetoes.size() == 1 &&
                        report->vetoes[0].reason.find("nothing to give back") != std::string::npos;
  BOOST_TEST((report->complete || was_over), report->problem);
  giveback.require_all_returned();
  giveback.require_nothing_wrong();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(giveback_killed)

BOOST_AUTO_TEST_CASE(giver_that_is_killed_before_any_write_finishes_in_another_run) {
  unsigned runs = 0;
  for (bool killed = true; killed; ++runs) {
    Giveback giveback;
    giveback.writes_to_live = runs;
    killed = is_killed(giveback, &Giveback::writes_to_live);
    BOOST_TEST_CONTEXT("killed before write " << runs) {
      giveback.pass(milliseconds(3000));
      if (killed) finish(giveback);
    }
  }
  BOOST_TEST(
      runs ==
      19U);  // the intent twice, in two copies, four labels, each with its flush; two disks' flush
}

BOOST_AUTO_TEST_CASE(giver_that_is_killed_before_any_command_finishes_in_another_run) {
  constexpr unsigned kStride = 17;  // commands between two writes are looks
  bool killed = true;
  for (unsigned command = 0; killed; command += kStride) {
    Giveback giveback;
    giveback.commands_to_live = command;
    killed = is_killed(giveback, &Giveback::commands_to_live);
    BOOST_TEST_CONTEXT("killed before command " << command) {
      if (killed) finish(giveback);
    }
  }
}

BOOST_AUTO_TEST_CASE(giver_that_is_killed_in_the_hook_runs_it_again) {
  Giveback giveback;
  giveback.hook_ends = [&](const HookInput&) -> Status {
    if (giveback.hooks.size() == 1) throw Killed();
    return {};
  };
  BOOST_CHECK_THROW((void)giveback.run(), Killed);
  giveback.pass(milliseconds(3000));
  finish(giveback);
  BOOST_TEST(giveback.hooks.size() == 2U);
}

BOOST_AUTO_TEST_CASE(receiver_that_dies_anywhere_gets_the_disks_in_its_next_life) {
  constexpr unsigned kSteps = 12;  // three on each disk
  for (unsigned steps = 0; steps < kSteps; ++steps) {
    Giveback giveback;
    giveback.steps_to_live = steps;
    BOOST_TEST_CONTEXT("alpha dies before its step " << steps) {
      const auto report = giveback.run();
      BOOST_TEST_REQUIRE(fake::ok(report));
      BOOST_TEST(!report->complete);
      BOOST_TEST(report->problem != "");
      giveback.steps_to_live = std::numeric_limits<unsigned>::max();
      giveback.boot(9);
      giveback.pass(milliseconds(3000));
      finish(giveback);
    }
  }
}

BOOST_AUTO_TEST_CASE(receiver_that_reboots_while_it_is_waited_for_ends_the_wait) {
  constexpr unsigned kSteps = 12;
  for (unsigned steps = 0; steps < kSteps; ++steps) {
    Giveback giveback;
    giveback.steps_to_live = steps;
    giveback.when_dead = [&] {
      giveback.steps_to_live = std::numeric_limits<unsigned>::max();
      giveback.boot(9);
    };
    BOOST_TEST_CONTEXT("alpha dies before its step " << steps) {
      const Instant begun = giveback.executor.now();
      const auto report = giveback.run();
      BOOST_TEST_REQUIRE(fake::ok(report));
      BOOST_TEST(!report->complete);
      BOOST_TEST(report->problem.find("another life, 9") != std::string::npos, report->problem);
      BOOST_TEST((giveback.executor.now() - begun < giveback.config.timing.peer_silence()));
      finish(giveback);
    }
  }
}

BOOST_AUTO_TEST_CASE(service_is_never_ended_for_a_receiver_that_died_before) {
  for (unsigned steps = 0; steps < 6; ++steps) {
    Giveback giveback;
    giveback.steps_to_live = steps;
    BOOST_TEST_REQUIRE(fake::ok(giveback.run()));
    giveback.require_service_kept();
    BOOST_TEST(giveback.hooks.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
