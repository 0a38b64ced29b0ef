#include "tests/agent/protocol/node_document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "agent/protocol/node_table.h"

namespace lastword::test {
namespace {

constexpr std::string_view kBegin =
    "<!-- node machine: written by build/bin/node_document; do not edit -->\n";
constexpr std::string_view kEnd = "<!-- end of node machine -->\n";
// An event that leads to one state from more states than this is told in words: its lines would
// hide the others.
constexpr std::size_t kMostDrawn = 6;

using Names = std::vector<std::string>;

// "standing_by": mermaid takes no hyphen in the id of a state.
std::string id_of(Phase phase) {
  std::string id{name_of(phase)};
  std::ranges::replace(id, '-', '_');
  return id;
}

Names names_of(const EnumSet<Phase>& phases) {
  Names names;
  for (const PhaseText& text : kPhases) {
    if (phases.has(text.phase)) names.emplace_back(text.name);
  }
  return names;
}

std::string states() {
  std::string text = "| mode | state | means |\n|---|---|---|\n";
  for (const PhaseText& phase : kPhases) {
    text += fmt::format("| {} | {} | {} |\n", name_of(phase.mode), phase.name, phase.meaning);
  }
  return text;
}

std::string diagram() {
  // Of each event, where it leads to and from where.
  std::map<std::pair<NodeEvent, Phase>, std::vector<Phase>> ways;
  for (const PhaseText& from : kPhases) {
    for (const NodeEventText& event : kNodeEvents) {
      const NodeRow& row = node_row(from.phase, event.event);
      if (row.outcome == RowOutcome::kMoves) ways[{event.event, row.to}].push_back(from.phase);
    }
  }
  std::map<std::pair<Phase, Phase>, Names> drawn;
  std::string told;
  for (const auto& [way, from] : ways) {
    if (from.size() <= kMostDrawn) {
      for (const Phase phase : from) drawn[{phase, way.second}].emplace_back(name_of(way.first));
      continue;
    }
    Names names;
    for (const Phase phase : from) names.emplace_back(name_of(phase));
    told += fmt::format("- `{}` leads to {} from {}.\n", name_of(way.first), name_of(way.second),
                        fmt::join(names, ", "));
  }
  std::string text = "```mermaid\nstateDiagram-v2\n";
  for (const PhaseText& phase : kPhases) {
    text += fmt::format("    state \"{} {}\" as {}\n", name_of(phase.mode), phase.name,
                        id_of(phase.phase));
  }
  text += "    [*] --> looking: boot\n";
  for (const auto& [ends, events] : drawn) {
    text += fmt::format("    {} --> {}: {}\n", id_of(ends.first), id_of(ends.second),
                        fmt::join(events, ", "));
  }
  text += "    fenced --> [*]: reboot\n```\n";
  return text + "\nNot drawn, since it would hide the rest:\n\n" + told;
}

std::string events() {
  std::string text = "| event | means |\n|---|---|\n";
  for (const NodeEventText& event : kNodeEvents) {
    text += fmt::format("| {} | {} |\n", event.name, event.meaning);
  }
  return text;
}

std::string transitions() {
  std::string text = "| in | event | next | does | why |\n|---|---|---|---|---|\n";
  for (const NodeRow& row : node_rows()) {
    if (row.outcome != RowOutcome::kMoves && row.outcome != RowOutcome::kStays) continue;
    Names done;
    for (const NodeAction action : row.actions.get()) done.emplace_back(name_of(action));
    for (const NodeEventText& event : kNodeEvents) {
      if (!row.events.has(event.event)) continue;
      text += fmt::format("| {} | {} | {} | {} | {} |\n", fmt::join(names_of(row.from), ", "),
                          event.name, row.outcome == RowOutcome::kMoves ? name_of(row.to) : "",
                          fmt::join(done, ", "), row.why);
    }
  }
  return text;
}

std::string actions() {
  std::string text = "| action | means |\n|---|---|\n";
  for (const NodeActionText& action : kNodeActions) {
    text += fmt::format("| {} | {} |\n", action.name, action.meaning);
  }
  return text;
}

}  // namespace

std::string node_document() {
  return fmt::format(
      "\n### States\n\n{}\n### Diagram\n\n{}\n### Events\n\n{}\n### What follows from what\n\n"
      "An empty cell: the node stays what it is, or does nothing.\n\n{}\n### Actions\n\n{}\n",
      states(), diagram(), events(), transitions(), actions());
}

Result<std::string> with_node_document(std::string_view page) {
  const std::size_t begin = page.find(kBegin);
  const std::size_t end = page.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin ||
      page.rfind(kBegin) != begin || page.rfind(kEnd) != end) {
    return fail({.code = Code::kCorrupt,
                 .operation = "write node machine",
                 .detail = "the page needs two lines of markers, once each, in this order: "
                           "\"<!-- node machine: ...\" and \"<!-- end of node machine -->\""});
  }
  return fmt::format("{}{}{}", page.substr(0, begin + kBegin.size()), node_document(),
                     page.substr(end));
}

}  // namespace lastword::test
