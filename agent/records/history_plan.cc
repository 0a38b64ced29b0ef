#include "agent/records/history_plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "agent/base/utc.h"
#include "agent/node/history_events.h"

namespace lastword {
namespace {

constexpr std::string_view kUnfinished = "unfinished";
// The word of takeover-finished and giveback-finished where something is left to do.
constexpr std::string_view kIncomplete = "incomplete";
// A record that says more is damaged.
constexpr std::int64_t kLongestAgo = 24LL * 3600 * 1000;

std::int64_t ago_of(const pb::HistoryLine& line) {
  return line.ago_ms() > 0 && line.ago_ms() <= kLongestAgo ? line.ago_ms() : 0;
}

std::string_view counts_from(const pb::HistoryLine& line) {
  if (line.event() == "partner-panicked" && ago_of(line) != 0) return "panic";
  if (line.event() == "partner-silent" && ago_of(line) != 0) return "silence";
  return line.event();
}

class Grouping {
 public:
  void add(const pb::HistoryLine& line) {
    const auto known = history_event(line.event());
    if (!known) return;
    const IncidentKind kind = kind_of(*known);
    std::optional<std::size_t>& open = open_.at(static_cast<std::size_t>(kind));
    if (kind == IncidentKind::kNote) {
      begin(kind, line);
      return;
    }
    Part part = known->part;
    // Of this boot alone: nothing of the earlier one has lasted.
    if (open && kind == IncidentKind::kReturn && rebooted(*open, line)) open.reset();
    if (part == Part::kBegin && open && joins(*open, line)) part = Part::kStep;
    if (part == Part::kAnew && !open) open = unfinished_takeover();
    switch (part) {
      case Part::kBegin:
        open = begin(kind, line);
        break;
      case Part::kStep:
      case Part::kAnew:
        if (open) {
          step(*open, line);
        } else {
          open = begin(kind, line);
        }
        break;
      case Part::kCallOff:
        if (!open || all_[*open].acted || rebooted(*open, line)) return;
        [[fallthrough]];
      case Part::kEnd:
        if (!open) return;
        step(*open, line);
        end(*open, line);
        open.reset();
        break;
    }
    if (!open) return;
    if (known->part != Part::kBegin) all_[*open].acted = true;
  }

  [[nodiscard]] std::vector<pb::HistoryIncident> result() const {
    std::vector<pb::HistoryIncident> result;
    for (const Incident& one : all_) result.push_back(one.incident);
    return result;
  }

 private:
  struct Incident {
    IncidentKind kind;
    pb::HistoryIncident incident;
    std::int64_t began_unix_ms = 0;
    std::int64_t began_monotonic_ms = 0;
    std::string boot_id;    // when it began
    std::string last_boot;  // at its last step
    bool acted = false;     // more was done than seen, or announced
    bool resumable = false;
  };
  using Open = std::array<std::optional<std::size_t>, kIncidentKinds>;

  // What both sides of a giveback tell, and what is done within a return as well as alone.
  [[nodiscard]] IncidentKind kind_of(const HistoryEvent& event) const {
    const auto is_open = [&](IncidentKind kind) {
      return open_.at(static_cast<std::size_t>(kind)).has_value();
    };
    if (event.name == "disk-returned" && is_open(IncidentKind::kGiveback)) {
      return IncidentKind::kGiveback;
    }
    return event.kind;
  }

  [[nodiscard]] bool rebooted(std::size_t index, const pb::HistoryLine& line) const {
    return all_[index].last_boot != line.boot_id();
  }

  // Silence, then its announcement; a second sign of the same failure.
  [[nodiscard]] bool joins(std::size_t index, const pb::HistoryLine& line) const {
    const Incident& one = all_[index];
    return one.kind == IncidentKind::kTakeover && !one.acted && !rebooted(index, line);
  }

