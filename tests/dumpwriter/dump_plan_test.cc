#include "dumpwriter/dump_plan.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

namespace lastword {
namespace {

using Kind = DumpAction::Kind;
using News = DumpAction::News;
using Event = DumpEvent::Kind;

std::string describe_action(const DumpAction& action) {
  const std::string candidate = std::to_string(action.candidate + 1);
  switch (action.kind) {
    case Kind::kCheck:
      return "check " + candidate;
    case Kind::kStart:
      return "start " + candidate;
    case Kind::kStream:
      return "stream " + candidate;
    case Kind::kClose: {
      if (action.reason == pb::REASON_NONE) return "completed " + candidate;
      const char* const reasons[] = {"none", "limit",  "io-error", "disk-full", "",
                                     "",     "vmcore", "",         "stopped"};
      return std::string("aborted(") + reasons[action.reason] + ") " + candidate;
    }
    case Kind::kAnnounce: {
      const char* const news[] = {"rejected", "started", "completed", "aborted", "none-left"};
      const auto which = static_cast<std::size_t>(action.news);
      return std::string("say ") + news[which] +
             (action.news == News::kNoneLeft ? "" : " " + candidate);
    }
    case Kind::kFinish:
      return action.reboot_now ? "reboot" : "finish";
  }
  return "";
}

// Plays events to two candidates and writes down what is done.
struct Life {
  explicit Life(std::size_t candidates = 2) : state(initial_state(candidates)) {
    feed(Event::kBegin, Outcome::kDone);
  }
  Life& feed(Event kind, Outcome outcome, bool limit_passed = false) {
    const DumpStep next =
        step(state, {.kind = kind, .outcome = outcome, .limit_passed = limit_passed});
    state = next.state;
    for (const DumpAction& action : next.actions.all()) {
      done += (done.empty() ? "" : ", ") + describe_action(action);
    }
    return *this;
  }
  Life& checked(Outcome outcome = Outcome::kDone, bool limit_passed = false) {
    return feed(Event::kChecked, outcome, limit_passed);
  }
  Life& started(Outcome outcome = Outcome::kDone, bool limit_passed = false) {
    return feed(Event::kStarted, outcome, limit_passed);
  }
  Life& streamed(Outcome outcome = Outcome::kDone, bool limit_passed = false) {
    return feed(Event::kStreamed, outcome, limit_passed);
  }
  Life& closed(Outcome outcome = Outcome::kDone, bool limit_passed = false) {
    return feed(Event::kClosed, outcome, limit_passed);
  }
  void expect(const std::string& expected) const { BOOST_TEST(done == expected); }

