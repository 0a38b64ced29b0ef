#include "agent/takeover/takeover_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/protocol/arbitration.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

// As far as the survey tells: the partner may be quicker.
Tally expected_votes(const Config& config, const NodeState& state, const Survey& survey) {
  const auto count = static_cast<unsigned>(state.mailbox_disks.size());
  return arbitrate(count, [&](unsigned index) {
    const DiskView* disk = find_mailbox(survey, config, state.mailbox_disks[index]);
    const bool joined =
        disk != nullptr && std::ranges::count(state.mailbox_joined, disk->label->disk_uuid()) != 0;
    if (!joined || disk->scsi_problem) return Vote::kUnknown;
    if (is_registered(*disk, state.key)) return Vote::kWon;
    // Without the partner's intent the shelf has lost the registration: this node joins again.
    return tells_of_lost_vote(survey, config, state.boot_generation) ? Vote::kLost : Vote::kWon;
  });
}

TakeoverReport::Disk forecast_disk(const Config& config, const Result<NodeState>& state,
                                   const DiskView& disk, bool at_once, bool& complete) {
  TakeoverReport::Disk row{.path = disk.info.path,
                           .uuid = disk.label->disk_uuid(),
                           .role = disk.label->role(),
                           .outcome = at_once ? "at once" : "when the dump is over",
                           .detail = std::string(name_of(disk.header.attribute()))};
  if (holder_node(disk, config) == config.self.id) row.outcome = "held already";
  if (disk.problem || disk.scsi_problem) {
    row.detail = describe(disk.scsi_problem ? *disk.scsi_problem : *disk.problem);
    complete = false;
    return row;
  }
  if (!state) return row;
  const SeizeGoal goal = take_order(disk, config, state->key, pb::REASON_NONE).goal;
  if (const auto key = key_in_the_way(goal, {.keys = disk.keys, .holder = disk.reservation})) {
    row.outcome = "not at all";
    row.detail =
        fmt::format("{} is on it, which is not a key this node may remove", to_string(*key));
    complete = false;
    return row;
  }
  for (const ReservationKey key : foreign_registrants(disk, config)) {
    row.detail += fmt::format("; {}, a key of neither node, would be removed", to_string(key));
  }
  return row;
}

}  // namespace

void merge(TakeoverReport& report, TakeoverReport more) {
  report.complete = report.complete && more.complete;
  std::move(more.disks.begin(), more.disks.end(), std::back_inserter(report.disks));
}

void add_unreadable(const Survey& survey, const Config& config, const NodeState& state,
                    const std::set<std::string>& had, TakeoverReport& report) {
  for (const DiskView& disk : unreadable_disks(survey)) {
    if (!may_be_taken_late(disk, config, state, had)) continue;
    report.complete = false;
    report.disks.push_back({.path = disk.info.path,
                            .uuid = {},
                            .role = pb::ROLE_UNSPECIFIED,
                            .outcome = "not readable",
                            .detail = describe(*disk.problem)});
  }
}

void add_copies(const Survey& survey, const Config& config, TakeoverReport& report) {
  const auto right_ones = partner_disks(survey, config);
  for (const DiskView& copy : unheld_copies(survey, config)) {
    if (std::ranges::any_of(right_ones, [&](const DiskView& disk) {
          return disk.label->disk_uuid() == copy.label->disk_uuid();
        })) {
      continue;
    }
    report.complete = false;
    report.disks.push_back({.path = copy.info.path,
                            .uuid = copy.label->disk_uuid(),
                            .role = copy.label->role(),
                            .outcome = "not taken",
                            .detail = "another disk has the same label, and neither node holds "
                                      "one of them; take the clone away from both nodes, then run "
                                      "`lastword takeover` again"});
  }
}

TakeoverReport forecast_takeover(const Config& config, const Result<NodeState>& state,
                                 const Survey& survey, std::optional<std::uint64_t> heard_set,
                                 const std::optional<pb::TakeoverIntent>& intent) {
  const auto disks = partner_disks(survey, config);
  TakeoverPlan plan(config.timing, config.partner.id,
                    as_plan_input(disks, config, life_taken_over(survey, {}, config)));
  std::vector<bool> at_once(disks.size());
  const auto note = [&](const TakeoverPlan::Actions& actions) {
    for (const TakeoverAction& action : actions) {
      if (action.kind == TakeoverAction::Kind::kTake) at_once[action.disk] = true;
    }
  };
  note(plan.begin(Instant{0}));
  for (const std::size_t index : plan.watched()) {
    if (disks[index].problem) continue;
    note(plan.header_seen(index, disks[index].header, disks[index].header_sequence, Instant{0}));
  }
  TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
  for (std::size_t i = 0; i < disks.size(); ++i) {
    report.disks.push_back(forecast_disk(config, state, disks[i], at_once[i], report.complete));
  }
  add_unreadable(survey, config, state ? *state : NodeState(), {}, report);
  add_copies(survey, config, report);
  if (disks.empty()) report.obstacles.push_back(describe(no_partner_disks(config)));
  if (!state) {
    report.obstacles.push_back(describe(state.error()));
  } else if (is_taken_over_from(survey, config, *state, intent)) {
    report.obstacles.push_back(describe(taken_over_from()));
  } else if (const Status same = check_mailbox_set(survey, config, state->mailbox_disks); !same) {
    report.obstacles.push_back(describe(same.error()));
  } else if (const Status heard =
                 heard_set ? check_heard_set(survey, config, state->mailbox_disks, *heard_set)
                           : Status();
             !heard) {
    report.obstacles.push_back(describe(heard.error()));
  } else if (const Tally tally = expected_votes(config, *state, survey);
             !tally.majority() && !owns_all_of_partner(survey, config)) {
    report.obstacles.push_back(describe(no_majority(tally)));
  }
  if (!report.obstacles.empty()) report.complete = false;
  return report;
}

}  // namespace lastword
