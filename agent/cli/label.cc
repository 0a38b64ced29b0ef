// lastword label: makes disks the cluster's.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/node/config_file.h"
#include "agent/records/label_request.h"
#include "agent/records/label_run.h"
#include "proto/record_names.h"
#include "proto/timing.h"

namespace lastword {
namespace {

struct LabelOptions {
  LabelWish wish;
  std::string role;
  bool dry_run = false;
};

// The parser accepts only these four words.
pb::Role role_of(const std::string& word) {
  if (word == name_of(pb::SERVICE)) return pb::SERVICE;
  if (word == name_of(pb::SPARE)) return pb::SPARE;
  return word == name_of(pb::DUMP) ? pb::DUMP : pb::MAILBOX;
}

void report_refusal(const std::string& disk, const LabelVerdict& verdict) {
  for (const std::string& refusal : verdict.refusals) {
    complain("lastword: {}: refused, even with --force: {}\n", disk, refusal);
  }
  for (const std::string& objection : verdict.objections) {
    complain("lastword: {}: refused: {}\n", disk, objection);
  }
  if (!verdict.refusals.empty()) return;
  complain("lastword: {}: nothing was written{}; --force {} would destroy that\n", disk,
           verdict.adoptable ? "; --adopt keeps the partitions and what is in them" : "", disk);
}

void report_labelled(const std::string& disk, const pb::Label& label) {
  fmt::print("{}: labelled as {}, disk {}, {}\n", disk, describe_role(label), label.disk_uuid(),
             label.data_length_bytes() == 0
                 ? "no data region"
                 : fmt::format("data region of {} bytes at byte {}", label.data_length_bytes(),
                               label.data_offset_bytes()));
}

// What would be written where.
int forecast(const DiskToLabel& disk, const LabelRequest& request) {
  if (disk.problem) return report_error(*disk.problem);
  const LabelVerdict& verdict = disk.verdict;
  if (verdict.nothing_to_do) {
    fmt::print("{}: labelled already, as {}; nothing to do\n", disk.name,
               describe_role(*disk.findings.label));
    return kExitOk;
  }
  if (verdict.refused(request)) {
    report_refusal(disk.name, verdict);
    return kExitRefused;
  }
  for (const std::string& objection : verdict.objections) {
    fmt::print("{}: would be overridden: {}\n", disk.name, objection);
  }
  const DiskLayout& layout = *disk.findings.layout;
  fmt::print("{}: would get {} and records in {} bytes at byte {}", disk.name,
             request.adopt ? "a partition in the gap of its GPT" : "a new GPT",
             layout.metadata.length_bytes, layout.metadata.offset_bytes);
  if (layout.data.length_bytes != 0) {
    fmt::print(", a data region of {} bytes at byte {}", layout.data.length_bytes,
               layout.data.offset_bytes);
  }
  fmt::print("\n");
  return kExitOk;
}

Status label_one(const DiskToLabel& disk, const LabelRequest& request, milliseconds io_timeout) {
  if (disk.verdict.nothing_to_do) {
    fmt::print("{}: labelled already, as {}; nothing to do\n", disk.name,
               describe_role(*disk.findings.label));
    return {};
  }
  for (const std::string& objection : disk.verdict.objections) {
    fmt::print("{}: is to be overridden: {}\n", disk.name, objection);
  }
  const auto label = label_disk(disk, request, io_timeout, real_executor());
  if (!label) return fail(label.error());
  report_labelled(disk.name, *label);
  return {};
}

// Tells of every disk that cannot be labelled. kExitOk: all can be.
int report_obstacles(const std::vector<DiskToLabel>& disks, const LabelRequest& request) {
  int status = kExitOk;
  for (const DiskToLabel& disk : disks) {
    if (!disk.refused(request)) continue;
    const int of_disk = disk.problem ? report_error(*disk.problem) : kExitRefused;
    if (!disk.problem) report_refusal(disk.name, disk.verdict);
    if (status == kExitOk) status = of_disk;
  }
  if (status != kExitOk && disks.size() > 1) {
    complain("lastword: none of the {} disks was labelled\n", disks.size());
  }
  return status;
}

int run_label(const LabelOptions& options, const std::string& config_path) {
  const LabelWish& wish = options.wish;
  const auto config = load_config(config_path);
  const auto request = make_label_request(wish, config);
  if (!request) return report_error(request.error());
  const milliseconds io_timeout = (config ? config->timing.settings : TimingSettings{}).io_timeout;
  const auto disks = prepare_disks(wish.disks, *request, io_timeout, real_executor());
  if (options.dry_run) {
    int status = kExitOk;
    for (const DiskToLabel& disk : disks) {
      const int of_disk = forecast(disk, *request);
      if (status == kExitOk) status = of_disk;
    }
    return status;
  }
  if (const int status = report_obstacles(disks, *request); status != kExitOk) return status;
  std::optional<AgentNotice> notice;
  if (config) notice.emplace(*config);
  const Interruption interruption(
      "interrupted: a disk whose work was cut short says \"not labelled\"; the same command again "
      "labels the rest, perhaps with --force; `lastword inspect DISK` shows what a disk says");
  for (const DiskToLabel& disk : disks) {
    if (Status status = label_one(disk, *request, io_timeout); !status)
      return report_error(status.error());
  }
  return kExitOk;
}

}  // namespace

void add_label_command(Parser& parser, const CommandContext& context) {
  auto options = std::make_shared<LabelOptions>();
  CliCommand command = parser.command("label", "Make a disk one of the cluster's");
  command.option("DISK", options->wish.disks, "Whole disks or image files").required();
  command.option("--role", options->role, "What it is for")
      .required()
      .one_of({"service", "spare", "dump", "mailbox"});
  command.option("--home", options->wish.home, "Node that it belongs to (default: this one)")
      .value_name("NODE");
  command.flag("--adopt", options->wish.adopt,
               "Keep the GPT and everything in it; only add the metadata");
  command
      .option("--force", options->wish.force,
              "Destroy what is on the disk; takes the disk's name once more")
      .value_name("DISK");
  command.flag("--wipe", options->wish.wipe, "With --force: destroy what was adopted, too");
  command.flag("--dry-run", options->dry_run, "Only say what would be written where");
  command.option("--cluster", options->wish.cluster, "Without a configuration file: the cluster")
      .value_name("UUID");
  command.option("--home-id", options->wish.home_id, "With --cluster: the id of the home node")
      .value_name("N")
      .between(1, 255);
  command.runs([options, &context] {
    options->wish.role = role_of(options->role);
    return run_label(*options, context.config_path);
  });
}

}  // namespace lastword
