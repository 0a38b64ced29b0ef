#include "agent/recover/recover_disk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <filesystem>

#include "agent/base/executor.h"
#include "agent/disks/metadata_place.h"
#include "agent/disks/survey.h"
#include "agent/protocol/copies.h"
#include "agent/recover/dump_front.h"
#include "agent/recover/recovery_report.h"
#include "agent/recover/section_walk.h"
#include "proto/timing.h"
#include "storage/block/exclusive_lock.h"

namespace lastword {
namespace {

bool is_ours(const Result<Config>& config, const Dump& dump) {
  return config && dump.cluster && config->cluster_uuid == to_string(*dump.cluster);
}

// Empty: a node that the configuration does not know. Another cluster's nodes have the same
// numbers.
NodeConfig crashed_node(const Result<Config>& config, const Dump& dump) {
  if (!is_ours(config, dump)) return {};
  const std::uint32_t id = dump.header.node();
  if (id == config->self.id) return config->self;
  if (id == config->partner.id) return config->partner;
  return {};
}

std::chrono::milliseconds io_timeout(const Result<Config>& config) {
  return config ? config->timing.settings.io_timeout : TimingSettings{}.io_timeout;
}

// All zero where `lastword start` has not run: then nothing of a SCSI disk can be changed.
NodeState state_of(const Result<Config>& config) {
  if (!config) return {};
  return load_node_state(*config).value_or(NodeState{});
}

// Makes a dump whose writer is over read as such, as far as this node may say so.
Status end_writer(const DumpSource& source, const Dump& dump, const Result<Config>& config,
                  const NodeState& state, const RecoverRequest& request) {
  if (dump.header.attribute() != pb::IN_PROGRESS || request.verify || !request.mark_saved) {
    return {};
  }
  if (source.lun == nullptr) {
    if (!request.writer_gone) return {};
    return mark_aborted(source, dump.header.crash_id(), pb::STALLED);
  }
  if (!is_ours(config, dump) || !check_holder(source)) return {};
  return end_orphaned_dump(source, config->self.id, state.boot_generation);
}

// A codec alone asks for the format that has one.
Result<CoreKind> core_options(const Result<Config>& config, const RecoverRequest& request) {
  if (!request.codec) {
    return CoreKind{.format =
                        request.format.value_or(config ? config->core_format : CoreFormat::kKdump)};
  }
  if (request.format == CoreFormat::kElf) {
    return fail({.code = Code::kUsage,
                 .operation = "recover",
                 .disk = request.disk,
                 .detail = "a codec is for the format kdump; an ELF core is not compressed"});
  }
  return CoreKind{.format = CoreFormat::kKdump, .codec = *request.codec};
}

// The directory that a core goes to where none was named.
Status check_core_directory(const Result<Config>& config, const NodeConfig& crashed,
                            const Dump& dump, const RecoverRequest& request) {
  if (request.verify || !request.directory.empty() || !crashed.core_directory.empty()) return {};
  return fail({.code = Code::kUsage,
               .operation = "recover",
               .disk = request.disk,
               .detail = fmt::format(
                   "name a directory with -o: {} core_directory for {}",
                   config ? "the configuration has no" : "without a configuration file there is no",
                   number_name(dump))});
}

Error with_way_to_read(Error error) {
  if (error.sys_errno == EROFS || error.sys_errno == EACCES || error.sys_errno == EPERM) {
    error.detail =
        "it cannot be written, so it could not be marked SAVED; --no-mark recovers "
        "without marking it";
  }
  return error;
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

Result<OpenDisk> open_for(bool writes, const std::string& path, milliseconds io_timeout) {
  const auto info = stat_disk(path);
  if (!info) return fail(info.error());
  return writes ? open_disk_quietly(*info, io_timeout)
                : open_disk(*info, Access::kReadOnly, io_timeout);
}

// What this node does not hold is not its disk to mark; where it is a copy of one, that is the
// reason.
Error with_copies(Error error, const Config& config, const NodeState& state,
                  const std::string& path) {
  const auto survey = survey_disks(config);
  if (!survey) return error;
  const std::optional<ReservationKey> key =
      state.key.value == 0 ? std::nullopt : std::optional(state.key);
  for (std::size_t i = 0; i < survey->disks.size(); ++i) {
    if (survey->disks[i].info.path != path || !is_unheld_copy(*survey, config, i, key)) continue;
    error.detail = fmt::format("{}. --no-mark recovers without marking the disk",
                               describe_copy(*survey, config, i, key));
  }
  return error;
}

// Where not one section of the dump is there: what recovery says of it.
std::optional<Error> why_no_log(BlockDevice& device, const Dump& dump) {
  if (dump.header.attribute() == pb::IN_PROGRESS) return std::nullopt;
  if (holds_nothing(device, dump)) {
    const auto report = report_of_nothing(dump, device.name(), "");
    return Error{.code = Code::kNotFound,
                 .operation = "read the kernel log",
                 .disk = device.name(),
                 .detail = summary_of(report)};
  }
  const auto first = SectionWalk(device, dump).next();
  if (first || first.error().code != Code::kNotFound) return std::nullopt;
  return no_dump_in_extent(first.error());
}

}  // namespace

Result<pb::RecoveryResult> recover_disk(const Result<Config>& config, const RecoverRequest& asked) {
  RecoverRequest request = asked;
  if (request.by_stream) request.mark_saved = false;
  const auto core = core_options(config, request);
  if (!core) return fail(core.error());
  const bool writes = request.mark_saved && !request.verify;
  const auto disk = open_for(writes, request.disk, io_timeout(config));
  if (!disk) return fail(writes ? with_way_to_read(disk.error()) : disk.error());
  FileDescriptor image_lock;
  if (writes && disk->info.is_image) {
    auto lock = lock_disk(disk->info.path, [] { real_executor().sleep(milliseconds(100)); });
    if (!lock) return fail(lock.error());
    image_lock = std::move(*lock);
  }
  const auto metadata = find_metadata(*disk->device, request.metadata_offset);
  if (!metadata) return fail(metadata.error());
  const bool only_read = !metadata->found_by_label.empty();
  if (only_read) request.mark_saved = false;
  const NodeState state = state_of(config);
  const DumpSource source{.device = *disk->device,
                          .metadata_offset = metadata->offset_bytes,
                          .lun = disk->lun.get(),
                          .own_key = state.key};
  const auto dump = read_dump(source, true, request.by_stream);
  if (!dump) return fail(dump.error());
  const NodeConfig crashed = crashed_node(config, *dump);
  if (Status status = check_core_directory(config, crashed, *dump, request); !status) {
    return fail(status.error());
  }
  if (Status status = end_writer(source, *dump, config, state, request); !status) {
    return fail(status.error());
  }
  // The configured one is ours to make; one that somebody typed may be a slip.
  if (!request.verify && request.directory.empty()) {
    if (Status status = make_core_directory(crashed.core_directory); !status) {
      return fail(status.error());
    }
  }
  RecoverOptions options{
      .directory = request.directory.empty() ? crashed.core_directory : request.directory,
      .node_name = crashed.name,
      .core = *core,
      .any_core = !request.format && !request.codec,
      .mark_saved = request.mark_saved,
      .accept_loss = request.accept_loss,
      .writer_is_over = request.writer_gone,
      .by_stream = request.by_stream,
      .progress = request.progress};
  if (only_read && asked.mark_saved) options.why_unmarked = "because of that";
  Result<pb::RecoveryResult> result;
  if (request.verify) {
    auto report = verify_dump(source, options);
    if (!report) return fail(report.error());
    *result->mutable_report() = std::move(*report);
    result->set_verified(true);
    result->set_note(fmt::format("{}", fmt::join(record_problems(*dump), "; ")));
  } else {
    result = recover_dump(source, options);
    if (!result && config && disk->lun && options.mark_saved && !check_holder(source)) {
      return fail(with_copies(result.error(), *config, state, disk->info.path));
    }
  }
  if (result && only_read) {
    result->set_note(fmt::format("{}{}{}", metadata->found_by_label,
                                 result->note().empty() ? "" : "; ", result->note()));
  }
  return result;
}

Result<DumpLog> read_dump_log(const Result<Config>& config, const RecoverRequest& request) {
  const auto disk = open_disk(request.disk, Access::kReadOnly, io_timeout(config));
  if (!disk) return fail(disk.error());
  const auto metadata = find_metadata(*disk->device, request.metadata_offset);
  if (!metadata) return fail(metadata.error());
  const DumpSource source{
      .device = *disk->device, .metadata_offset = metadata->offset_bytes, .own_key = {}};
  const auto dump = read_dump(source, true, request.by_stream);
  if (!dump) return fail(dump.error());
  DumpFront front = read_front(*disk->device, *dump);
  if (!front.dmesg.empty()) {
    return DumpLog{.text = std::move(front.dmesg),
                   .note = metadata->found_by_label,
                   .whole = front.whole,
                   .end = front.end};
  }
  if (const auto nothing = why_no_log(*disk->device, *dump)) return fail(*nothing);
  if (!front.whole && front.end.code != Code::kNotFound) return fail(front.end);
  return fail({.code = Code::kNotFound,
               .operation = "read the kernel log",
               .disk = request.disk,
               .detail = dump->header.attribute() == pb::IN_PROGRESS ? "the dump has none so far"
                                                                     : "the dump has none"});
}

Result<std::string> recover_after_takeover(const Config& config, const DiskView& disk,
                                           const RecoverProgress& on_progress) {
  RecoverRequest request;
  request.disk = disk.info.path;
  request.progress = on_progress;
  const auto result = recover_disk(config, request);
  if (!result) return fail(result.error());
  if (result->saved()) return result->directory();
  return fail({.code = Code::kCorrupt,
               .operation = "mark the dump SAVED",
               .disk = disk.info.path,
               .detail = fmt::format("{}; see {}", result->note(), result->directory())});
}

}  // namespace lastword
