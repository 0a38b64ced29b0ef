// The exhaustive search: that it finds what there is to find, and that the small scenarios hold
// within the bound and the time that fit into a unit test (README.md says how to go deeper).
#include "tests/sim/exhaustive.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "proto/record.h"
#include "tests/sim/all_ways.h"
#include "tests/sim/digest.h"
#include "tests/sim/seen_states.h"

namespace lastword::sim {
namespace {

using fake::Command;
using fake::CommandTrace;

const std::vector<Option> kThree{{.kind = Deviation::kOvertaken, .what = "overtaken"},
                                 {.kind = Deviation::kLost, .what = "lost"},
                                 {.kind = Deviation::kCrash, .what = "crash"}};

// Comes to five points; all its states differ.
RunEnd five_points(Choices& choices, const std::function<bool(const ChoiceList&)>& breaks) {
  std::uint64_t state = 1;
  for (unsigned i = 0; i < 5; ++i) {
    const auto chosen = choices.choose(kThree, state);
    state = state * 4 + (chosen ? *chosen + 1 : 0);
  }
  RunEnd end;
  if (breaks(choices.taken())) end.broken = "it breaks";
  return end;
}

CommandTrace write_to(unsigned lun, std::uint64_t offset) {
  CommandTrace command{.initiator = {}, .lun = lun, .command = Command::kWrite};
  command.offset = offset;
  command.length = 4096;
  return command;
}
CommandTrace command_to(unsigned lun, Command command) {
  return {.initiator = {}, .lun = lun, .command = command};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exhaustive)

BOOST_AUTO_TEST_CASE(every_run_within_the_bound_is_made_once) {
  const auto holds = [](const ChoiceList&) { return false; };
  const auto runs = [&](const Bound& bound) {
    const SearchFigures all =
        search(bound, [&](Choices& choices) { return five_points(choices, holds); });
    BOOST_TEST(all.complete);
    return all.runs;
  };
  BOOST_TEST(runs({.deviations = 0}) == 1);
  BOOST_TEST(runs({.deviations = 1}) == 1 + 5 * 3);
  // Of two deviations at two of five points: nine ways, less two crashes and two losses.
  BOOST_TEST(runs({.deviations = 2}) == 1 + 5 * 3 + 10 * 7);
  BOOST_TEST(runs({.deviations = 2, .crashes = 0, .losses = 0}) == 1 + 5 + 10);
}

BOOST_AUTO_TEST_CASE(a_run_ends_in_a_state_that_was_seen) {
  const SearchFigures all = search({.deviations = 1}, [](Choices& choices) {
    for (unsigned i = 0; i < 5; ++i) (void)choices.choose(kThree, i);
    return RunEnd();
  });
  // Two deviations of one kind leave the same to choose, wherever they were.
  BOOST_TEST(all.merged > 0);
  BOOST_TEST(all.states == 5 + 4);
  BOOST_TEST(all.runs + all.merged == 1 + 5 * 3);
}

BOOST_AUTO_TEST_CASE(a_broken_run_is_found_and_its_choices_are_told) {
  const ChoiceList wanted{{1, 2}, {3, 0}};
  const SearchFigures all = search({.deviations = 2}, [&](Choices& choices) {
    return five_points(choices, [&](const ChoiceList& taken) { return taken == wanted; });
  });
  BOOST_TEST(all.broken.value_or("") == "it breaks");
  BOOST_TEST((all.choices == wanted));
  BOOST_TEST(!all.complete);
}

BOOST_AUTO_TEST_CASE(a_run_that_crashes_breaks_the_search) {
  const SearchFigures all =
      search({}, [](Choices&) -> RunEnd { throw std::runtime_error("no more"); });
  BOOST_TEST(all.broken.value_or("") == "no more");
}

BOOST_AUTO_TEST_CASE(choices_are_followed_when_they_are_replayed) {
  const ChoiceList list{{0, 1}, {4, 2}};
  const auto again = parse_choices(to_string(list));
  BOOST_REQUIRE(again);
  std::string told;
  Choices choices(*again, [&](const std::string& line) { told += line + "\n"; });
  const RunEnd end = five_points(choices, [&](const ChoiceList& taken) { return taken == list; });
  BOOST_TEST(end.broken.has_value());
  BOOST_TEST(told == "CHOICE 0:1 lost\nCHOICE 4:2 crash\n");
}

BOOST_AUTO_TEST_CASE(a_list_of_choices_that_is_none_is_refused) {
  BOOST_TEST((parse_choices("none") == ChoiceList()));
  for (const char* text : {"1", "1:", "1:x", "1:2:3", "1:2 3", ":1"}) {
    BOOST_TEST(!parse_choices(text).has_value(), text);
  }
}

BOOST_AUTO_TEST_CASE(commands_interfere_where_one_changes_what_the_other_sees_or_may_do) {
  const auto with_keys = {Command::kRegister, Command::kReserve, Command::kRelease,
                          Command::kPreempt, Command::kPreemptAndAbort};
  for (const Command command : with_keys) {
    BOOST_TEST(interferes(command_to(0, command), command_to(0, Command::kReadKeys)));
    BOOST_TEST(interferes(command_to(0, Command::kReadReservation), command_to(0, command)));
    BOOST_TEST(interferes(command_to(0, command), command_to(0, Command::kRegister)));
    BOOST_TEST(interferes(write_to(0, 0), command_to(0, command)));
    BOOST_TEST(!interferes(command_to(0, command), command_to(1, Command::kReadKeys)));
  }
  CommandTrace read = write_to(0, 4096);
  read.command = Command::kRead;
  BOOST_TEST(interferes(read, write_to(0, 4096)));
  BOOST_TEST(interferes(write_to(0, 4096), read));
  BOOST_TEST(!interferes(read, write_to(0, 8192)));
  BOOST_TEST(!interferes(read, read));
  // A reader is let in whatever the keys are.
  BOOST_TEST(!interferes(read, command_to(0, Command::kPreemptAndAbort)));
}

BOOST_AUTO_TEST_CASE(runs_side_by_side_make_every_run_once) {
  const Bound bound{.deviations = 2, .workers = 4};
  const SearchFigures all = search(bound, [&](Choices& choices) {
    return five_points(choices, [](const ChoiceList&) { return false; });
  });
  BOOST_TEST(all.runs == 1 + 5 * 3 + 10 * 7);
}

BOOST_AUTO_TEST_CASE(a_command_that_waits_on_is_no_further_deviation) {
  const SearchFigures all = search({.deviations = 1}, [](Choices& choices) {
    if (!choices.choose({{.kind = Deviation::kOvertaken, .what = "overtaken"}}, 1)) return RunEnd();
    (void)choices.choose({{.kind = Deviation::kSame, .what = "waits on"}}, 2);
    return RunEnd();
  });
  BOOST_TEST(all.runs == 3);
}

BOOST_AUTO_TEST_CASE(every_state_is_new_once_also_when_the_table_grows) {
  // Half of their places, from 8192 on: the last ones are in the third table.
  const auto states = std::make_unique<StateTables<3>>();
  constexpr std::uint64_t kMany = 20'000;
  bool all_new = true;
  for (std::uint64_t i = 1; i <= kMany; ++i) all_new = states->insert(mix(i, 1)) && all_new;
  BOOST_TEST(all_new);
  bool any_new = false;
  for (std::uint64_t i = 1; i <= kMany; ++i) any_new = states->insert(mix(i, 1)) || any_new;
  BOOST_TEST(!any_new);
}

BOOST_AUTO_TEST_CASE(a_state_counts_as_new_when_all_tables_are_full) {
  const auto states = std::make_unique<StateTables<1>>();
  for (std::uint64_t i = 1; i <= 8192 / 2; ++i) BOOST_REQUIRE(states->insert(mix(i, 1)));
  BOOST_TEST(states->insert(mix(1, 2)));
  BOOST_TEST(states->insert(mix(1, 2)));
  BOOST_TEST(!states->insert(mix(1, 1)));
}

BOOST_AUTO_TEST_CASE(a_poll_is_first_of_its_like_after_news_only) {
  const Actor agent{.node = 1, .boot = 1, .initiator = "alpha", .process = "agent"};
  CommandTrace poll = write_to(0, 4096);
  poll.command = Command::kRead;
  poll.outcome = Status();
  News news;
  BOOST_TEST(news.is_first(agent, poll, 1));
  BOOST_TEST(news.is_first(agent, poll, 2));
  news.executed(agent, poll, {});
  BOOST_TEST(!news.is_first(agent, poll, 1));
  CommandTrace preempt = command_to(1, Command::kPreempt);
  preempt.outcome = Status();
  news.executed(agent, preempt, {});
  BOOST_TEST(news.is_first(agent, poll, 1));
  poll.outcome = fail({.code = Code::kTimeout, .operation = "read"});
  news.executed(agent, poll, {});
  BOOST_TEST(news.is_first(agent, poll, 1));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_is_news_when_it_says_more_than_that_its_writer_lives) {
  const Actor agent{.node = 1, .boot = 1, .initiator = "alpha", .process = "agent"};
  CommandTrace poll = write_to(0, 4096);
  poll.command = Command::kRead;
  News news;
  const auto is_news = [&](const pb::MailboxSlot& slot) {
    std::array<std::byte, kBlockBytes> block{};
    BOOST_REQUIRE(write_slot(block, RecordKind::kMailboxSlot, slot.sequence(), slot).has_value());
    CommandTrace write = write_to(2, 8192);
    write.outcome = Status();
    (void)news.is_first(agent, poll, 1);
    news.executed(agent, write, block);
    return news.is_first(agent, poll, 1);
  };
  pb::MailboxSlot slot;
  slot.set_node(1);
  slot.set_sequence(1);
  BOOST_TEST(is_news(slot));
  slot.set_sequence(2);
  slot.set_echo_sequence(7);
  BOOST_TEST(!is_news(slot));
  slot.set_presence(pb::AWAY);
  BOOST_TEST(is_news(slot));
}

BOOST_AUTO_TEST_CASE(no_way_that_is_tried_of_a_small_scenario_breaks_an_invariant) {
  using Clock = std::chrono::steady_clock;
  // All ways took 72 s of one busy processor. A machine that is busier tries fewer: that fails
  // nothing, and is said. What one scenario leaves of its share is shared by those after it.
  const Clock::time_point end = Clock::now() + std::chrono::seconds(120);
  auto waiting = static_cast<int>(scenarios().size());
  for (const Scenario& scenario : scenarios()) {
    const auto begun = Clock::now();
    const auto share = std::chrono::duration_cast<std::chrono::seconds>((end - begun) / waiting--);
    const Bound bound{.deviations = 1,
                      .workers = std::max(1U, std::thread::hardware_concurrency()),
                      .limit = std::max(share, std::chrono::seconds(0))};
    const SearchFigures all = explore(scenario, bound);
    BOOST_TEST_MESSAGE(describe(scenario, bound, all, Clock::now() - begun));
    BOOST_TEST(all.states > 0);
    if (all.broken) {
      BOOST_TEST_ERROR(scenario.name << ": " << *all.broken
                                     << "\nreplay: bin/lastword-explore --scenario "
                                     << scenario.name << " --choices " << to_string(all.choices));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::sim
