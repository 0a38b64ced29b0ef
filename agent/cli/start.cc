// lastword start: takes this node's own disks into service.
#include <fmt/format.h>

#include <memory>
#include <set>

#include "agent/arm/candidate_plan.h"
#include "agent/cli/command.h"
#include "agent/disks/disk_work.h"
#include "agent/protocol/start_plan.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

int report_taken_over(const Config& config, const Survey& survey, const StartPlan& plan) {
  fmt::print(stderr, "lastword: {} is in takeover; waiting for giveback. Nothing was touched.\n",
             config.partner.name);
  for (const DiskRemark& remark : plan.taken_over) {
    fmt::print(stderr, "lastword: {}: {}\n", survey.disks[remark.disk].info.path, remark.text);
  }
  return kExitRefused;
}

// Says how each disk fared; returns how many are not in service.
std::size_t report_disks(const Config& config, const Survey& survey,
                         const std::vector<std::size_t>& disks,
                         const std::vector<Result<pb::CoredumpHeader>>& results) {
  std::size_t failed = 0;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const DiskView& disk = survey.disks[disks[i]];
    if (results[i]) {
      fmt::print("{}: in service ({})\n", disk.info.path, name_of(disk.label->role()));
    } else {
      ++failed;
      fmt::print(stderr, "lastword: not in service: {}\n", describe(results[i].error()));
    }
  }
  for (std::size_t i = 0; i < disks.size(); ++i) {
    if (!results[i] || !holds_unsaved_dump(*results[i])) continue;
    const std::string& path = survey.disks[disks[i]].info.path;
    fmt::print("{}: holds a dump of boot generation {} ({}); save it: lastword recover {} -o {}\n",
               path, results[i]->boot_generation(),
               results[i]->attribute() == pb::COMPLETED
                   ? "complete"
                   : "aborted: " + pb::Reason_Name(results[i]->reason()),
               path, config.self.core_directory);
  }
  return failed;
}

// Returns how many there are.
std::size_t report_refused(const Survey& survey, const StartPlan& plan) {
  for (const DiskRemark& remark : plan.refused) {
    fmt::print(stderr, "lastword: not in service: {}: {}\n", survey.disks[remark.disk].info.path,
               remark.text);
  }
  return plan.refused.size();
}

// Those in sight, and those that any earlier start saw: one that has vanished since still counts
// when a majority is asked for.
Result<std::vector<std::string>> mailbox_uuids(const Config& config, const Survey& survey) {
  auto known = load_known_mailboxes(config);
  if (!known) return known;
  std::set<std::string> seen;
  for (const DiskView& disk : survey.disks) {
    if (is_mailbox_disk(disk, config)) seen.insert(disk.label->disk_uuid());
  }
  for (const std::string& uuid : *known) {
    if (seen.contains(uuid)) continue;
    fmt::print(stderr,
               "lastword: mailbox disk {} is not in sight: it counts as a vote not won. If it is "
               "gone for good, take it out of {}/mailbox-disks on both nodes\n",
               uuid, config.persistent_directory);
  }
  seen.insert(known->begin(), known->end());
  return std::vector<std::string>(seen.begin(), seen.end());
}

int take(const Config& config, const Survey& survey, const StartPlan& plan,
         const std::vector<std::string>& joined_before) {
  const OwnerIdentity self = own_identity(config, plan.boot_generation);
  if (Status kept = keep_last_generation(config, plan.boot_generation); !kept) {
    return report_error(kept.error());
  }
  const auto mailboxes = mailbox_uuids(config, survey);
  if (!mailboxes) return report_error(mailboxes.error());
  if (Status kept = keep_known_mailboxes(config, *mailboxes); !kept) {
    return report_error(kept.error());
  }
  // Before the first disk is touched: a start that is killed and run again keeps its generation,
  // and does not take a lost vote for one that was never cast.
  NodeState state{
      .boot_generation = plan.boot_generation, .key = self.key, .mailbox_disks = *mailboxes};
  const std::set<std::string> before(joined_before.begin(), joined_before.end());
  std::set<std::string> joined = before;
  for (const std::size_t disk : plan.mailbox) joined.insert(survey.disks[disk].label->disk_uuid());
  state.mailbox_joined.assign(joined.begin(), joined.end());
  if (Status saved = save_node_state(config, state); !saved) return report_error(saved.error());
  std::vector<std::size_t> disks = plan.own;
  disks.insert(disks.end(), plan.mailbox.begin(), plan.mailbox.end());
  const std::size_t own_count = plan.own.size();
  const auto results = work_on_disks(
      survey, disks, config.timing.settings.io_timeout,
      [self, own_count](const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
        if (position < own_count) return take_own_disk(disk, self);
        if (Status done = join_mailbox_disk(disk, self); !done) return fail(done.error());
        return pb::CoredumpHeader();
      });
  for (std::size_t i = own_count; i < disks.size(); ++i) {
    const std::string& uuid = survey.disks[disks[i]].label->disk_uuid();
    if (!results[i] && !before.contains(uuid)) joined.erase(uuid);
  }
  if (joined.size() != state.mailbox_joined.size()) {
    state.mailbox_joined.assign(joined.begin(), joined.end());
    if (Status saved = save_node_state(config, state); !saved) return report_error(saved.error());
  }
  const std::size_t failed =
      report_disks(config, survey, disks, results) + report_refused(survey, plan);
  fmt::print("{}, boot generation {}: {} disks in service, {} not.\n", config.self.name,
             plan.boot_generation, disks.size() + plan.refused.size() - failed, failed);
  return failed == 0 ? kExitOk : kExitNo;
}

int run_start(const std::string& config_path, bool reinstalled) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto lock = lock_state(*config);
  if (!lock) return report_error(lock.error());
  const auto state = load_node_state(*config);
  if (!state && state.error().code != Code::kNotFound) return report_error(state.error());
  const auto survey = survey_disks(*config);
  if (!survey) return report_error(survey.error());
  const auto before = state ? std::optional(*state) : std::nullopt;
  const auto last_generation = load_last_generation(*config);
  if (!last_generation) return report_error(last_generation.error());
  const auto plan = plan_start(*survey, *config, before,
                               reinstalled ? std::nullopt : std::optional(*last_generation));
  if (!plan) return report_error(plan.error());
  if (!plan->taken_over.empty()) return report_taken_over(*config, *survey, *plan);
  // A node may have no disks of its own and stand by for its partner; one that sees none at all has
  // a problem, and no generation to count.
  if (plan->own.empty() && plan->mailbox.empty()) {
    report_refused(*survey, *plan);
    fmt::print(stderr, "lastword: no disk of {} to take; `lastword label` makes some\n",
               config->self.name);
    return kExitNo;
  }
  return take(*config, *survey, *plan,
              before ? before->mailbox_joined : std::vector<std::string>());
}

}  // namespace

void add_start_command(Parser& parser, const CommandContext& context) {
  CliCommand command = parser.command("start", "Take this node's own disks into service");
  auto reinstalled = std::make_shared<bool>(false);
  command.flag("--reinstalled", *reinstalled,
               "This machine is this node, although it has no note of its last boot");
  command.runs([&context, reinstalled] { return run_start(context.config_path, *reinstalled); });
}

}  // namespace lastword
