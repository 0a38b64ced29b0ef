#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "agent/cli/command.h"
#include "agent/node/config.h"
#include "agent/records/label_run.h"
#include "proto/uuid.h"
#include "storage/block/file_descriptor.h"

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

struct Examined {
  std::string name;  // as typed
  DiskFindings findings;
  LabelVerdict verdict;
  FileDescriptor lock;  // until the label is written
};

// Two labellers of one disk would both find it free. udev takes the same lock for moments
// (systemd.io/BLOCK_DEVICE_LOCKING), so it is worth a few tries.
Result<FileDescriptor> lock_disk(const std::string& path) {
  constexpr int kTries = 20;
  constexpr milliseconds kPause{100};
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  for (int i = 1; file.valid(); ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (i == kTries || (errno != EWOULDBLOCK && errno != EINTR)) break;
    std::this_thread::sleep_for(kPause);
  }
  return fail({.code = errno == EWOULDBLOCK ? Code::kRefused : Code::kIo,
               .sys_errno = errno,
               .operation = "lock disk",
               .disk = path,
               .detail = "another program is at work on it; nothing was written"});
}

// All disks, before any is written to.
Result<std::vector<Examined>> examine_all(const LabelOptions& options, const LabelJob& job) {
  std::vector<Examined> all;
  for (const std::string& name : options.disks) {
    auto findings = examine_disk(name, job.request, job.timing.io_timeout);
    if (!findings) return fail(findings.error());
    const auto same = [&](const Examined& other) {
      std::error_code unreadable;
      return std::filesystem::equivalent(other.findings.info.path, findings->info.path, unreadable);
    };
    if (const auto twice = std::find_if(all.begin(), all.end(), same); twice != all.end()) {
      return fail(usage(fmt::format("{} and {} are the same disk", twice->name, name)));
    }
    auto lock = lock_disk(findings->info.path);
    if (!lock) return fail(lock.error());
    // Only now nobody else changes it any more.
    findings = examine_disk(name, job.request, job.timing.io_timeout);
    if (!findings) return fail(findings.error());
    LabelVerdict verdict = judge(*findings, job.request);
    all.push_back({name, std::move(*findings), std::move(verdict), std::move(*lock)});
  }
  return all;
}

Status label_one(const Examined& disk, const LabelJob& job) {
  if (disk.verdict.nothing_to_do) {
    fmt::print("{}: labelled already, as {}; nothing to do\n", disk.name,
               describe_role(*disk.findings.label));
    return {};
  }
  pb::Label label = make_label(disk.findings, job.request, !disk.verdict.objections.empty());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  label.set_written_unix_ms(std::chrono::duration_cast<milliseconds>(now).count());
  for (const std::string& objection : disk.verdict.objections) {
    fmt::print("{}: overridden: {}\n", disk.name, objection);
  }
  const Status status = write_label(disk.findings, job.request, label, job.timing.io_timeout);
  if (!status) return status;
  fmt::print("{}: labelled as {}, disk {}, {}\n", disk.name, describe_role(label),
             label.disk_uuid(),
             label.data_length_bytes() == 0
                 ? "no data region"
                 : fmt::format("data region of {} bytes at byte {}", label.data_length_bytes(),
                               label.data_offset_bytes()));
  return {};
}

int run_label(const LabelOptions& options, const std::string& config_path) {
  const auto job = plan_job(options, config_path);
  if (!job) return report_error(job.error());
  const auto disks = examine_all(options, *job);
  if (!disks) return report_error(disks.error());
  bool refused = false;
  for (const Examined& disk : *disks) {
    if (!disk.verdict.refused(job->request)) continue;
    report_refusal(disk.name, disk.verdict);
    refused = true;
  }
  if (refused) return kExitRefused;
  for (const Examined& disk : *disks) {
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
