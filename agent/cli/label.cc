// lastword label: makes disks the cluster's.
#include <fmt/format.h>

#include <memory>

#include "agent/cli/command.h"
#include "agent/node/config_file.h"
#include "agent/records/label_run.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

struct LabelOptions {
  std::vector<std::string> disks;
  std::string role;
  std::string home;
  std::string cluster;
  unsigned home_id = 0;
  bool adopt = false;
  std::string force;
};

struct LabelJob {
  LabelRequest request;
  TimingSettings timing;
};

// The parser lets nothing else through.
pb::Role role_of(const LabelOptions& options) {
  if (options.role == "service") return pb::SERVICE;
  if (options.role == "spare") return pb::SPARE;
  return options.role == "dump" ? pb::DUMP : pb::MAILBOX;
}

Error usage(std::string_view detail) {
  return {.code = Code::kUsage, .operation = "label", .detail = detail};
}

Result<LabelJob> without_config(const LabelOptions& options) {
  if (const Status good = check_cluster_uuid(options.cluster); !good) {
    return fail(usage(fmt::format("--cluster {}", good.error().detail.view())));
  }
  if (role_of(options) != pb::MAILBOX && options.home_id == 0) {
    return fail(usage("--cluster needs --home-id N too, unless the role is mailbox"));
  }
  LabelJob job;
  job.request.cluster_uuid = options.cluster;
  job.request.home_node = static_cast<std::uint8_t>(options.home_id);
  return job;
}

Result<LabelJob> with_config(const LabelOptions& options, const std::string& path) {
  if (options.home_id != 0) {
    return fail(usage("--home-id goes with --cluster; use --home NAME with a configuration file"));
  }
  const auto config = load_config(path);
  if (!config) return fail(config.error());
  const std::string home = options.home.empty() ? config->self.name : options.home;
  LabelJob job{.request = {}, .timing = config->timing.settings};
  job.request.cluster_uuid = config->cluster_uuid;
  job.request.self_node = config->self.id;
  for (const NodeConfig& node : {config->self, config->partner}) {
    if (node.name == home) job.request.home_node = node.id;
  }
  if (job.request.home_node == 0) {
    return fail(usage(fmt::format("--home \"{}\" is neither \"{}\" nor \"{}\"", home,
                                  config->self.name, config->partner.name)));
  }
  return job;
}

Result<LabelJob> plan_job(const LabelOptions& options, const std::string& config_path) {
  const bool has_home = !options.home.empty() || options.home_id != 0;
  if (role_of(options) == pb::MAILBOX && has_home) {
    return fail(usage("a mailbox disk belongs to both nodes: leave the home out"));
  }
  const bool named = options.disks.size() == 1 && options.disks.front() == options.force;
  if (!options.force.empty() && !named) {
    return fail(
        usage(fmt::format("--force takes the name of the one disk to be labelled, typed out again: "
                          "lastword label {0} --force {0}",
                          options.disks.front())));
  }
  auto job = options.cluster.empty() ? with_config(options, config_path) : without_config(options);
  if (!job) return job;
  job->request.role = role_of(options);
  if (role_of(options) == pb::MAILBOX) job->request.home_node = 0;
  job->request.adopt = options.adopt;
  job->request.force = !options.force.empty();
  return job;
}

void report_refusal(const std::string& disk, const LabelVerdict& verdict) {
  for (const std::string& refusal : verdict.refusals) {
    fmt::print(stderr, "lastword: {}: refused, even with --force: {}\n", disk, refusal);
  }
  for (const std::string& objection : verdict.objections) {
    fmt::print(stderr, "lastword: {}: refused: {}\n", disk, objection);
  }
  if (verdict.refusals.empty()) {
    fmt::print(stderr, "lastword: {0}: nothing was written; --force {0} would destroy that\n",
               disk);
  }
}

void report_labelled(const std::string& disk, const pb::Label& label) {
  fmt::print("{}: labelled as {}, disk {}, {}\n", disk, describe_role(label), label.disk_uuid(),
             label.data_length_bytes() == 0
                 ? "no data region"
                 : fmt::format("data region of {} bytes at byte {}", label.data_length_bytes(),
                               label.data_offset_bytes()));
}

Status label_one(const DiskToLabel& disk, const LabelJob& job) {
  if (disk.verdict.nothing_to_do) {
    fmt::print("{}: labelled already, as {}; nothing to do\n", disk.name,
               describe_role(*disk.findings.label));
    return {};
  }
  for (const std::string& objection : disk.verdict.objections) {
    fmt::print("{}: overridden: {}\n", disk.name, objection);
  }
  const auto label = label_disk(disk, job.request, job.timing.io_timeout, real_executor());
  if (!label) return fail(label.error());
  report_labelled(disk.name, *label);
  return {};
}

int run_label(const LabelOptions& options, const std::string& config_path) {
  const auto job = plan_job(options, config_path);
  if (!job) return report_error(job.error());
  const auto disks =
      prepare_disks(options.disks, job->request, job->timing.io_timeout, real_executor());
  if (!disks) return report_error(disks.error());
  bool refused = false;
  for (const DiskToLabel& disk : *disks) {
    if (!disk.verdict.refused(job->request)) continue;
    report_refusal(disk.name, disk.verdict);
    refused = true;
  }
  if (refused) return kExitRefused;
  for (const DiskToLabel& disk : *disks) {
    if (Status status = label_one(disk, *job); !status) return report_error(status.error());
  }
  return kExitOk;
}

}  // namespace

void add_label_command(Parser& parser, const CommandContext& context) {
  auto options = std::make_shared<LabelOptions>();
  CliCommand command = parser.command("label", "Make a disk one of the cluster's");
  command.option("DISK", options->disks, "Whole disks or image files").required();
  command.option("--role", options->role, "What it is for")
      .required()
      .one_of({"service", "spare", "dump", "mailbox"});
  command.option("--home", options->home, "Node that it belongs to (default: this one)")
      .value_name("NODE");
  command.flag("--adopt", options->adopt,
               "Keep the GPT and everything in it; only add the metadata");
  command
      .option("--force", options->force,
              "Destroy what is on the disk; takes the disk's name once more")
      .value_name("DISK");
  command.option("--cluster", options->cluster, "Without a configuration file: the cluster")
      .value_name("UUID");
  command.option("--home-id", options->home_id, "With --cluster: the id of the home node")
      .value_name("N")
      .between(1, 255);
  command.runs([options, &context] { return run_label(*options, context.config_path); });
}

}  // namespace lastword