  DumpState state;
  std::string done;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dump_policy)

BOOST_AUTO_TEST_CASE(first_good_candidate_takes_the_dump) {
  Life().checked().started().streamed().closed().expect(
      "check 1, start 1, say started 1, stream 1, completed 1, say completed 1, finish");
}

BOOST_AUTO_TEST_CASE(rejected_candidate_is_passed_over) {
  Life().checked(Outcome::kRejected).checked().expect("check 1, say rejected 1, check 2, start 2");
}

BOOST_AUTO_TEST_CASE(without_candidates_the_machine_restarts) {
  Life(0).expect("say none-left, finish");
  Life(1).checked(Outcome::kRejected).expect("check 1, say rejected 1, say none-left, finish");
}

BOOST_AUTO_TEST_CASE(an_end_with_a_good_prefix_is_recorded_and_ends_the_life) {
  struct Case {
    Outcome outcome;
    std::string record;
  };
  for (const Case& end :
       {Case{Outcome::kLimit, "aborted(limit)"}, Case{Outcome::kDiskFull, "aborted(disk-full)"},
        Case{Outcome::kVmcore, "aborted(vmcore)"}, Case{Outcome::kStopped, "aborted(stopped)"}}) {
    Life()
        .checked()
        .started()
        .streamed(end.outcome, end.outcome == Outcome::kLimit)
        .closed()
        .expect("check 1, start 1, say started 1, stream 1, " + end.record +
                " 1, say aborted 1, finish");
  }
}

BOOST_AUTO_TEST_CASE(io_error_is_recorded_if_it_can_be_and_the_next_candidate_tried) {
  const std::string begin = "check 1, start 1, say started 1, stream 1, aborted(io-error) 1, ";
  Life()
      .checked()
      .started()
      .streamed(Outcome::kIoError)
      .closed()
      .expect(begin + "say aborted 1, check 2");
  Life()
      .checked()
      .started()
      .streamed(Outcome::kIoError)
      .closed(Outcome::kIoError)
      .expect(begin + "say aborted 1, check 2");
  Life()
      .checked()
      .started(Outcome::kIoError)
      .closed()
      .expect("check 1, start 1, aborted(io-error) 1, say aborted 1, check 2");
}

BOOST_AUTO_TEST_CASE(hanging_disk_is_left_without_another_write) {
  Life().checked().started(Outcome::kTimeout).expect("check 1, start 1, say aborted 1, check 2");
  Life()
      .checked()
      .started()
      .streamed(Outcome::kTimeout)
      .expect("check 1, start 1, say started 1, stream 1, say aborted 1, check 2");
  Life()
      .checked()
      .started()
      .streamed()
      .closed(Outcome::kTimeout)
      .expect("check 1, start 1, say started 1, stream 1, completed 1, say aborted 1, check 2");
}

BOOST_AUTO_TEST_CASE(time_out_while_closing_is_told_as_one) {
  for (const Outcome streamed : {Outcome::kDone, Outcome::kIoError}) {
    Life life;
    life.checked().started().streamed(streamed);
    const DumpStep closed =
        step(life.state, {.kind = Event::kClosed, .outcome = Outcome::kTimeout});
    BOOST_TEST_REQUIRE(!closed.actions.all().empty());
    BOOST_TEST((closed.actions.all()[0].news == News::kAborted));
    BOOST_TEST((closed.actions.all()[0].outcome == Outcome::kTimeout));
  }
}

BOOST_AUTO_TEST_CASE(fenced_reboots_wherever_it_happens) {
  Life().checked().started(Outcome::kFenced).expect("check 1, start 1, say aborted 1, reboot");
  Life()
      .checked()
      .started()
      .streamed(Outcome::kFenced)
      .expect("check 1, start 1, say started 1, stream 1, say aborted 1, reboot");
  Life()
      .checked()
      .started()
      .streamed()
      .closed(Outcome::kFenced)
      .expect("check 1, start 1, say started 1, stream 1, completed 1, say aborted 1, reboot");
  Life()
      .checked()
      .started()
      .streamed(Outcome::kIoError)
      .closed(Outcome::kFenced)
      .expect(
          "check 1, start 1, say started 1, stream 1, aborted(io-error) 1, say aborted 1, reboot");
}

BOOST_AUTO_TEST_CASE(completion_that_can_not_be_recorded_tries_the_next_candidate) {
  Life()
      .checked()
      .started()
      .streamed()
      .closed(Outcome::kIoError)
      .expect("check 1, start 1, say started 1, stream 1, completed 1, say aborted 1, check 2");
}

BOOST_AUTO_TEST_CASE(after_the_limit_a_prefix_elsewhere_is_enough) {
  Life()
      .checked()
      .started()
      .streamed(Outcome::kIoError, true)
      .closed(Outcome::kDone, true)
      .expect(
          "check 1, start 1, say started 1, stream 1, aborted(io-error) 1, say aborted 1, "
          "say none-left, finish");
}

BOOST_AUTO_TEST_CASE(after_the_limit_a_first_disk_is_still_told) {
  Life()
      .checked(Outcome::kRejected, true)
      .checked(Outcome::kDone, true)
      .started(Outcome::kDone, true)
      .streamed(Outcome::kLimit, true)
      .closed(Outcome::kDone, true)
      .expect(
          "check 1, say rejected 1, check 2, start 2, say started 2, stream 2, aborted(limit) 2, "
          "say aborted 2, finish");
}

BOOST_AUTO_TEST_CASE(every_life_ends_within_its_candidates) {
  // All sequences of outcomes: no state without a way on, no candidate tried twice.
  const std::vector<Outcome> outcomes{Outcome::kDone,     Outcome::kRejected, Outcome::kLimit,
                                      Outcome::kDiskFull, Outcome::kVmcore,   Outcome::kIoError,
                                      Outcome::kTimeout,  Outcome::kFenced,   Outcome::kStopped};
  struct Open {
    DumpState state;
    std::size_t tried;
  };
  const auto begun = step(initial_state(3), {.kind = Event::kBegin});
  std::vector<Open> open{{begun.state, 1}};
  std::size_t lives = 0;
  while (!open.empty()) {
    const Open now = open.back();
    open.pop_back();
    if (now.state.phase == DumpState::Phase::kFinished) {
      ++lives;
      continue;
    }
    const Event kinds[] = {Event::kBegin, Event::kChecked, Event::kStarted, Event::kStreamed,
                           Event::kClosed};
    const auto phase = static_cast<std::size_t>(now.state.phase);
    for (const Outcome outcome : outcomes) {
      const DumpStep next = step(now.state, {.kind = kinds[phase], .outcome = outcome});
      BOOST_REQUIRE(!next.actions.all().empty());
      std::size_t tried = now.tried;
      for (const DumpAction& action : next.actions.all()) {
        if (action.kind != Kind::kCheck) continue;
        BOOST_TEST(action.candidate == tried);
        ++tried;
      }
      BOOST_REQUIRE(tried <= 3U);
      open.push_back({next.state, tried});
    }
  }
  BOOST_TEST(lives > 100U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
