#include "agent/recover_disk.h"

#include <fmt/format.h>

#include <filesystem>

#include "agent/dump_front.h"
#include "agent/recovery_report.h"
#include "proto/timing.h"
#include "storage/discover.h"

namespace lastword {
namespace {

// Empty: a node that the configuration does not know.
NodeConfig node_of(const std::optional<Config>& config, std::uint32_t id) {
  if (!config) return {};
  if (id == config->self.id) return config->self;
  if (id == config->partner.id) return config->partner;
  return {};
}

// All zero where `lastword start` has not run: then nothing of a SCSI disk can be changed.
NodeState state_of(const std::optional<Config>& config) {
  if (!config) return {};
  return load_node_state(*config).value_or(NodeState{});
}

// Makes a dump whose writer is over read as such, as far as this node may say so.
Status end_writer(const DumpSource& source, const Dump& dump, const std::optional<Config>& config,
                  const NodeState& state, const RecoverRequest& request) {
  if (dump.header.attribute() != pb::IN_PROGRESS || request.verify || !request.mark_saved)
    return {};
  if (source.lun == nullptr) {
    if (!request.writer_gone) return {};
    return mark_aborted(source, dump.header.crash_id(), pb::STALLED);
  }
  if (!config || !check_holder(source)) return {};
  return end_orphaned_dump(source, config->self.id, state.boot_generation);
}

Status make_core_directory(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  // A core holds whatever memory held.
  if (!fs::create_directories(path, code) && !code) return {};
  if (!code) fs::permissions(path, fs::perms::owner_all, code);
  if (!code) return {};
  return fail({.code = Code::kIo,
               .sys_errno = code.value(),
               .operation = "create core directory",
               .disk = path});
}

}  // namespace

Result<pb::RecoveryResult> recover_disk(const std::optional<Config>& config,
                                        const RecoverRequest& request) {
  const auto timeout = config ? config->timing.settings.io_timeout : TimingSettings{}.io_timeout;
  const bool writes = request.mark_saved && !request.verify;
  const auto disk =
      open_disk(request.disk, writes ? Access::kReadWrite : Access::kReadOnly, timeout);
  if (!disk) return fail(disk.error());
  const auto metadata = find_metadata_partition(request.disk);
  if (!metadata) return fail(metadata.error());
  const NodeState state = state_of(config);
  const DumpSource source{.device = *disk->device,
                          .metadata_offset = metadata->offset_bytes,
                          .lun = disk->lun.get(),
                          .own_key = state.key};
  const auto dump = read_dump(source, true);
  if (!dump) return fail(dump.error());
  if (Status status = end_writer(source, *dump, config, state, request); !status) {
    return fail(status.error());
  }

  const NodeConfig crashed = node_of(config, dump->header.node());
  if (!request.verify && request.directory.empty() && crashed.core_directory.empty()) {
    return fail(
        {.code = Code::kUsage,
         .operation = "recover",
         .disk = request.disk,
         .detail = fmt::format("the configuration has no core_directory for node {}; name a "
                               "directory with -o",
                               dump->header.node())});
  }
  // The configured one is ours to make; one that somebody typed may be a slip.
  if (!request.verify && request.directory.empty()) {
    if (Status status = make_core_directory(crashed.core_directory); !status) {
      return fail(status.error());
    }
  }
  const RecoverOptions options{
      .directory = request.directory.empty() ? crashed.core_directory : request.directory,
      .node_name = crashed.name,
      .core = {.format = request.format.value_or(config ? config->core_format : CoreFormat::kKdump),
               .codec = request.codec},
      .mark_saved = request.mark_saved,
      .accept_loss = request.accept_loss,
      .writer_is_over = request.writer_gone,
      .progress = request.progress};
  if (!request.verify) return recover_dump(source, options);
  auto report = verify_dump(source, options);
  if (!report) return fail(report.error());
  pb::RecoveryResult result;
  *result.mutable_report() = std::move(*report);
  return result;
}

Result<DumpLog> read_dump_log(const std::optional<Config>& config, const std::string& path) {
  const auto timeout = config ? config->timing.settings.io_timeout : TimingSettings{}.io_timeout;
  const auto disk = open_disk(path, Access::kReadOnly, timeout);
  if (!disk) return fail(disk.error());
  const auto metadata = find_metadata_partition(path);
  if (!metadata) return fail(metadata.error());
  const DumpSource source{
      .device = *disk->device, .metadata_offset = metadata->offset_bytes, .own_key = {}};
  const auto dump = read_dump(source, true);
  if (!dump) return fail(dump.error());
  DumpFront front = read_front(*disk->device, *dump);
  if (!front.dmesg.empty()) {
    return DumpLog{.text = std::move(front.dmesg), .whole = front.whole, .end = front.end};
  }
  if (!front.whole && front.end.code != Code::kNotFound) return fail(front.end);
  return fail({.code = Code::kNotFound,
               .operation = "read the kernel log",
               .disk = path,
               .detail = dump->header.attribute() == pb::IN_PROGRESS ? "the dump has none so far"
                                                                     : "the dump has none"});
}

Result<std::string> recover_after_takeover(const Config& config, const SurveyedDisk& disk) {
  RecoverRequest request;
  request.disk = disk.info.path;
  const auto result = recover_disk(config, request);
  if (!result) return fail(result.error());
  if (result->saved()) return result->directory();
  return fail({.code = Code::kCorrupt,
               .operation = "mark the dump SAVED",
               .disk = disk.info.path,
               .detail = fmt::format("{}; see {}", result->note(), result->directory())});
}

}  // namespace lastword
