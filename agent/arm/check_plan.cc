#include "agent/arm/check_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/check_parts.h"
#include "agent/base/utc.h"
#include "agent/protocol/automatic_giveback_plan.h"
#include "agent/protocol/late_begin.h"

namespace lastword {
namespace {

void check_hook(const CheckFacts& facts, pb::CheckReport& report) {
  if (facts.hook_problem.empty()) return;
  add_problem(report, Concern::kTakeover,
              fmt::format("the hook {} cannot be run: {}", facts.hook, facts.hook_problem),
              "an executable file is wanted, in [hooks] directory or as [hooks] service_taken, "
              "without arguments");
}

void check_giveback(const CheckFacts& facts, pb::CheckReport& report) {
  const auto limit = against_another(*facts.config, facts.intent);
  if (!limit || !has_partner_disk(facts.situation->survey, *facts.config)) return;
  add_problem(report, Concern::kNeither, limit->reason, limit->remedy);
}

void check_watchdog(const CheckFacts& facts, pb::CheckReport& report) {
  if (facts.watchdog_idle.empty()) return;
  add_problem(
      report, Concern::kNeither,
      fmt::format("the watchdog {} does not watch this node: {}", facts.config->watchdog_device,
                  facts.watchdog_idle),
      "`lastword agent` arms it when it starts: systemctl restart lastword-agent; its event "
      "watchdog-not-armed says why not. Or leave [watchdog] device out");
}

std::string end_of(const Switch& asked) {
  return asked.until_unix_ms == 0 ? "" : fmt::format(" until {}", utc_time(asked.until_unix_ms));
}

// What keeps the partner from taking over, and what keeps this node.
void check_switches(const CheckFacts& facts, pb::CheckReport& report) {
  const Switches own = plain(facts.switches.switches.own);
  const Switches peer = plain(facts.switches.switches.peer);
  if (facts.switches.problem) report.add_notes(describe(*facts.switches.problem));
  const std::string& partner = facts.config->partner.name;
  const auto forbids = [&](const Switch& asked, std::string_view what, const std::string& command) {
    if (!is_on(asked, facts.unix_ms)) return;
    add_problem(report, Concern::kTakeover, fmt::format("{}{}", what, end_of(asked)), command);
  };
  forbids(own.disable, "no node takes over by itself, as `lastword disable` on this node says",
          "`lastword enable` when it may again");
  forbids(peer.disable,
          fmt::format("no node takes over by itself, as `lastword disable` on {} says", partner),
          fmt::format("`lastword enable` on {} when it may again", partner));
  forbids(own.no_takeover, "`lastword no-takeover` on this node keeps the partner from it",
          "`lastword no-takeover --off` when it may again");
  if (is_on(peer.no_takeover, facts.unix_ms)) {
    report.add_notes(
        fmt::format("this node does not take over from {0} by itself{1}, as `lastword "
                    "no-takeover` on {0} says",
                    partner, end_of(peer.no_takeover)));
  }
}

// A note: the agent acts on the header, however late it comes.
void check_beginning(const CheckFacts& facts, pb::CheckReport& report) {
  const Survey& survey = facts.situation->survey;
  const auto newest = newest_beginning(survey, facts.config->self.id);
  if (!newest) return;
  const DiskView& disk = survey.disks[*newest];
  constexpr auto kMost = static_cast<std::uint64_t>(kLongestTime.count());
  const std::string late = late_begin(milliseconds(std::min(disk.header.began_after_ms(), kMost)),
                                      facts.config->timing.settings.grace);
  if (late.empty()) return;
  report.add_notes(
      fmt::format("{}, of {}: {}", disk.info.path, utc_time(disk.header.started_unix_ms()), late));
}

}  // namespace

void add_problem(pb::CheckReport& report, Concern concern, std::string what,
                 std::string_view advice) {
  pb::CheckProblem& added = *report.add_problems();
  added.set_what(std::move(what));
  added.set_advice(std::string(advice));
  if (concern == Concern::kNeither) return;
  if (concern != Concern::kTakeover) report.set_would_dump(false);
  if (concern != Concern::kDump) report.set_would_be_taken_over(false);
}

pb::CheckReport check_node(const CheckFacts& facts) {
  pb::CheckReport report;
  report.set_would_dump(true);
  report.set_would_be_taken_over(true);
  if (const auto& state = facts.situation->state) {
    report.set_boot_generation(state->boot_generation);
  }
  check_loaded(facts, report);
  if (facts.armed) {
    check_candidates(facts, facts.armed->plan(), report);
    check_image(facts, *facts.armed, report);
  }
  check_copies(facts, report);
  check_service(facts, report);
  check_unreadable(facts, report);
  check_registrants(facts, report);
  check_strays(facts, report);
  check_borrowed(facts, report);
  check_mailbox(facts, report);
  check_links(facts, report);
  check_switches(facts, report);
  check_giveback(facts, report);
  check_hook(facts, report);
  check_watchdog(facts, report);
  check_beginning(facts, report);
  return report;
}

std::vector<std::optional<std::size_t>> find_plan_disks(const pb::Plan& plan,
                                                        const Survey& survey) {
  std::vector<std::optional<std::size_t>> found;
  for (const pb::Candidate& candidate : plan.candidates()) {
    std::optional<std::size_t>& best = found.emplace_back();
    for (std::size_t i = 0; i < survey.disks.size(); ++i) {
      const DiskView& disk = survey.disks[i];
      if (!disk.label || disk.label->disk_uuid() != candidate.disk_uuid()) continue;
      // Of a disk and its clone the dump writer takes the one that the plan's key holds.
      const bool held =
          disk.reservation && disk.reservation->holder.value == plan.reservation_key();
      if (!best || held) best = i;
    }
  }
  return found;
}

}  // namespace lastword
