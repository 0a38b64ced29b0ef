// lastword start: takes this node's own disks into service.
#include <fmt/format.h>

#include <memory>

#include "agent/arm/candidate_plan.h"
#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/kept_event.h"
#include "agent/node/config_file.h"
#include "agent/protocol/remedies.h"
#include "agent/service/start_run.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

void print_taken_over(const Config& config, const StartReport& report) {
  complain("lastword: {} has taken over from this life of this node. Nothing was touched. {}\n",
           config.partner.name, way_to_wait(report.survey, config, report.plan.boot_generation));
  for (const DiskRemark& remark : report.plan.taken_over) {
    complain("lastword: {}: {}\n", report.survey.disks[remark.disk].info.path, remark.text);
  }
}

std::string_view what_partner_did(const StartReport& report) {
  if (!report.plan.taken_over.empty()) return "is in takeover";
  return report.plan.announced ? "has announced to take over from an earlier life"
                               : "may still have disks of this node";
}

void print_waits(const Config& config, const StartReport& report) {
  complain(
      "lastword: {} {}: this node waits for giveback in life {}, and has touched none of its "
      "disks.\n",
      config.partner.name, what_partner_did(report), report.plan.boot_generation);
  for (const DiskRemark& remark : report.plan.taken_over) {
    complain("lastword: {}: {}\n", report.survey.disks[remark.disk].info.path, remark.text);
  }
  for (std::size_t i = 0; i < report.disks.size(); ++i) {
    if (report.results[i]) continue;
    complain("lastword: {} cannot see there that this node waits: {}\n", config.partner.name,
             describe(report.results[i].error()));
  }
  complain(
      "lastword: next: this node's agent must run (`systemctl start lastword-agent`){1}; then "
      "`lastword giveback` on {0}; if {0} is dead, `lastword takeover` here\n",
      config.partner.name,
      report.plan.taken_over.empty() ? ", and serves again by itself where nothing is taken" : "");
}

void print_notes_not_kept(const StartReport& report) {
  for (const NoteNotKept& note : report.not_kept) complain("lastword: {}\n", describe(note));
}

void print_missing_mailboxes(const Config& config, const StartReport& report) {
  for (const std::string& uuid : report.missing_mailboxes) {
    complain(
        "lastword: mailbox disk {} is not in sight: it counts as a vote not won. Bring it back; "
        "{}\n",
        uuid, remedy_of_dead_mailbox(config));
  }
}

// Says how each disk fared; returns how many are not in service.
std::size_t print_disks(const StartReport& report) {
  std::size_t failed = 0;
  for (std::size_t i = 0; i < report.disks.size(); ++i) {
    const DiskView& disk = report.survey.disks[report.disks[i]];
    if (report.results[i]) {
      fmt::print("{}: in service ({})\n", disk.info.path, name_of(disk.label->role()));
    } else {
      ++failed;
      complain("lastword: not in service: {}\n", describe(report.results[i].error()));
    }
  }
  for (std::size_t i = 0; i < report.disks.size(); ++i) {
    const auto& header = report.results[i];
    if (!header || !holds_unsaved_dump(*header)) continue;
    const std::string& path = report.survey.disks[report.disks[i]].info.path;
    fmt::print("{}: holds a dump of life {} ({}); save it: lastword recover {}\n", path,
               header->boot_generation(),
               header->attribute() == pb::COMPLETED
                   ? "complete"
                   : fmt::format("aborted: {}", name_of(header->reason())),
               path);
  }
  return failed;
}

void print_remarks(const StartReport& report) {
  for (const DiskRemark& remark : report.remarks) {
    complain("lastword: {}: {}\n", report.survey.disks[remark.disk].info.path, remark.text);
  }
}

// Returns how many were refused.
std::size_t print_refused(const StartReport& report) {
  for (const DiskRemark& remark : report.plan.refused) {
    complain("lastword: not in service: {}: {}\n", report.survey.disks[remark.disk].info.path,
             remark.text);
  }
  return report.plan.refused.size();
}

int run_start(const std::string& config_path, bool reinstalled) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: some disks may be in service and others not; `lastword start` again takes the "
      "rest");
  const auto report = start_node(*config, reinstalled, disks_of_this_machine(*config));
  if (!report) return report_error(report.error());
  print_notes_not_kept(*report);
  if (report->outcome == StartOutcome::kWaits) {
    print_missing_mailboxes(*config, *report);
    print_waits(*config, *report);
    keep_event(*config, "start",
               {.name = "waiting",
                .disk = {},
                .detail = fmt::format("{} {}", config->partner.name, what_partner_did(*report))});
    return kExitRefused;
  }
  if (report->outcome == StartOutcome::kTakenOver) {
    print_taken_over(*config, *report);
    return kExitRefused;
  }
  if (report->outcome == StartOutcome::kNoDisk) {
    print_refused(*report);
    complain("lastword: no disk of {} to take; `lastword label` makes some\n", config->self.name);
    return kExitNo;
  }
  print_missing_mailboxes(*config, *report);
  print_remarks(*report);
  const std::size_t failed = print_disks(*report) + print_refused(*report);
  fmt::print("{}, life {}: {} disks in service, {} not.\n", config->self.name,
             report->plan.boot_generation,
             report->disks.size() + report->plan.refused.size() - failed, failed);
  keep_event(*config, "start",
             {.name = "started",
              .disk = {},
              .detail = fmt::format("life {}, {} disks not in service",
                                    report->plan.boot_generation, failed)});
  return failed == 0 ? kExitOk : kExitNo;
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
