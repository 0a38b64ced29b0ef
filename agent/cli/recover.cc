// lastword recover: the operator's way from a dump on a disk to a core file. Exit statuses are in
// docs/man/lastword-recover.8.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/kept_event.h"
#include "agent/cli/progress_bar.h"
#include "agent/node/config_file.h"
#include "agent/recover/recover_disk.h"
#include "agent/recover/recovery_report.h"

namespace lastword {
namespace {

template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;
const Words<CoreFormat> kFormats{{"kdump", CoreFormat::kKdump}, {"elf", CoreFormat::kElf}};
const Words<PageCodec> kCodecs{
    {"zlib", PageCodec::kZlib}, {"zstd", PageCodec::kZstd}, {"none", PageCodec::kNone}};

template <class Value>
std::vector<std::string> words_of(const Words<Value>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  return names;
}

// The parser accepts only words of the list. Empty: the option was not given.
template <class Value>
std::optional<Value> meaning_of(const std::string& word, const Words<Value>& words) {
  for (const auto& [name, value] : words) {
    if (name == word) return value;
  }
  return std::nullopt;
}

struct Arguments {
  RecoverRequest request;
  bool no_mark = false;
  bool dmesg = false;
  std::string format;
  std::string codec;
  bool json = false;
};

void print_summary(const pb::RecoveryResult& result) {
  const pb::RecoveryReport& report = result.report();
  fmt::print("Dump of {} (crash {}, kernel {}), started {}\n", report.node(), report.crash_id(),
             report.kernel_release().empty() ? "not known" : report.kernel_release(),
             report.started_utc().empty() ? "when is not known" : report.started_utc());
  fmt::print("  pages: {} stored, {} zero, {} left out, {}\n", report.stored_pages(),
             report.zero_pages(), report.excluded_pages(),
             report.head_lost()
                 ? "how many are missing is not known"
                 : fmt::format("{} missing of {}", report.missing_pages(), report.memory_pages()));
  fmt::print("  {} checksums verified in {} MiB\n", report.checksums_verified(),
             report.stream_bytes() >> 20);
  if (result.verified()) {
    fmt::print("  verified: {}; nothing was written\n",
               report.complete() ? "the dump is complete" : "the dump is NOT complete");
  }
  if (!result.directory().empty()) {
    fmt::print(
        "  {}: {}/ ({})\n", result.recovered_before() ? "was recovered before" : "recovered to",
        result.directory(), report.core_format().empty() ? "a report only" : report.core_format());
  }
  if (!result.note().empty()) fmt::print("  {}\n", result.note());
  // Where it was marked before, the note says so.
  if (result.saved() && report.attribute() != pb::SAVED) {
    fmt::print("  {} is marked SAVED\n", report.disk());
  }
}

int report_failure(const Error& error) {
  report_error(error);
  // kNotFound without an errno is an answer: the disk has no dump, or is no disk of lastword's.
  // With an errno it is a failure: the path does not exist.
  const bool no_dump = error.code == Code::kNotFound && error.sys_errno == 0;
  return no_dump ? kExitNo : exit_status(error.code);
}

// Where the disk lost part of the dump, --verify says "invalid data", as any check of data does.
int status_of(const pb::RecoveryReport& report, bool verify) {
  if (report.complete()) return kExitOk;
  return verify && report.loss() ? kExitCorrupt : kExitPartial;
}

int print_log(const Result<Config>& config, const RecoverRequest& request) {
  const auto log = read_dump_log(config, request);
  if (!log) return report_failure(log.error());
  const bool written =
      std::fwrite(log->text.data(), 1, log->text.size(), stdout) == log->text.size();
  if (!written || std::fflush(stdout) != 0) {
    return report_error({.code = Code::kIo, .sys_errno = errno, .operation = "write the log"});
  }
  if (!log->note.empty()) complain("lastword: {}: {}\n", request.disk, log->note);
  if (log->whole) return kExitOk;
  complain("lastword: the log may go on: {}\n", describe(log->end));
  return kExitPartial;
}

// A dump that a takeover could not save is saved now.
void keep_recovery(const Config& config, const RecoverRequest& request,
                   const pb::RecoveryResult& result) {
  if (!result.saved() || result.report().attribute() == pb::SAVED) return;
  keep_event(config, "recover",
             {.name = "dump-recovered",
              .disk = request.disk,
              .detail = fmt::format("of {}: {}", result.report().node(), result.directory()),
              .disk_uuid = result.report().disk_uuid()});
}

int run_recover(const CommandContext& context, Arguments& arguments) {
  RecoverRequest& request = arguments.request;
  request.format = meaning_of(arguments.format, kFormats);
  request.codec = meaning_of(arguments.codec, kCodecs);
  request.mark_saved = !arguments.no_mark && !request.verify;
  const auto config = load_config(context.config_path);
  if (!config && config.error().sys_errno != ENOENT) {
    complain("lastword: going on without configuration: {}\n", describe(config.error()));
  }
  if (arguments.dmesg) return print_log(config, request);

  Result<pb::RecoveryResult> result;
  {
    const Interruption interruption(
        request.verify ? "interrupted: nothing was written"
                       : "interrupted: the dump stays on its disk, which was not marked unless all "
                         "of it was written; `lastword recover` again removes what is unfinished "
                         "(*.partial) and starts anew");
    ProgressBar bar(request.verify ? "verifying" : "recovering", stderr);
    request.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
    result = recover_disk(config, request);
  }
  if (!result) return report_failure(result.error());
  if (arguments.json) {
    print_json(*result);
  } else {
    print_summary(*result);
  }
  if (!result->report().complete()) {
    complain("lastword: {}: {}\n", request.disk, summary_of(result->report()));
  }
  if (config) {
    keep_recovery(*config, request, *result);
    const std::string late = late_begin(result->report(), config->timing.settings.grace);
    if (!late.empty()) complain("lastword: {}: {}\n", request.disk, late);
  }
  return status_of(result->report(), request.verify);
}

}  // namespace

void add_recover_command(Parser& parser, const CommandContext& context) {
  const auto arguments = std::make_shared<Arguments>();
  RecoverRequest& request = arguments->request;
  CliCommand command = parser.command(
      "recover",
      "Verify the dump on a disk, write vmcore, dmesg.txt and report.json, and mark it SAVED.");
  command.option("DISK", request.disk, "Disk or image that holds the dump").required();
  const CliOption output =
      command
          .option("-o,--output", request.directory,
                  "Existing directory to make the dump's directory in; default: core_directory of "
                  "the node that crashed")
          .value_name("DIRECTORY");
  const CliOption no_mark =
      command.flag("--no-mark", arguments->no_mark, "Only read the disk: do not mark it SAVED");
  const CliOption loss = command.flag("--accept-loss", request.accept_loss,
                                      "Mark the disk SAVED although it lost part of the dump");
  command.flag("--writer-gone", request.writer_gone,
               "Nothing writes this dump any more, although it says IN_PROGRESS: for images, and "
               "for reading with --no-mark or --verify");
  command.flag(
      "--by-stream", request.by_stream,
      "The disk was armed over a dump that was not saved: read that, if no other was written "
      "since; the disk is not marked");
  const CliOption format =
      command
          .option("--format", arguments->format,
                  "Of vmcore: kdump (compressed) or elf; default: core_format of the "
                  "configuration, kdump")
          .one_of(words_of(kFormats));
  const CliOption codec = command
                              .option("--codec", arguments->codec,
                                      "Of a kdump vmcore's pages: zlib, zstd or none; default: "
                                      "zlib, which every reader has")
                              .one_of(words_of(kCodecs));
  CliOption verify =
      command.flag("--verify", request.verify, "Check every checksum and write nothing");
  CliOption dmesg = command.flag("--dmesg", arguments->dmesg,
                                 "Only print the kernel log, at once, of a dump in progress too");
  add_metadata_offset(command, request.metadata_offset);
  const CliOption json = command.flag("--json", arguments->json, "Print the result as JSON");
  for (const CliOption& writing : {output, no_mark, loss, format, codec}) {
    verify.excludes(writing);
    dmesg.excludes(writing);
  }
  dmesg.excludes(verify).excludes(json);
  command.runs([&context, arguments] { return run_recover(context, *arguments); });
}

}  // namespace lastword
