#include "agent/arm/candidate_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "agent/disks/own_disk.h"
#include "agent/protocol/copies.h"
#include "agent/protocol/start_plan.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

std::string node_name(std::uint32_t node, const Config& config) {
  if (node == config.self.id) return config.self.name;
  if (node == config.partner.id) return config.partner.name;
  return fmt::format("node {}", node);
}

std::string describe_holder(const Reservation& reservation, const Config& config) {
  const auto parts = parse_key(reservation.holder);
  const std::string key = to_string(reservation.holder);
  if (!parts || parts->cluster != cluster_key_bits(config.cluster_uuid)) {
    return fmt::format("key {}, which is none of this cluster", key);
  }
  return fmt::format("{} (life {}, key {})", node_name(parts->node, config), parts->boot_generation,
                     key);
}

std::optional<std::string> reject_by_label(const DiskView& disk, const Config& config) {
  if (!disk.label) {
    if (disk.problem) return fmt::format("cannot be read: {}", describe(*disk.problem));
    return "not labelled; `lastword label` makes it a disk of this cluster";
  }
  const pb::Label& label = *disk.label;
  if (label.cluster_uuid() != config.cluster_uuid) {
    return fmt::format("labelled for another cluster, {}", label.cluster_uuid());
  }
  if (!may_hold_dump(label.role())) {
    return fmt::format("a {} disk; only dump and spare disks may hold a dump",
                       name_of(label.role()));
  }
  if (label.home_node() != config.self.id) {
    return fmt::format("belongs to {}", node_name(label.home_node(), config));
  }
  if (label.owner_node() == 0) {
    return "not in service: nobody owns it; run `lastword start`";
  }
  if (label.owner_node() != config.self.id) {
    return fmt::format("{} has taken it over; wait for its giveback",
                       node_name(label.owner_node(), config));
  }
  if (disk.problem) return fmt::format("cannot be read: {}", describe(*disk.problem));
  return std::nullopt;
}

std::optional<std::string> reject_by_reservation(const DiskView& disk,
                                                 const SelectionPolicy& policy) {
  if (disk.scsi_problem) {
    return fmt::format("its reservation cannot be read: {}", describe(*disk.scsi_problem));
  }
  if (!policy.key) {
    return "this node's disks are not in service since boot; run `lastword start`";
  }
  if (!disk.reservation) return "nobody holds its reservation; run `lastword start`";
  if (disk.reservation->holder != *policy.key) {
    return fmt::format("reserved by {}, not by this node's {}",
                       describe_holder(*disk.reservation, *policy.config), to_string(*policy.key));
  }
  if (disk.reservation->type != kOwnerType) {
    return fmt::format("reserved as {}, not as {}; run `lastword stop`, then `lastword start`",
                       name_of(disk.reservation->type), name_of(kOwnerType));
  }
  return std::nullopt;
}

std::string describe_unsaved_dump(const pb::CoredumpHeader& header, const Config& config) {
  return fmt::format("holds a dump of {} (life {}, {}) that is not saved",
                     node_name(header.node(), config), header.boot_generation(),
                     header.attribute() == pb::COMPLETED ? "complete" : "aborted");
}

std::optional<std::string> reject_by_header(const pb::CoredumpHeader& header,
                                            const Config& config) {
  if (header.attribute() == pb::IN_PROGRESS) {
    return fmt::format("a dump of {} is in progress on it; where none can be, run `lastword start`",
                       node_name(header.node(), config));
  }
  if (holds_unsaved_dump(header) && !config.keep_latest) {
    return describe_unsaved_dump(header, config) + "; run `lastword recover`";
  }
  return std::nullopt;
}

std::optional<std::string> reject_by_size(const pb::Label& label) {
  if (label.data_length_bytes() > kStreamHeadBytes) return std::nullopt;
  return fmt::format("its data region of {} has no room for memory",
                     format_bytes(label.data_length_bytes()));
}

std::optional<std::string> reject_by_examination(const Examination& examined) {
  if (examined.excluded) return examined.excluded;
  if (examined.not_ready) return fmt::format("is not ready: {}", describe(*examined.not_ready));
  if (examined.probe_failed) {
    return fmt::format("its data region cannot be searched for a file system: {}",
                       describe(*examined.probe_failed));
  }
  if (!examined.signature.empty()) {
    return fmt::format("its data region holds {}; wipe that if nobody needs it",
                       examined.signature);
  }
  return std::nullopt;
}

