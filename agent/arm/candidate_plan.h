// Where a crash now would be dumped: every disk of the machine gets a place or the reason for its
// rejection. Pure; what it needs to know comes from survey.h and examine.h (agent/disks/).
//
// Filter: home and reservation are this node's, role dump or spare, readable, answers TEST UNIT
// READY, no unsaved dump (with keep = "latest" one at most, where nothing else is left), no file
// system signature in the data region. Then the order: fits the
// memory raw, by estimate, partly; dump before spare; clean before formerly formatted; least excess
// space; disk UUID.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/arm/candidates.pb.h"
#include "agent/arm/memory_figures.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/examination.h"

namespace lastword {

inline constexpr std::size_t kMaxCandidates = 3;

// What selection has to know of this node.
struct SelectionPolicy {
  const Config* config = nullptr;     // outlives the call
  std::optional<ReservationKey> key;  // empty: `lastword start` has not run since boot
  MemoryFigures memory;
};

enum class Fit : std::uint8_t { kRaw, kEstimate, kPartial };
[[nodiscard]] std::string_view name_of(Fit fit);

struct Choice {
  std::size_t disk = 0;     // index into the survey
  std::uint32_t place = 0;  // 1 is the best; 0: rejected
  Fit fit = Fit::kPartial;
  std::string reason;
};

// Why the survey alone rules a disk out; empty: it must be examined.
[[nodiscard]] std::optional<std::string> reject_by_survey(const DiskView& disk,
                                                          const SelectionPolicy& policy);

// One choice for each disk: the candidates by place, then the rejected by path. `examined` has one
// element for each disk of the survey.
[[nodiscard]] std::vector<Choice> select_candidates(const Survey& survey,
                                                    const std::vector<Examination>& examined,
                                                    const SelectionPolicy& policy);

// Of the dump that arming these disks of the survey gives up, for people; empty: of none.
[[nodiscard]] std::string note_given_up(const Survey& survey, const std::vector<std::size_t>& disks,
                                        const Config& config);

[[nodiscard]] Fit fit_of(std::uint64_t data_bytes, const MemoryFigures& memory);

[[nodiscard]] pb::Candidates report_candidates(const Survey& survey,
                                               const std::vector<Choice>& choices,
                                               const SelectionPolicy& policy);

// "1.5 GiB"
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace lastword
