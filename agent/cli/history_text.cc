#include "agent/cli/history_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/cli/table.h"

namespace lastword {
namespace {

std::string offset_text(std::int64_t after_ms) {
  return fmt::format("{:+.2f} s", static_cast<double>(after_ms) / 1000);
}

// A detail may hold what a disk says of itself.
std::string one_line(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  std::ranges::replace_if(text, is_control, '?');
  return text;
}

// What happens to many disks in a row is one line.
std::string steps_text(const pb::HistoryIncident& incident) {
  Table table({{"AFTER", true}, {"EVENT"}, {"DISK"}, {"DETAIL"}});
  for (int i = 0; i < incident.steps_size();) {
    const pb::HistoryStep& first = incident.steps(i);
    int after = i + 1;
    while (!first.disk().empty() && after < incident.steps_size() &&
           incident.steps(after).event() == first.event() && !incident.steps(after).rebooted()) {
      ++after;
    }
    const int count = after - i;
    const std::string until =
        count == 1 ? ""
                   : fmt::format("until {}", offset_text(incident.steps(after - 1).after_ms()));
    table.add({offset_text(first.after_ms()) + (first.rebooted() ? " (rebooted)" : ""),
               first.event(), count == 1 ? first.disk() : fmt::format("{} disks", count),
               count == 1 ? first.detail() : until});
    i = after;
  }
  return table.text();
}

}  // namespace

std::string format_history(const pb::HistoryReport& report) {
  std::string text;
  for (const pb::HistoryIncident& one : report.incidents()) {
    if (one.kind() == "note" && one.steps_size() == 1) {
      const pb::HistoryStep& step = one.steps(0);
      text += fmt::format("{}  {}{}\n\n", step.time(), step.event(),
                          one_line((step.disk().empty() ? "" : " " + step.disk()) +
                                   (step.detail().empty() ? "" : ": " + step.detail())));
      continue;
    }
    text += fmt::format("{}  {}, from {}: {}\n{}\n", one.began(), one.kind(), one.counts_from(),
                        one_line(one.outcome()), steps_text(one));
  }
  if (report.incidents().empty()) text = "Nothing has happened yet that is kept.\n";
  if (report.skipped_lines() != 0) {
    text += fmt::format("note: {} lines of the file are torn or of another version\n",
                        report.skipped_lines());
  }
  return text;
}

}  // namespace lastword
