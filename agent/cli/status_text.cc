#include "agent/cli/status_text.h"

#include <fmt/format.h>

#include "agent/cli/table.h"
#include "proto/duration.h"
#include "proto/timing.h"

namespace lastword {
namespace {

using Reasons = google::protobuf::RepeatedPtrField<pb::StatusReason>;

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

// To the second: who reads it wants no more.
std::string time_text(std::uint64_t ms) {
  return to_string(milliseconds(static_cast<std::int64_t>(ms / 1000 * 1000)));
}

std::string node_text(const pb::StatusNode& node) {
  const std::string life =
      node.generation() == 0 ? "no life known" : fmt::format("life {}", node.generation());
  const std::string since = node.since().empty() ? ""
                                                 : fmt::format(" Since {} ({}).", node.since(),
                                                               time_text(node.since_ms()));
  return fmt::format("{} (id {}, {}): {} {}. {}{}\n", node.name(), node.id(), life, node.mode(),
                     node.phase(), node.means(), since);
}

std::string reasons_text(const std::string& about, const Reasons& reasons) {
  std::string text;
  for (const pb::StatusReason& one : reasons) {
    text += fmt::format("NO: {}{}{}{}\n", about, one.reason(), one.remedy().empty() ? "" : " -> ",
                        one.remedy());
  }
  return text;
}

std::string takeover_text(const pb::StatusReport& report) {
  const pb::StatusTakeover& takeover = report.takeover();
  const auto word = [](bool possible) { return possible ? "yes" : "NO"; };
  return fmt::format("{} takes over from {} by itself: after a panic {}, on silence {}.\n",
                     report.node().name(), report.partner().name(), word(takeover.on_panic()),
                     word(takeover.on_silence())) +
         reasons_text("", takeover.against_both()) +
         reasons_text("on silence: ", takeover.against_silence());
}

std::string giveback_text(const pb::StatusReport& report) {
  if (!report.has_giveback()) return "";
  const pb::StatusGiveback& giveback = report.giveback();
  const std::string& partner = report.partner().name();
  std::string text;
  if (giveback.under_way()) {
    text = fmt::format("The disks of {} go back to its life {}{}.", partner, giveback.life(),
                       giveback.automatic() ? ", by themselves" : "");
  } else if (giveback.automatic()) {
    text = fmt::format("The disks of {} go back by themselves when it waits.", partner);
  } else {
    text = fmt::format("The disks of {} go back by `lastword giveback`.", partner);
  }
  if (giveback.returns() != 0) {
    text += fmt::format(" Automatic givebacks in a row: {} of {}.", giveback.returns(),
                        giveback.most());
  }
  return text + "\n" + reasons_text("giveback: ", giveback.against());
}

std::string switches_text(const pb::StatusReport& report) {
  std::string text;
  for (const pb::StatusSwitch& one : report.switches()) {
    text += fmt::format("`lastword {}` on {}{}\n", one.name(), one.node(),
                        one.until().empty() ? "" : " until " + one.until());
  }
  return text;
}

std::string disks_text(const pb::StatusReport& report) {
  if (report.disks().empty()) return "\nNo disk of this cluster is in sight.\n";
  Table table({{"DISK"}, {"ROLE"}, {"HOME"}, {"OWNER"}, {"HOLDER"}, {"DUMP"}, {"HEALTH"}});
  std::string problems;
  for (const pb::StatusDisk& disk : report.disks()) {
    table.add({disk.disk(), or_dash(disk.role()), or_dash(disk.home()), or_dash(disk.owner()),
               disk.holder_known() ? or_dash(disk.holder()) : "?", or_dash(disk.header()),
               disk.healthy() ? "good" : "see below"});
    problems += reasons_text(disk.disk() + ": ", disk.problems());
  }
  return "\n" + table.text() + problems;
}

std::string dumps_text(const pb::StatusReport& report) {
  if (report.dumps().empty()) return "";
  Table table(
      {{"DUMP"}, {"NODE"}, {"PANICKED"}, {"STATE"}, {"DONE", true}, {"LEFT", true}, {"SAVED"}});
  std::string remedies;
  for (const pb::StatusDump& dump : report.dumps()) {
    const std::string reason = dump.reason().empty() ? "" : fmt::format(" ({})", dump.reason());
    table.add({dump.disk(), or_dash(dump.node()), or_dash(dump.panicked()), dump.state() + reason,
               dump.percent_known() ? fmt::format("{}%", dump.percent()) : "-",
               dump.eta_known() ? time_text(dump.eta_ms()) : "-", dump.saved() ? "yes" : "no"});
    if (dump.remedy().empty()) continue;
    remedies += fmt::format("NO: {}: the dump is not saved -> {}\n", dump.disk(), dump.remedy());
  }
  return "\n" + table.text() + remedies;
}

std::string beats_text(const pb::StatusBeats& beats) {
  if (!beats.written()) return "none";
  return fmt::format("{} {:.1f} s", beats.heard() ? "within" : "none for",
                     static_cast<double>(beats.age_ms()) / 1000);
}

std::string paths_text(const pb::StatusReport& report) {
  if (report.paths().empty()) return "\nThere are no mailbox disks.\n";
  const std::string own = "HEARTBEATS OF " + report.node().name();
  const std::string partner = "HEARTBEATS OF " + report.partner().name();
  Table table({{"MAILBOX"}, {"REGISTERED"}, {own.c_str()}, {partner.c_str()}});
  std::string problems;
  for (const pb::StatusPath& path : report.paths()) {
    std::string registered;
    for (const pb::StatusBeats& beats : path.beats()) {
      if (beats.registered()) registered += (registered.empty() ? "" : ", ") + beats.node();
    }
    const bool known = path.beats_size() == 2;
    table.add({path.disk().empty() ? path.disk_uuid() : path.disk(), or_dash(registered),
               known ? beats_text(path.beats(0)) : "-", known ? beats_text(path.beats(1)) : "-"});
    problems += reasons_text(path.disk_uuid() + ": ", path.problems());
  }
  return "\n" + table.text() + problems;
}

}  // namespace

std::string format_status(const pb::StatusReport& report) {
  std::string text = node_text(report.node()) + node_text(report.partner()) +
                     takeover_text(report) + giveback_text(report) + switches_text(report);
  for (const std::string& problem : report.problems()) text += fmt::format("NO: {}\n", problem);
  return text + disks_text(report) + dumps_text(report) + paths_text(report);
}

}  // namespace lastword
