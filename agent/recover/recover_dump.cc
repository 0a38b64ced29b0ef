#include "agent/recover/recover_dump.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "agent/base/executor.h"
#include "agent/base/json.h"
#include "agent/base/utc.h"
#include "agent/corefile/core_kind.h"
#include "agent/recover/dump_front.h"
#include "agent/recover/file_checksum.h"
#include "agent/recover/finished_recovery.h"
#include "agent/recover/recovery_report.h"
#include "agent/recover/stream_reader.h"
#include "proto/coredump.h"
#include "proto/crc32c.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

// The report, and what a file system needs to find its blocks, beside core and log.
constexpr std::uint64_t kOverheadBytes = 4 << 20;

Status check_directory(const std::string& path) {
  const auto refuse = [&](Code code, int number, std::string_view detail) {
    return fail({.code = code,
                 .sys_errno = number,
                 .operation = "target directory",
                 .disk = path,
                 .detail = detail});
  };
  struct stat info {};
  if (path.empty() || ::stat(path.c_str(), &info) != 0) {
    return refuse(Code::kUsage, path.empty() ? ENOENT : errno,
                  "create it, or name another with -o");
  }
  if (!S_ISDIR(info.st_mode)) return refuse(Code::kUsage, ENOTDIR, "name a directory with -o");
  if (::access(path.c_str(), W_OK | X_OK) != 0) {
    return refuse(Code::kIo, errno, "not writable; nothing was read");
  }
  return {};
}

std::string node_name(const Dump& dump, const RecoverOptions& options) {
  return options.node_name.empty() ? number_name(dump) : options.node_name;
}

// "kdump-zlib"
std::string file_name_of(const CoreKind& kind) {
  return kind.format == CoreFormat::kElf
             ? std::string(name_of(kind.format))
             : fmt::format("{}-{}", name_of(kind.format), name_of(kind.codec));
}

// Of the directory to be made.
std::string new_path(const Dump& dump, const RecoverOptions& options,
                     const std::vector<FinishedRecovery>& others) {
  const std::string begin = fmt::format("{}/{}-{}", options.directory, node_name(dump, options),
                                        utc_time_compact(dump.header.started_unix_ms()));
  const std::string path = begin + crash_suffix(dump);
  const auto same = [&](const FinishedRecovery& one) {
    return fs::path(one.directory) == fs::path(path);
  };
  if (std::ranges::none_of(others, same)) return path;
  return fmt::format("{}-{}{}", begin, file_name_of(options.core), crash_suffix(dump));
}

Status check_space(const DumpSource& source, const Dump& dump, const CoreKind& kind,
                   const std::string& path, FileSystem& files) {
  const auto free = files.free_bytes(path);
  if (!free) return fail(free.error());
  const DumpFront front = read_front(source.device, dump);
  const auto head = parse_core_head(front.head);
  if (!head) return {};  // the recovery says what is wrong with it
  const CoreLayout layout(*head);
  const auto needed_for = [&](std::uint64_t pages) {
    return max_core_bytes(kind, *head, layout, pages) + front.dmesg.size() + kOverheadBytes;
  };
  const bool final = has_final_figures(dump.header);
  std::uint64_t needed = needed_for(
      final ? std::min(dump.header.stored_pages(), layout.memory_pages()) : layout.memory_pages());
  if (*free < needed && !final) {
    needed = needed_for(count_stored_pages(source.device, dump));
  }
  if (*free >= needed) return {};
  return fail({.code = Code::kNoSpace,
               .operation = "check free space",
               .disk = path,
               .detail = fmt::format("the core needs {} MiB, {} MiB are free; nothing was written",
                                     (needed >> 20) + 1, *free >> 20)});
}

Status write_whole(FileSystem& files, const std::string& path, std::string_view text) {
  const auto file = files.create(path);
  if (!file) return fail(file.error());
  if (Status status = (*file)->write(0, std::as_bytes(std::span(text))); !status) return status;
  return (*file)->sync();
}

StreamReader open_stream(const DumpSource& source, const Dump& dump) {
  return {source.device, dump.header.extent_offset_bytes(), dump.extent_bytes, dump.crash_id,
          dump.claimed_bytes};
}

