#include "agent/service/stray_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/disks/intent_log.h"
#include "agent/disks/stray_keys.h"
#include "agent/node/locks.h"
#include "agent/protocol/stray_plan.h"
#include "agent/protocol/takeover_plan.h"

namespace lastword {
namespace {

std::string list(const std::vector<ReservationKey>& keys) {
  std::string text;
  for (const ReservationKey key : keys) text += (text.empty() ? "" : " and ") + to_string(key);
  return text;
}

// Remarks name disks by their index in the first survey.
void remark(const DiskView& disk, std::string text, StartReport& report) {
  const auto& disks = report.survey.disks;
  const auto found = std::ranges::find_if(
      disks, [&](const DiskView& other) { return other.info.path == disk.info.path; });
  if (found == disks.end()) return;
  report.remarks.push_back({static_cast<std::size_t>(found - disks.begin()), std::move(text)});
}

// The partner took it since `start` had it in service.
void set_lost(const DiskView& disk, const Error& why, StartReport& report) {
  for (std::size_t i = 0; i < report.disks.size(); ++i) {
    const DiskView& started = report.survey.disks[report.disks[i]];
    if (started.info.path == disk.info.path) report.results[i] = fail(why);
  }
}

void remove_partners(const Config& config, const OwnerIdentity& self, const Survey& now,
                     const StrayPlan& plan, const DiskAccess& access, StartReport& report) {
  if (plan.remove.empty()) return;
  std::vector<std::size_t> disks;
  std::vector<std::vector<ReservationKey>> keys;
  for (const StrayPlan::Removal& removal : plan.remove) {
    disks.push_back(removal.disk);
    keys.push_back(removal.keys);
  }
  const auto results = access.work(
      now, disks,
      [self, keys](const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
        const Status removed = remove_stray_keys(disk, self, keys[position]);
        if (!removed) return fail(removed.error());
        return pb::CoredumpHeader();
      });
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string what =
        fmt::format("{}'s key {} was registered on it too", config.partner.name, list(keys[i]));
    if (!results[i] && is_another_nodes(results[i].error().code)) {
      set_lost(now.disks[disks[i]], results[i].error(), report);
      continue;
    }
    remark(now.disks[disks[i]],
           results[i] ? what + "; removed"
                      : fmt::format("{}, and that is not dealt with: {}", what,
                                    describe(results[i].error())),
           report);
  }
}

void withdraw_own(const Config& config, const OwnerIdentity& self, const Survey& now,
                  const StrayPlan& plan, const DiskAccess& access, StartReport& report) {
  if (plan.withdraw.empty()) return;
  const auto results = access.work(
      now, plan.withdraw, [self](const OwnDisk& disk, std::size_t) -> Result<pb::CoredumpHeader> {
        const Status withdrawn = withdraw_stray_key(disk, self);
        if (!withdrawn) return fail(withdrawn.error());
        return pb::CoredumpHeader();
      });
  for (std::size_t i = 0; i < results.size(); ++i) {
    const DiskView& disk = now.disks[plan.withdraw[i]];
    std::vector<ReservationKey> keys = disk.keys;
    std::erase_if(keys, [&](ReservationKey key) {
      const auto parts = parse_key(key);
      return !parts || parts->node != self.node ||
             parts->cluster != cluster_key_bits(config.cluster_uuid);
    });
    const std::string what = fmt::format("this node's key {} was registered on it, a disk of {}",
                                         list(keys), config.partner.name);
    remark(disk,
           results[i] ? what + "; withdrawn"
                      : fmt::format("{}, and is not all withdrawn: {}", what,
                                    describe(results[i].error())),
           report);
  }
}

}  // namespace

void clear_strays(const Config& config, const NodeState& state, const DiskAccess& access,
                  StartReport& report) {
  const auto disks = stray_disks(report.survey, config);
  if (disks.empty()) return;
  const auto leave = [&](const Error& why) {
    for (const std::size_t disk : disks) {
      report.remarks.push_back(
          {disk, fmt::format("a node that neither owns nor holds it may be registered on it, and "
                             "could write there; not looked into: {}",
                             describe(why))});
    }
  };
  const auto lock = lock_takeover(config);
  if (!lock) return leave(lock.error());
  const auto now = access.survey();
  if (!now) return leave(now.error());
  const KnownIntent known = read_intent(config, *now);
  if (!known.problems.empty()) return leave(known.problems.front());
  const auto plan = plan_strays(report.survey, *now, config, state, known.intent);
  const OwnerIdentity self = own_identity(config, state.boot_generation);
  remove_partners(config, self, *now, plan, access, report);
  withdraw_own(config, self, *now, plan, access, report);
  for (const DiskRemark& left : plan.left) remark(now->disks[left.disk], left.text, report);
}

}  // namespace lastword