std::uint64_t needed_bytes(Fit fit, const MemoryFigures& memory) {
  return stream_bytes_for(fit == Fit::kRaw ? memory.raw_bytes : memory.in_use_bytes);
}

// How much larger the disk is than needed. For a disk that is too small, how much it lacks. In both
// cases the smallest number comes first.
std::uint64_t excess_bytes(std::uint64_t data_bytes, Fit fit, const MemoryFigures& memory) {
  const std::uint64_t needed = needed_bytes(fit, memory);
  return data_bytes >= needed ? data_bytes - needed : needed - data_bytes;
}

std::string reason_for(const pb::Label& label, Fit fit, const MemoryFigures& memory) {
  std::string reason;
  const std::string size = format_bytes(label.data_length_bytes());
  switch (fit) {
    case Fit::kRaw:
      reason = fmt::format("{} hold all memory ({} with overhead)", size,
                           format_bytes(needed_bytes(fit, memory)));
      break;
    case Fit::kEstimate:
      reason = fmt::format("{} hold the memory in use ({} with overhead), not all of it", size,
                           format_bytes(needed_bytes(fit, memory)));
      break;
    case Fit::kPartial:
      reason = fmt::format("{} hold a part of the memory in use ({} with overhead)", size,
                           format_bytes(needed_bytes(fit, memory)));
      break;
  }
  if (label.formerly_formatted()) reason += "; formerly formatted";
  return reason;
}

// A disk with several paths appears once for each. Equal disks are neighbours in `candidates`.
void reject_second_paths(const Survey& survey, std::vector<Choice>& candidates,
                         std::vector<Choice>& rejected) {
  const auto uuid = [&](const Choice& choice) -> const std::string& {
    return survey.disks[choice.disk].label->disk_uuid();
  };
  for (std::size_t i = 1; i < candidates.size();) {
    if (uuid(candidates[i]) != uuid(candidates[i - 1])) {
      ++i;
      continue;
    }
    Choice second = std::move(candidates[i]);
    second.reason = fmt::format("another path to the disk at {}",
                                survey.disks[candidates[i - 1].disk].info.path);
    rejected.push_back(std::move(second));
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// keep = "latest": arming makes the header forget the dump. So one is given up at most, and that
// only where no other disk can hold the next dump.
void keep_unsaved_dumps(const Survey& survey, const Config& config, std::vector<Choice>& candidates,
                        std::vector<Choice>& rejected) {
  const auto header_of = [&](const Choice& choice) -> const pb::CoredumpHeader& {
    return survey.disks[choice.disk].header;
  };
  const auto kept = std::ranges::stable_partition(
      candidates, [&](const Choice& choice) { return !holds_unsaved_dump(header_of(choice)); });
  auto first_kept = kept.begin();
  if (first_kept == candidates.begin() && first_kept != candidates.end()) {
    first_kept->reason += fmt::format(
        "; {}: arming gives that up, because no other disk can hold the next (keep = \"latest\")",
        describe_unsaved_dump(header_of(*first_kept), config));
    ++first_kept;
  }
  for (auto choice = first_kept; choice != candidates.end(); ++choice) {
    rejected.push_back({.disk = choice->disk,
                        .reason = describe_unsaved_dump(header_of(*choice), config) +
                                  ", and another disk can hold the next; run `lastword recover`"});
  }
  candidates.erase(first_kept, candidates.end());
}

}  // namespace

std::string_view name_of(Fit fit) {
  switch (fit) {
    case Fit::kRaw:
      return "raw";
    case Fit::kEstimate:
      return "estimate";
    case Fit::kPartial:
      return "partial";
  }
  return "";
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Fit fit_of(std::uint64_t data_bytes, const MemoryFigures& memory) {
  if (data_bytes >= needed_bytes(Fit::kRaw, memory)) return Fit::kRaw;
  if (data_bytes >= needed_bytes(Fit::kEstimate, memory)) return Fit::kEstimate;
  return Fit::kPartial;
}

std::optional<std::string> reject_by_survey(const DiskView& disk, const SelectionPolicy& policy) {
  if (auto reason = reject_by_label(disk, *policy.config)) return reason;
  if (auto reason = reject_by_reservation(disk, policy)) return reason;
  if (auto reason = reject_by_header(disk.header, *policy.config)) return reason;
  return reject_by_size(*disk.label);
}

std::vector<Choice> select_candidates(const Survey& survey,
                                      const std::vector<Examination>& examined,
                                      const SelectionPolicy& policy) {
  std::vector<Choice> candidates;
  std::vector<Choice> rejected;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    std::optional<std::string> reason;
    if (is_own_disk(disk, *policy.config) && may_hold_dump(disk.label->role()) &&
        is_unheld_copy(survey, *policy.config, i, policy.key)) {
      reason = describe_copy(survey, *policy.config, i, policy.key);
    }
    if (!reason) reason = reject_by_survey(disk, policy);
    if (!reason) reason = reject_by_examination(examined[i]);
    if (reason) {
      rejected.push_back({.disk = i, .reason = std::move(*reason)});
      continue;
    }
    const Fit fit = fit_of(disk.label->data_length_bytes(), policy.memory);
    candidates.push_back(
        {.disk = i, .fit = fit, .reason = reason_for(*disk.label, fit, policy.memory)});
  }
  const auto order = [&](const Choice& choice) {
    const pb::Label& label = *survey.disks[choice.disk].label;
    const pb::CoredumpHeader& header = survey.disks[choice.disk].header;
    // Of unsaved dumps the oldest comes first: where one is given up, it is that.
    const std::uint32_t life = holds_unsaved_dump(header) ? header.boot_generation() : 0;
    return std::tuple(choice.fit, life, label.role() == pb::DUMP ? 0 : 1,
                      label.formerly_formatted(),
                      excess_bytes(label.data_length_bytes(), choice.fit, policy.memory),
                      std::string_view(label.disk_uuid()), choice.disk);
  };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Choice& a, const Choice& b) { return order(a) < order(b); });
  reject_second_paths(survey, candidates, rejected);
  keep_unsaved_dumps(survey, *policy.config, candidates, rejected);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    candidates[i].place = static_cast<std::uint32_t>(i + 1);
  }
  candidates.insert(candidates.end(), std::make_move_iterator(rejected.begin()),
                    std::make_move_iterator(rejected.end()));
  return candidates;
}