// Where the disk lost a part of the head, memory is at least what the pages tell of.
std::optional<CoreHead> substitute_for_lost_head(const DumpSource& source, const Dump& dump) {
  if (parse_core_head(read_front(source.device, dump).head)) return {};
  return head_of_told_memory(source.device, dump);
}

std::function<void(std::uint64_t)> progress_of(const Dump& dump, const RecoverOptions& options) {
  if (!options.progress) return {};
  const std::uint64_t total = dump.header.durable_bytes();
  return [&options, total](std::uint64_t done) { options.progress(done, std::max(done, total)); };
}

// After all of the dump has been read.
pb::RecoveryReport report_on_content(const DumpSource& source, const Dump& dump,
                                     const RecoverOptions& options, const DumpReceiver& content) {
  pb::RecoveryReport report =
      make_report(dump, content, source.device.name(), node_name(dump, options));
  // Whoever only reads keeps nobody from writing the next dump meanwhile.
  if (const std::string change = header_change(source, dump); !change.empty()) {
    tell_of_change(report, change);
  }
  return report;
}

Status write_report(FileSystem& files, const std::string& path, const pb::RecoveryReport& report) {
  if (Status status = write_whole(files, path + "/report.json", to_json(report)); !status) {
    return status;
  }
  return files.sync_directory(path);
}

// Everything inside `path`, synced. Leaves what it wrote there on an error.
Result<pb::RecoveryReport> fill_directory(const DumpSource& source, const Dump& dump,
                                          const RecoverOptions& options, FileSystem& files,
                                          const std::string& path) {
  if (holds_nothing(source.device, dump)) {
    auto report = report_of_nothing(dump, source.device.name(), node_name(dump, options));
    report.set_recovered_utc(utc_time(real_executor().unix_ms()));
    if (Status status = write_report(files, path, report); !status) return fail(status.error());
    return report;
  }
  const auto file = files.create(path + "/vmcore");
  if (!file) return fail(file.error());
  ChecksummedFile core(**file);
  const auto writer = make_core_writer(options.core, core);
  DumpReceiver receiver(writer.get(), substitute_for_lost_head(source, dump));
  {
    StreamReader reader = open_stream(source, dump);
    if (Status status = receiver.receive(reader, progress_of(dump, options)); !status) {
      return fail(status.error());
    }
  }
  pb::RecoveryReport report = report_on_content(source, dump, options, receiver);
  report.set_core_format(describe(options.core));
  report.set_recovered_utc(utc_time(real_executor().unix_ms()));
  if (Status status = writer->finish(report.complete() ? "" : summary_of(report)); !status) {
    return fail(status.error());
  }
  report.set_core_bytes(writer->file_bytes());
  report.set_core_crc32c(core.crc32c());
  report.set_dmesg_crc32c(crc32c(std::as_bytes(std::span(receiver.dmesg()))));
  if (Status status = write_whole(files, path + "/dmesg.txt", receiver.dmesg()); !status) {
    return fail(status.error());
  }
  if (Status status = write_report(files, path, report); !status) return fail(status.error());
  return report;
}

Error without_files(Error error) {
  if (error.code == Code::kNoSpace && error.detail.empty()) {
    error.detail =
        "full while recovering; the unfinished files were removed, the disk is as it was";
  }
  return error;
}

// From nothing (or an unfinished earlier try) to a finished, durable directory `path`.
Result<pb::RecoveryReport> write_directory(const DumpSource& source, const Dump& dump,
                                           const RecoverOptions& options, FileSystem& files,
                                           const std::string& path) {
  const std::string partial = path + ".partial";
  const auto claim = files.claim_directory(partial);
  if (!claim) return fail(claim.error());
  Status status = files.empty_directory(partial);
  if (status) status = check_space(source, dump, options.core, partial, files);
  Result<pb::RecoveryReport> report;
  if (status) {
    report = fill_directory(source, dump, options, files, partial);
    if (!report) status = fail(report.error());
  }
  if (status) status = files.rename(partial, path);
  if (!status) {
    (void)files.remove_tree(partial);
    return fail(without_files(status.error()));
  }
  if (status = files.sync_directory(options.directory); !status) return fail(status.error());
  return report;
}

