#include "agent/recover/finished_recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/recover/file_checksum.h"
#include "agent/recover/recovery_report.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCrashIdDigits = 8;

// Of a dump that ended before its first byte there is only a report.
bool has_size(const fs::path& path, std::uint64_t bytes) {
  std::error_code code;
  const std::uint64_t found = fs::file_size(path, code);
  return code ? bytes == 0 : found == bytes;
}

bool has_content(const fs::path& path, std::uint64_t bytes, std::uint32_t crc) {
  if (bytes == 0) return true;
  const auto found = checksum_of_file(path);
  return found && *found == crc;
}

// The sizes first: they cost nothing.
bool has_files(const fs::path& path, const pb::RecoveryReport& report) {
  const fs::path core = path / "vmcore";
  const fs::path log = path / "dmesg.txt";
  return has_size(core, report.core_bytes()) && has_size(log, report.dmesg_bytes()) &&
         has_content(log, report.dmesg_bytes(), report.dmesg_crc32c()) &&
         has_content(core, report.core_bytes(), report.core_crc32c());
}

}  // namespace

// A writer whose first disk failed has begun the same crash again on its next candidate.
std::string crash_suffix(const Dump& dump) {
  const std::string suffix = "-" + to_string(dump.crash_id).substr(0, kCrashIdDigits);
  return dump.header.rank() > 1 ? fmt::format("{}-{}", suffix, dump.header.rank()) : suffix;
}

std::vector<FinishedRecovery> find_finished(const Dump& dump, const std::string& directory) {
  std::vector<FinishedRecovery> found;
  std::error_code code;
  for (fs::directory_iterator entry(directory, code); !code && entry != fs::directory_iterator();
       entry.increment(code)) {
    const fs::path path = entry->path();
    if (!path.filename().string().ends_with(crash_suffix(dump))) continue;
    auto report = load_report(path / "report.json");
    if (!report || report->crash_id() != dump.header.crash_id() ||
        report->disk_uuid() != dump.disk_uuid) {
      continue;
    }
    // The disk may hold another dump by now, or could not be read to the end.
    if (!report->changed_meanwhile().empty()) continue;
    // What was recovered in part while the writer lived is not what the disk holds now.
    if (!report->complete() && report->elapsed_ms() != dump.header.elapsed_ms()) continue;
    if (!has_files(path, *report)) continue;
    found.push_back({.directory = path, .report = std::move(*report)});
  }
  return found;
}

std::optional<FinishedRecovery> choose(std::vector<FinishedRecovery> found, const CoreKind& wanted,
                                       bool any_core) {
  const auto fits = [&](const FinishedRecovery& one) {
    // Where nothing was dumped there is no core of any format.
    return one.report.core_format().empty() || one.report.core_format() == describe(wanted);
  };
  auto chosen = std::ranges::find_if(found, fits);
  if (chosen == found.end() && any_core) chosen = found.begin();
  if (chosen == found.end()) return std::nullopt;
  return std::move(*chosen);
}

}  // namespace lastword
