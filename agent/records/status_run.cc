#include "agent/records/status_run.h"

#include <algorithm>
#include <utility>

#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/node/state_files.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

template <class T>
std::optional<T> what_is_there(const Result<T>& read, std::vector<std::string>& problems) {
  if (read) return *read;
  if (read.error().code != Code::kNotFound) problems.push_back(describe(read.error()));
  return std::nullopt;
}

}  // namespace

Result<Survey> StatusRun::survey() {
  Executor& executor = surveyor_.executor();
  const Instant asked = executor.now();
  auto look = surveyor_.look();
  if (!look) return fail(look.error());
  ages_.read(look->survey, config_, asked, executor.now());
  return std::move(look->survey);
}

// Nothing is to be learnt from another look.
bool StatusRun::all_beat(const Survey& survey) const {
  const Instant now = surveyor_.executor().now();
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config_)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.presence() != pb::WATCHING) continue;
      const auto age =
          ages_.of(disk.label->disk_uuid(), static_cast<std::uint8_t>(slot.node()), now);
      if (age && !age->heard) return false;
    }
  }
  return true;
}

Result<pb::StatusReport> StatusRun::look() {
  auto found = survey();
  if (!found) return fail(found.error());
  if (!std::exchange(looked_, true) && !all_beat(*found)) {
    surveyor_.executor().sleep(config_.timing.settings.heartbeat * 3 / 2);
    found = survey();
    if (!found) return fail(found.error());
  }
  StatusFacts facts{.config = &config_, .ages = ages_};
  facts.state = what_is_there(load_last_life(config_), facts.problems);
  const auto seen = what_is_there(load_partner_seen(config_), facts.problems);
  if (seen && seen->has_newest()) facts.heard = seen->newest();
  facts.phase = what_is_there(load_agent_phase(config_), facts.problems);
  facts.agent = ask_agent_();
  const KnownIntent intent = read_intent(config_, *found);
  facts.intent = intent.intent;
  for (const Error& problem : intent.problems) facts.problems.push_back(describe(problem));
  const KnownSwitches switches = read_switches(config_, *found);
  facts.switches = switches.switches;
  if (switches.problem) facts.problems.push_back(describe(*switches.problem));
  facts.survey = std::move(*found);
  facts.now = surveyor_.executor().now();
  facts.unix_ms = surveyor_.executor().unix_ms();
  return report_status(facts);
}

}  // namespace lastword