void add_note(pb::RecoveryResult& result, std::string_view text) {
  result.set_note(fmt::format("{}{}{}", result.note(), result.note().empty() ? "" : "; ", text));
}

void note_other_format(const RecoverOptions& options, const pb::RecoveryReport& report,
                       pb::RecoveryResult& result) {
  if (report.core_format().empty() || report.core_format() == describe(options.core)) return;
  add_note(result, fmt::format("its vmcore is {}; with --format {} you get another one",
                               report.core_format(), name_of(options.core.format)));
}

// Marks the disk if everything allows it; says in the result what became of it.
Status settle(const DumpSource& source, const Dump& dump, const RecoverOptions& options,
              pb::RecoveryResult& result) {
  if (dump.header.attribute() == pb::SAVED) {
    result.set_saved(true);
    add_note(result, "the disk was marked SAVED before");
  } else if (!options.mark_saved) {
    add_note(result, fmt::format("the disk was left as it is, {}", options.why_unmarked));
  } else if (!result.report().changed_meanwhile().empty()) {
    add_note(result, fmt::format("the disk was left unmarked ({}): move the directory away and "
                                 "recover again",
                                 result.report().changed_meanwhile()));
  } else if (result.report().loss() && !options.accept_loss) {
    add_note(
        result,
        "the disk was left unmarked, because it lost part of the dump: move the directory away "
        "and recover again, or mark it with --accept-loss");
  } else {
    if (Status status = mark_saved(source, dump.header.crash_id()); !status) return status;
    result.set_saved(true);
  }
  return {};
}

}  // namespace

Result<pb::RecoveryResult> recover_dump(const DumpSource& source, const RecoverOptions& options,
                                        FileSystem& files) {
  if (Status status = check_directory(options.directory); !status) return fail(status.error());
  const auto dump = read_dump(source, options.writer_is_over && !options.mark_saved,
                              options.by_stream && !options.mark_saved);
  if (!dump) return fail(dump.error());
  if (options.mark_saved && dump->header.attribute() != pb::SAVED) {
    if (Status status = check_holder(source); !status) return fail(status.error());
  }

  pb::RecoveryResult result;
  const std::vector<FinishedRecovery> before = find_finished(*dump, options.directory);
  if (auto finished = choose(before, options.core, options.any_core)) {
    // The run that wrote it may have been killed before its last sync.
    if (Status status = files.sync_directory(options.directory); !status) {
      return fail(status.error());
    }
    result.set_recovered_before(true);
    result.set_directory(finished->directory);
    note_other_format(options, finished->report, result);
    *result.mutable_report() = std::move(finished->report);
    // The disk may have another name by now, or this is a copy of it.
    result.mutable_report()->set_disk(std::string(source.device.name()));
    result.mutable_report()->set_attribute(dump->header.attribute());
    set_record_problems(*dump, *result.mutable_report());
  } else {
    const std::string path = new_path(*dump, options, before);
    if (fs::exists(fs::symlink_status(path))) {
      return fail(
          {.code = Code::kRefused,
           .operation = "target directory",
           .disk = path,
           .detail = "is there, but is not a finished recovery of what the disk holds now, or its "
                     "files have changed since; move it away"});
    }
    auto report = write_directory(source, *dump, options, files, path);
    if (!report) return fail(report.error());
    result.set_directory(path);
    *result.mutable_report() = std::move(*report);
  }
  for (const std::string& problem : record_problems(*dump)) add_note(result, problem);
  if (Status status = settle(source, *dump, options, result); !status) return fail(status.error());
  return result;
}

Result<pb::RecoveryReport> verify_dump(const DumpSource& source, const RecoverOptions& options) {
  const auto dump = read_dump(source, options.writer_is_over, options.by_stream);
  if (!dump) return fail(dump.error());
  if (holds_nothing(source.device, *dump)) {
    return report_of_nothing(*dump, source.device.name(), node_name(*dump, options));
  }
  DumpReceiver receiver(nullptr, substitute_for_lost_head(source, *dump));
  StreamReader reader = open_stream(source, *dump);
  if (Status status = receiver.receive(reader, progress_of(*dump, options)); !status) {
    return fail(status.error());
  }
  return report_on_content(source, *dump, options, receiver);
}

}  // namespace lastword