std::string note_given_up(const Survey& survey, const std::vector<std::size_t>& disks,
                          const Config& config) {
  std::string note;
  for (const std::size_t index : disks) {
    const DiskView& disk = survey.disks[index];
    if (!holds_unsaved_dump(disk.header)) continue;
    note += fmt::format(
        "{}{} {}: given up for the next (keep = \"latest\"), but `lastword recover "
        "--by-stream` finds it until that is written",
        note.empty() ? "" : "; ", disk.info.path, describe_unsaved_dump(disk.header, config));
  }
  return note;
}

pb::Candidates report_candidates(const Survey& survey, const std::vector<Choice>& choices,
                                 const SelectionPolicy& policy) {
  pb::Candidates report;
  report.set_memory_bytes(policy.memory.raw_bytes);
  report.set_needed_raw_bytes(needed_bytes(Fit::kRaw, policy.memory));
  report.set_in_use_bytes(policy.memory.in_use_bytes);
  report.set_needed_estimate_bytes(needed_bytes(Fit::kEstimate, policy.memory));
  for (const Choice& choice : choices) {
    const DiskView& disk = survey.disks[choice.disk];
    pb::CandidateRow& row = *report.add_disks();
    row.set_disk(disk.info.path);
    row.set_description(disk.info.description);
    if (disk.label) {
      row.set_disk_uuid(disk.label->disk_uuid());
      row.set_role(std::string(name_of(disk.label->role())));
      row.set_data_bytes(disk.label->data_length_bytes());
    }
    row.set_place(choice.place);
    if (choice.place != 0) row.set_fit(std::string(name_of(choice.fit)));
    row.set_armed(disk.header.attribute() == pb::ARMED);
    row.set_reason(choice.reason);
  }
  return report;
}

}  // namespace lastword
