#include "agent/cli/status_text.h"

#include <fmt/format.h>

#include "agent/cli/table.h"
#include "agent/records/status_plan.h"
#include "proto/duration.h"
#include "proto/timing.h"

namespace lastword {
namespace {

using Reasons = google::protobuf::RepeatedPtrField<pb::StatusReason>;

// As many as the name of a dump's directory has.
constexpr std::size_t kCrashDigits = 8;

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

// To the second: who reads it wants no more.
std::string time_text(std::uint64_t ms) {
  return to_string(milliseconds(static_cast<std::int64_t>(ms / 1000 * 1000)));
}

// To the tenth of a second where that matters.
std::string short_time(std::uint64_t ms) {
  return ms < 10'000 ? fmt::format("{:.1f} s", static_cast<double>(ms) / 1000) : time_text(ms);
}

std::string remedy_text(const std::string& remedy) {
  return remedy.empty() ? "" : " -> " + remedy;
}

// Whether all is well, or the one thing to do.
std::string first_text(const pb::StatusReport& report) {
  const pb::StatusReason& first = report.first();
  if (report.attention()) {
    const std::string more =
        report.more() == 0 ? "" : fmt::format(" ({} more below)", report.more());
    return fmt::format("{}: {}{}{}\n", first.remedy().empty() ? "Look" : "To do", first.reason(),
                       remedy_text(first.remedy()), more);
  }
  if (!first.reason().empty()) return fmt::format("Nothing to do but wait: {}.\n", first.reason());
  return fmt::format("All is well: {} is {} {}, {} is {} {}.\n", report.node().name(),
                     report.node().mode(), report.node().phase(), report.partner().name(),
                     report.partner().mode(), report.partner().phase());
}

// What the agent itself hears, which no disk tells so well.
std::string hearing_text(const pb::StatusAgent& agent, const std::string& partner) {
  if (agent.partner() == "unseen") return fmt::format("{} was not heard in this boot", partner);
  if (agent.partner() == "expected") {
    return fmt::format("{} was heard before the agent was restarted, and not yet since", partner);
  }
  if (agent.partner() == "away") return fmt::format("{} said that no heartbeat follows", partner);
  return fmt::format("{} {} ago, silent after {}",
                     agent.partner() == "heard"
                         ? partner + " heard"
                         : fmt::format("{} {}, heard", partner, agent.partner()),
                     short_time(agent.quiet_ms()), time_text(agent.silence_ms()));
}

std::string agent_text(const pb::StatusReport& report) {
  const pb::StatusAgent& agent = report.agent();
  if (agent.state().empty()) return "";
  if (agent.state() == "not-running") return "  agent: not running\n";
  if (agent.state() != "running") return fmt::format("  agent: {}\n", agent.reason());
  std::string text = fmt::format("  agent: running for {}, process {}, version {}; {}",
                                 time_text(agent.uptime_ms()), agent.pid(), agent.version(),
                                 hearing_text(agent, report.partner().name()));
  if (agent.surveyed()) {
    text += fmt::format("; saw {} disks {} ago", agent.survey_disks(),
                        short_time(agent.survey_age_ms()));
  }
  text += "\n";
  if (!agent.last_event().empty()) {
    text += fmt::format("  {} ago: {}\n", short_time(agent.last_event_ms()), agent.last_event());
  }
  return text;
}

std::string node_text(const pb::StatusNode& node) {
  const std::string life =
      node.generation() == 0 ? "no life known" : fmt::format("life {}", node.generation());
  const std::string since = node.since().empty() ? ""
                                                 : fmt::format(" Since {} ({}).", node.since(),
                                                               time_text(node.since_ms()));
  const std::string why = node.why().empty() ? "" : fmt::format("  why: {}\n", node.why());
  return fmt::format("{} (id {}, {}): {} {}. {}{}\n{}", node.name(), node.id(), life, node.mode(),
                     node.phase(), node.means(), since, why);
}

std::string reasons_text(const std::string& about, const Reasons& reasons) {
  std::string text;
  for (const pb::StatusReason& one : reasons) {
    text += fmt::format("NO: {}{}{}\n", about, one.reason(), remedy_text(one.remedy()));
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
  Table table(
      {{"DISK"}, {"ROLE"}, {"HOME"}, {"OWNER"}, {"HOLDER"}, {"DUMP"}, {"OUTCOME"}, {"HEALTH"}});
  std::string problems;
  for (const pb::StatusDisk& disk : report.disks()) {
    table.add({disk.disk(), or_dash(disk.role()), or_dash(disk.home()), or_dash(disk.owner()),
               disk.holder_known() ? or_dash(disk.holder()) : "?", or_dash(disk.header()),
               or_dash(disk.outcome()), disk.healthy() ? "good" : "see below"});
    problems += reasons_text(disk.disk() + ": ", disk.problems());
  }
  return "\n" + table.text() + problems;
}

std::string saved_text(const pb::StatusDump& dump) {
  if (dump.saving()) return fmt::format("now, {}%", dump.saving_percent());
  return dump.saved() ? "yes" : "no";
}

std::string dumps_text(const pb::StatusReport& report) {
  if (report.dumps().empty()) return "";
  Table table({{"DUMP"},
               {"NODE"},
               {"CRASH"},
               {"PANICKED"},
               {"STATE"},
               {"DONE", true},
               {"LEFT", true},
               {"SAVED"}});
  std::string remedies;
  for (const pb::StatusDump& dump : report.dumps()) {
    const std::string reason = dump.reason().empty() ? "" : fmt::format(" ({})", dump.reason());
    table.add({dump.disk(), or_dash(dump.node()), or_dash(dump.crash_id().substr(0, kCrashDigits)),
               or_dash(dump.panicked()), dump.state() + reason,
               dump.percent_known() ? fmt::format("{}%", dump.percent()) : "-",
               dump.eta_known() ? time_text(dump.eta_ms()) : "-", saved_text(dump)});
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

std::string dropped_text(const pb::StatusAgentPath& path) {
  std::string text;
  for (const pb::StatusDropped& one : path.dropped()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one.count(), one.reason());
  }
  return or_dash(text);
}

// As the agent hears the partner; the slots below are as they were read now.
std::string links_text(const pb::StatusReport& report) {
  if (report.agent().paths().empty()) return "";
  const std::string heard = "HEARD FROM " + report.partner().name();
  Table table({{heard.c_str()}, {"WHERE"}, {"NEWEST"}, {"MESSAGES", true}, {"DROPPED"}});
  std::string problems;
  for (const pb::StatusAgentPath& path : report.agent().paths()) {
    const std::string name = path.kind() + " " + path.name();
    table.add({name, or_dash(path.where()),
               path.heard() ? short_time(path.age_ms()) + " ago" : "nothing",
               std::to_string(path.messages()), dropped_text(path)});
    if (!path.problem().empty()) {
      problems += fmt::format("NO: {}: {} -> {}\n", name, path.problem(), remedy_of_path(path));
    }
    if (path.one_way()) {
      problems += fmt::format("NO: {}: {} does not hear this node there -> {}\n", name,
                              report.partner().name(), remedy_of_path(path));
    }
  }
  return "\n" + table.text() + problems;
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

pb::StatusReport without_ages(pb::StatusReport report) {
  report.clear_time();
  for (pb::StatusNode* node : {report.mutable_node(), report.mutable_partner()}) {
    node->clear_since_ms();
  }
  for (pb::StatusDump& dump : *report.mutable_dumps()) dump.clear_eta_ms();
  for (pb::StatusPath& path : *report.mutable_paths()) {
    for (pb::StatusBeats& beats : *path.mutable_beats()) beats.clear_age_ms();
  }
  pb::StatusAgent& agent = *report.mutable_agent();
  agent.clear_uptime_ms();
  agent.clear_quiet_ms();
  agent.clear_survey_age_ms();
  agent.clear_last_event_ms();
  for (pb::StatusAgentPath& path : *agent.mutable_paths()) {
    path.clear_age_ms();
    path.clear_messages();
  }
  return report;
}

std::string format_status(const pb::StatusReport& report) {
  std::string text = first_text(report) + "\n" + node_text(report.node()) + agent_text(report) +
                     node_text(report.partner()) + takeover_text(report) + giveback_text(report) +
                     switches_text(report);
  for (const std::string& problem : report.problems()) text += fmt::format("NO: {}\n", problem);
  return text + disks_text(report) + dumps_text(report) + links_text(report) + paths_text(report);
}

}  // namespace lastword
