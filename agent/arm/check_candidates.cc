// Would the dump writer accept the disks of its plan, and does the memory in use fit them?
#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/candidate_plan.h"
#include "agent/arm/check_parts.h"
#include "proto/candidate_check.h"

namespace lastword {
namespace {

// Why the dump writer would pass a candidate over; empty: it would not. `index`: into the survey.
std::string reject(const Situation& situation, const pb::Plan& plan, const pb::Candidate& candidate,
                   std::optional<std::size_t> index) {
  if (!index) return "no disk of this machine has this UUID";
  const DiskView& disk = situation.survey.disks[*index];
  if (disk.problem) return describe(*disk.problem);
  if (disk.scsi_problem) return describe(*disk.scsi_problem);
  const Status accepted =
      check_candidate(plan, candidate, *disk.label, disk.header, disk.reservation);
  if (!accepted) return std::string(accepted.error().detail.view());
  if (candidate.metadata_offset_bytes() != disk.metadata_offset) {
    return "its metadata partition was moved since it was armed";
  }
  const Examination& examined = situation.examined[*index];
  if (examined.not_ready) return describe(*examined.not_ready);
  return {};
}

std::string fit_sentence(Fit fit) {
  switch (fit) {
    case Fit::kRaw:
      return "holds all memory";
    case Fit::kEstimate:
      return "holds the memory in use, not all of it";
    case Fit::kPartial:
      return "holds a part of the memory in use";
  }
  return {};
}

pb::CheckedCandidate check_one(const Situation& situation, const pb::Plan& plan,
                               const pb::Candidate& candidate, std::optional<std::size_t> index) {
  const Fit fit = fit_of(candidate.data_length_bytes(), situation.policy.memory);
  const std::string rejection = reject(situation, plan, candidate, index);
  pb::CheckedCandidate row;
  if (index) row.set_disk(situation.survey.disks[*index].info.path);
  row.set_disk_uuid(candidate.disk_uuid());
  row.set_rank(candidate.rank());
  row.set_fit(std::string(name_of(fit)));
  row.set_valid(rejection.empty());
  row.set_reason(rejection.empty() ? fit_sentence(fit) : rejection);
  return row;
}

// A note only: the dump goes to another disk of the plan, if there is one.
void note_rejected(const pb::CheckedCandidate& row, pb::CheckReport& report) {
  report.add_notes(fmt::format("candidate {} ({}) would be passed over: {}; {}", row.rank(),
                               row.disk().empty() ? row.disk_uuid() : row.disk(), row.reason(),
                               kArmAgain));
}

// The dump writer does not look for file systems: one that was made since arming would be lost.
void check_signature(const Situation& situation, std::size_t index, pb::CheckReport& report) {
  const Examination& examined = situation.examined[index];
  if (examined.signature.empty()) return;
  add_problem(report, Concern::kDump,
              fmt::format("a dump would overwrite {} on {}, which was not there when it was armed",
                          examined.signature, situation.survey.disks[index].info.path),
              "run `lastword arm`, which leaves that disk out, or wipe it first");
}

// Memory in use grows; another disk may be the better choice by now.
void check_fit(const Situation& situation, Fit armed, pb::CheckReport& report) {
  if (armed != Fit::kPartial) return;
  for (const Choice& choice :
       select_candidates(situation.survey, situation.examined, situation.policy)) {
    if (choice.place == 0 || choice.fit == Fit::kPartial) break;
    add_problem(
        report, Concern::kDump,
        fmt::format("the memory in use does not fit the armed disks any more, but it fits {}",
                    situation.survey.disks[choice.disk].info.path),
        kArmAgain);
    return;
  }
  report.add_notes(
      "no disk that may be armed holds all the memory in use: the dump will be partial");
}

}  // namespace

void check_candidates(const CheckFacts& facts, const pb::Plan& plan, pb::CheckReport& report) {
  const Situation& situation = *facts.situation;
  const auto disks = find_plan_disks(plan, situation.survey);
  std::optional<Fit> best;
  bool interrupted = false;
  for (int i = 0; i < plan.candidates_size(); ++i) {
    const pb::Candidate& candidate = plan.candidates(i);
    const auto index = disks[static_cast<std::size_t>(i)];
    const pb::CheckedCandidate row = check_one(situation, plan, candidate, index);
    *report.add_candidates() = row;
    if (!row.valid()) {
      note_rejected(row, report);
      continue;
    }
    check_signature(situation, *index, report);
    const Fit fit = fit_of(candidate.data_length_bytes(), situation.policy.memory);
    best = best ? std::min(*best, fit) : fit;
    interrupted |= situation.survey.disks[*index].header.plan_nonces_size() > 1;
  }
  if (!best) {
    add_problem(report, Concern::kDump, "no disk of the plan would be accepted", kArmAgain);
    return;
  }
  if (interrupted) {
    add_problem(report, Concern::kDump, "an earlier `lastword arm` was interrupted", kArmAgain);
  }
  check_fit(situation, *best, report);
}

}  // namespace lastword
