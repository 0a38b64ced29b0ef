// What comes first: of all that is wrong the thing to begin with, or what is under way.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "agent/records/status_parts.h"

namespace lastword {
namespace {

using Reasons = google::protobuf::RepeatedPtrField<pb::StatusReason>;
using Found = std::vector<pb::StatusReason>;

void collect(const std::string& about, const Reasons& reasons, Found& found) {
  for (const pb::StatusReason& one : reasons) {
    found.push_back(one);
    found.back().set_reason(about + one.reason());
  }
}

// In the order in which a person is to go about it: without a node that serves and an agent that
// watches nothing else helps; a disk in trouble is worth more than a dump, and a dump more than
// what only hinders a takeover on silence.
Found all_problems(const pb::StatusReport& report) {
  Found found;
  collect("", report.takeover().against_both(), found);
  for (const pb::StatusDisk& disk : report.disks()) {
    collect(disk.disk() + ": ", disk.problems(), found);
  }
  for (const pb::StatusPath& path : report.paths()) {
    collect("mailbox disk " + path.disk_uuid() + ": ", path.problems(), found);
  }
  for (const pb::StatusAgentPath& path : report.agent().paths()) {
    Reasons one;
    const std::string name = path.kind() + " " + path.name();
    if (!path.problem().empty())
      add_reason(one, name + ": " + path.problem(), remedy_of_path(path));
    if (path.one_way()) {
      add_reason(one, name + ": the partner does not hear this node there", remedy_of_path(path));
    }
    collect("", one, found);
  }
  for (const pb::StatusDump& dump : report.dumps()) {
    if (dump.remedy().empty()) continue;
    Reasons one;
    add_reason(one,
               fmt::format("{} holds a dump of {} that is not saved", dump.disk(), dump.node()),
               dump.remedy());
    collect("", one, found);
  }
  collect("giveback: ", report.giveback().against(), found);
  collect("on silence: ", report.takeover().against_silence(), found);
  for (const std::string& problem : report.problems()) {
    Reasons one;
    add_reason(one, problem, "");
    collect("", one, found);
  }
  return found;
}

// In the words of a phase that ends by itself.
std::string under_way(const pb::StatusReport& report) {
  constexpr std::array passing{Phase::kArbitrating, Phase::kTaking,     Phase::kGivingBack,
                               Phase::kLeaving,     Phase::kStandingBy, Phase::kReceiving,
                               Phase::kResuming,    Phase::kLooking};
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  for (const pb::StatusNode* node : {&report.node(), &report.partner()}) {
    if (std::ranges::any_of(passing, [&](Phase one) { return node->phase() == name_of(one); })) {
      add(fmt::format("{} is {} {}", node->name(), node->mode(), node->phase()));
    }
  }
  for (const pb::StatusDump& dump : report.dumps()) {
    const std::string percent =
        dump.percent_known() ? fmt::format(" ({}%)", dump.percent()) : std::string();
    if (dump.state() == "IN_PROGRESS") {
      add(fmt::format("{} writes its dump to {}{}", dump.node(), dump.disk(), percent));
    }
    if (dump.saving()) {
      add(fmt::format("the dump on {} is being saved ({}%)", dump.disk(), dump.saving_percent()));
    }
  }
  return text;
}

}  // namespace

std::string remedy_of_path(const pb::StatusAgentPath& path) {
  return path.kind() == "link" ? "`lastword check` says what to do"
                               : "look at the disk, the adapter and the cabling";
}

void set_first(pb::StatusReport& report) {
  const Found found = all_problems(report);
  report.set_attention(!found.empty());
  if (found.empty()) {
    report.mutable_first()->set_reason(under_way(report));
    return;
  }
  // The first that says what to do.
  const auto first = std::ranges::find_if(
      found, [](const pb::StatusReason& one) { return !one.remedy().empty(); });
  *report.mutable_first() = first == found.end() ? found.front() : *first;
  report.set_more(static_cast<std::uint32_t>(found.size() - 1));
}

}  // namespace lastword
