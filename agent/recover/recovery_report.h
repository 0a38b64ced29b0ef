// report.json: what was recovered, what is missing, and why.
#pragma once

#include <string>

#include "agent/recover/dump_receiver.h"
#include "agent/recover/dump_source.h"
#include "agent/recover/recovery.pb.h"
#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// Longer lists of missing page frames are cut here; the counts are always complete.
inline constexpr std::size_t kMaxListedRanges = 64;

// Everything but core_bytes and recovered_utc.
[[nodiscard]] pb::RecoveryReport make_report(const Dump& dump, const DumpReceiver& content,
                                             std::string_view disk, std::string_view node_name);

// Of a dump that ended before its first byte: nothing is complete about it, and nothing lost.
[[nodiscard]] pb::RecoveryReport report_of_nothing(const Dump& dump, std::string_view disk,
                                                   std::string_view node_name);

// One line for a person: "incomplete: 12 of 345 pages missing: ...", or "complete".
[[nodiscard]] std::string summary_of(const pb::RecoveryReport& report);

// Did the dump begin so late after the panic that the grace time is too short? Then what to do.
// Empty: no, or unknown.
[[nodiscard]] std::string late_begin(const pb::RecoveryReport& report, milliseconds grace);

// kNotFound: no such file; kCorrupt: not a whole report.
[[nodiscard]] Result<pb::RecoveryReport> load_report(const std::string& path);

}  // namespace lastword