  [[nodiscard]] std::optional<std::size_t> unfinished_takeover() const {
    for (std::size_t i = all_.size(); i-- > 0;) {
      if (all_[i].kind == IncidentKind::kGiveback) return std::nullopt;
      if (all_[i].kind != IncidentKind::kTakeover) continue;
      return all_[i].resumable ? std::optional(i) : std::nullopt;
    }
    return std::nullopt;
  }

  std::size_t begin(IncidentKind kind, const pb::HistoryLine& line) {
    Incident one{.kind = kind, .incident = {}, .boot_id = line.boot_id()};
    one.last_boot = one.boot_id;
    one.began_unix_ms = line.unix_ms() - ago_of(line);
    one.began_monotonic_ms = line.monotonic_ms() - ago_of(line);
    one.incident.set_kind(std::string(name_of(kind)));
    one.incident.set_counts_from(std::string(counts_from(line)));
    one.incident.set_began(utc_time_with_ms(one.began_unix_ms));
    if (kind == IncidentKind::kNote) {
      one.incident.set_finished(true);
      one.incident.set_outcome(line.event());
    } else {
      one.incident.set_outcome(std::string(kUnfinished));
    }
    if (kind == IncidentKind::kGiveback) {
      open_.at(static_cast<std::size_t>(IncidentKind::kTakeover)).reset();
    }
    all_.push_back(std::move(one));
    step(all_.size() - 1, line);
    return all_.size() - 1;
  }

  void step(std::size_t index, const pb::HistoryLine& line) {
    Incident& one = all_[index];
    const bool same_boot = !line.boot_id().empty() && line.boot_id() == one.boot_id;
    pb::HistoryStep& step = *one.incident.add_steps();
    step.set_event(line.event());
    step.set_after_ms(same_boot ? line.monotonic_ms() - one.began_monotonic_ms
                                : line.unix_ms() - one.began_unix_ms);
    step.set_time(utc_time_with_ms(line.unix_ms()));
    step.set_program(line.program());
    step.set_disk(line.disk());
    step.set_disk_uuid(line.disk_uuid());
    step.set_detail(line.detail());
    step.set_rebooted(one.last_boot != line.boot_id());
    one.last_boot = line.boot_id();
  }

  void end(std::size_t index, const pb::HistoryLine& line) {
    Incident& one = all_[index];
    const bool incomplete = line.detail().starts_with(kIncomplete);
    one.incident.set_finished(!incomplete);
    one.incident.set_outcome(line.detail().empty() ? line.event() : line.detail());
    one.resumable = incomplete || line.event() == "takeover-refused";
  }

  std::vector<Incident> all_;
  Open open_;
};

}  // namespace

std::vector<pb::HistoryIncident> incidents(std::span<const pb::HistoryLine> lines) {
  std::vector<const pb::HistoryLine*> ordered;
  for (const pb::HistoryLine& line : lines) ordered.push_back(&line);
  // Within one boot; between two the file tells which came first.
  for (auto begin = ordered.begin(); begin != ordered.end();) {
    const auto end = std::find_if(begin, ordered.end(), [&](const pb::HistoryLine* line) {
      return line->boot_id() != (*begin)->boot_id();
    });
    std::stable_sort(begin, end, [](const pb::HistoryLine* a, const pb::HistoryLine* b) {
      return a->monotonic_ms() < b->monotonic_ms();
    });
    begin = end;
  }
  Grouping grouping;
  for (const pb::HistoryLine* line : ordered) grouping.add(*line);
  return grouping.result();
}

const pb::HistoryIncident* newest_to_draw(const pb::HistoryReport& report) {
  const pb::HistoryIncident* other = nullptr;
  for (int i = report.incidents_size() - 1; i >= 0; --i) {
    const pb::HistoryIncident& one = report.incidents(i);
    if (one.kind() == name_of(IncidentKind::kTakeover)) return &one;
    if (other == nullptr && one.kind() != name_of(IncidentKind::kNote)) other = &one;
  }
  return other;
}

}  // namespace lastword
