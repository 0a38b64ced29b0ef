#include "agent/protocol/node_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "tests/agent/protocol/node_document.h"

namespace lastword::test {
namespace {

std::set<Phase> next_of(Phase phase) {
  std::set<Phase> next;
  for (const NodeEventText& event : kNodeEvents) {
    const NodeRow& row = node_row(phase, event.event);
    if (row.outcome == RowOutcome::kMoves) next.insert(row.to);
  }
  return next;
}

std::set<Phase> reachable_from(Phase start) {
  std::set<Phase> reached{start};
  std::vector<Phase> open{start};
  while (!open.empty()) {
    const Phase phase = open.back();
    open.pop_back();
    for (const Phase next : next_of(phase)) {
      if (reached.insert(next).second) open.push_back(next);
    }
  }
  return reached;
}

bool does(const NodeRow& row, NodeAction action) {
  return std::ranges::count(row.actions.get(), action) > 0;
}
std::ptrdiff_t place(const NodeRow& row, NodeAction action) {
  return std::ranges::find(row.actions.get(), action) - row.actions.get().begin();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(node_table)

BOOST_AUTO_TEST_CASE(every_pair_of_state_and_event_has_exactly_one_row) {
  for (const PhaseText& phase : kPhases) {
    for (const NodeEventText& event : kNodeEvents) {
      const auto rows = std::ranges::count_if(node_rows(), [&](const NodeRow& row) {
        return row.from.has(phase.phase) && row.events.has(event.event);
      });
      BOOST_TEST(rows == 1, fmt::format("{} rows for {} in {}", rows, event.name, phase.name));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_row_tells_why_and_does_something_if_it_acts) {
  for (const NodeRow& row : node_rows()) {
    BOOST_TEST(row.why.ends_with('.'), row.why);
    const bool acts = !row.actions.get().empty();
    if (row.outcome == RowOutcome::kStays) BOOST_TEST(acts, row.why);
    if (row.outcome == RowOutcome::kMoves) BOOST_TEST(!row.from.has(row.to), row.why);
    if (row.outcome == RowOutcome::kIgnored || row.outcome == RowOutcome::kImpossible) {
      BOOST_TEST(!acts, row.why);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_event_and_every_action_is_used) {
  for (const NodeEventText& event : kNodeEvents) {
    const bool used = std::ranges::any_of(node_rows(), [&](const NodeRow& row) {
      return row.events.has(event.event) &&
             (row.outcome == RowOutcome::kMoves || row.outcome == RowOutcome::kStays);
    });
    BOOST_TEST(used, event.name);
  }
  for (const NodeActionText& action : kNodeActions) {
    const bool used = std::ranges::any_of(
        node_rows(), [&](const NodeRow& row) { return does(row, action.action); });
    BOOST_TEST(used, action.name);
  }
}

BOOST_AUTO_TEST_CASE(every_state_is_reached_from_boot) {
  const std::set<Phase> reached = reachable_from(Phase::kLooking);
  for (const PhaseText& phase : kPhases) BOOST_TEST(reached.contains(phase.phase), phase.name);
}

BOOST_AUTO_TEST_CASE(only_a_fenced_node_needs_a_reboot) {
  for (const PhaseText& phase : kPhases) {
    const bool dead_end = next_of(phase.phase).empty();
    BOOST_TEST(dead_end == (phase.phase == Phase::kFenced), phase.name);
    if (!dead_end) BOOST_TEST(reachable_from(phase.phase).contains(Phase::kPaired), phase.name);
  }
}

BOOST_AUTO_TEST_CASE(intent_is_durable_before_anything_is_taken) {
  for (const NodeRow& row : node_rows()) {
    for (const NodeAction taking : {NodeAction::kTakePeerDisks, NodeAction::kTakeBothSets}) {
      if (!does(row, taking)) continue;
      // Votes are cast under an intent that the announcement or the order has made durable; a node
      // that is taking has an open one.
      const bool open =
          row.events.has(NodeEvent::kMajorityWon) || row.outcome == RowOutcome::kStays;
      const auto intent =
          std::min(place(row, NodeAction::kKeepIntent), place(row, NodeAction::kReopenIntent));
      BOOST_TEST((open || intent < place(row, taking)), row.why);
      if (row.outcome == RowOutcome::kStays) BOOST_TEST(row.from.has(Phase::kTaking), row.why);
    }
  }
}

// Whoever begins to take has one of these rights; the rest goes on with what was begun.
BOOST_AUTO_TEST_CASE(nothing_is_taken_without_panic_majority_order_or_handover) {
  constexpr EnumSet<NodeEvent> kRights{NodeEvent::kPeerPanicked, NodeEvent::kMajorityWon,
                                       NodeEvent::kPeerReleased};
  constexpr EnumSet<Phase> kBegun{Phase::kTaking, Phase::kServing, Phase::kResuming};
  for (const PhaseText& phase : kPhases) {
    for (const NodeEventText& event : kNodeEvents) {
      const NodeRow& row = node_row(phase.phase, event.event);
      if (!does(row, NodeAction::kTakePeerDisks) && !does(row, NodeAction::kTakeBothSets)) continue;
      BOOST_TEST((kRights.has(event.event) || kBegun.has(phase.phase)), event.name);
    }
  }
}

// The state is left with the action: or a daemon that restarts would do it again elsewhere.
BOOST_AUTO_TEST_CASE(actions_of_a_row_are_wanted_in_the_state_that_it_leads_to) {
  for (const PhaseText& phase : kPhases) {
    for (const NodeEventText& event : kNodeEvents) {
      const NodeRow& row = node_row(phase.phase, event.event);
      const Phase next = row.outcome == RowOutcome::kMoves ? row.to : phase.phase;
      for (const NodeAction action : row.actions.get()) {
        BOOST_TEST(goes_on(action, next),
                   fmt::format("{} in {}: {}", event.name, phase.name, name_of(action)));
      }
    }
    const ActionList actions = resumed_actions(phase.phase);
    for (const NodeAction action : actions.get()) {
      BOOST_TEST(goes_on(action, phase.phase), name_of(action));
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_on_after_a_node_has_given_way) {
  for (const Phase phase : {Phase::kUnseen, Phase::kPaired, Phase::kWaiting, Phase::kGivingBack,
                            Phase::kFenced, Phase::kClean}) {
    BOOST_TEST(!goes_on(NodeAction::kTakePeerDisks, phase), name_of(phase));
    BOOST_TEST(!goes_on(NodeAction::kTakeBothSets, phase), name_of(phase));
  }
  BOOST_TEST(!goes_on(NodeAction::kTakeOwnDisks, Phase::kWaiting));
  BOOST_TEST(!goes_on(NodeAction::kTakeOwnDisks, Phase::kLeaving));
}

BOOST_AUTO_TEST_CASE(proven_panic_needs_no_announcement_and_no_majority) {
  for (const Phase phase : {Phase::kUnseen, Phase::kPaired, Phase::kSuspect, Phase::kLeaving,
                            Phase::kStandingBy, Phase::kWaiting, Phase::kReceiving}) {
    const NodeRow& row = node_row(phase, NodeEvent::kPeerPanicked);
    BOOST_TEST((row.outcome == RowOutcome::kMoves && row.to == Phase::kTaking), name_of(phase));
    BOOST_TEST(!does(row, NodeAction::kAnnounceTakeover), name_of(phase));
    BOOST_TEST(!does(row, NodeAction::kCastVotes), name_of(phase));
  }
}

BOOST_AUTO_TEST_CASE(table_in_docs_is_the_table_of_the_code) {
  std::ifstream in(LASTWORD_SOURCE_DIR "/docs/protocol.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const auto renewed = with_node_document(page);
  BOOST_TEST_REQUIRE(renewed.has_value(), "docs/protocol.md has lost its markers");
  BOOST_TEST((*renewed == page),
             "docs/protocol.md differs from agent/protocol/node_table.cc; renew it: ninja -C build "
             "node_document && build/bin/node_document docs/protocol.md");
}

BOOST_AUTO_TEST_CASE(page_without_its_markers_is_refused) {
  BOOST_TEST(!with_node_document("").has_value());
  BOOST_TEST(!with_node_document("<!-- end of node machine -->\n").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
