// What a takeover makes of a survey: which disks it is about, and how each is taken. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/disks/partner_disk.h"
#include "agent/disks/survey.h"
#include "agent/node/config.h"
#include "agent/protocol/takeover_plan.h"

namespace lastword {

// What a takeover acts on.
struct Failure {
  Survey survey;
  // The partner's life that panicked; a key of a later one is respected, on every disk. Absent: an
  // operator says that the partner failed, or a takeover was interrupted.
  std::optional<std::uint32_t> generation = {};
};

// The partner's disks. Mailbox disks are not among them.
[[nodiscard]] std::vector<SurveyedDisk> partner_disks(const Survey& survey, const Config& config);
// Those of them that may hold its dump, as indices into the survey.
[[nodiscard]] std::vector<std::size_t> dump_places(const Survey& survey, const Config& config);
// Those of the partner's disks whose UUID is not among `had`.
[[nodiscard]] std::vector<SurveyedDisk> late_disks(const Survey& survey, const Config& config,
                                                   const std::set<std::string>& had);
// Disks whose label can not be read: they may be anybody's, of these two nodes too.
[[nodiscard]] std::vector<SurveyedDisk> unreadable_disks(const Survey& survey);

// kNotFound.
[[nodiscard]] Error no_partner_disks(const Config& config);
// The mailbox disk with this UUID, in the survey. Null where none is in sight, or a clone beside
// it: on that each node could win a vote of its own.
[[nodiscard]] const SurveyedDisk* find_mailbox(const Survey& survey, const Config& config,
                                               std::string_view uuid);

// The partner's life that a takeover is about: the one that panicked, or where that is not known,
// the latest. What a header says of an earlier one is over, even where no later label could be
// written.
[[nodiscard]] std::uint32_t life_taken_over(const Failure& failure, const Config& config);
[[nodiscard]] std::vector<TakeoverDisk> as_plan_input(const std::vector<SurveyedDisk>& disks,
                                                      const Config& config, std::uint32_t life);

// The partner's later life is not to be preempted: only keys up to the boot generation that failed
// are; where that is not known, up to the one that the label tells of.
[[nodiscard]] TakeOrder take_order(const SurveyedDisk& disk, const Config& config,
                                   ReservationKey own, pb::Reason abort_reason,
                                   std::optional<std::uint32_t> failed_generation = {});

}  // namespace lastword
