// Could either node win a majority of the mailbox disks?
#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/check_parts.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

struct MailboxCount {
  std::uint32_t total = 0;    // mailbox disks
  std::uint32_t own = 0;      // with this node's key of this boot
  std::uint32_t partner = 0;  // with a key of the partner
};

MailboxCount count_mailbox(const Situation& situation, const Config& config) {
  MailboxCount count;
  for (const DiskView& disk : situation.survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    ++count.total;
    count.own += situation.state && is_registered(disk, situation.state->key) ? 1 : 0;
    count.partner += is_registered(disk, config, config.partner.id) ? 1 : 0;
  }
  if (situation.state) {
    // Votes are counted by the disks that this node knows of, in sight or not.
    count.total =
        std::max(count.total, static_cast<std::uint32_t>(situation.state->mailbox_disks.size()));
  }
  return count;
}

// By what it said last: that it lives still is for this node's agent to find.
void check_partner_agent(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  const auto slot = newest_of_partner(facts.situation->survey, config);
  if (slot && slot->presence() == pb::WATCHING) return;
  std::string_view why = "it has not run since that node's `lastword start`";
  if (slot && slot->presence() == pb::AWAY) why = "it was ended";
  std::string_view unit = "start lastword-agent";
  if (slot && slot->presence() == pb::GONE) {
    why = "`lastword stop` or `halt` has ended that node's life";
    unit = "restart lastword";  // after `halt` the unit is active still
  }
  add_problem(report, Concern::kTakeover,
              fmt::format("{}'s agent does not watch ({}): it would not take over by itself",
                          config.partner.name, why),
              fmt::format("`systemctl {}` on {}", unit, config.partner.name));
}

}  // namespace

void check_mailbox(const CheckFacts& facts, pb::CheckReport& report) {
  const std::string& partner = facts.config->partner.name;
  const MailboxCount count = count_mailbox(*facts.situation, *facts.config);
  report.set_mailbox_disks(count.total);
  report.set_mailbox_registered(count.own);
  report.set_mailbox_partner_registered(count.partner);
  if (count.total == 0) {
    report.add_notes("no mailbox disks: nothing decides if both nodes take over at once");
    return;
  }
  check_partner_agent(facts, report);
  if (count.total % 2 == 0) {
    report.add_notes(
        fmt::format("{} mailbox disks: an odd number, 1 or 3, decides better", count.total));
  }
  if (2 * count.own <= count.total) {
    add_problem(report, Concern::kTakeover,
                fmt::format("this node is registered on {} of {} mailbox disks, no majority",
                            count.own, count.total),
                kStart);
  }
  if (2 * count.partner <= count.total) {
    add_problem(
        report, Concern::kTakeover,
        fmt::format("{} is registered on {} of {} mailbox disks and could not win a majority",
                    partner, count.partner, count.total),
        fmt::format("run `lastword start` on {}", partner));
  }
}

}  // namespace lastword
