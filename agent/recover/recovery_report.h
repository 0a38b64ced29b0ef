// report.json: what was recovered, what is missing, and why.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/recover/dump_receiver.h"
#include "agent/recover/dump_source.h"
#include "agent/recover/recovery.pb.h"
#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// Longer lists of missing page frames are cut here; the counts are always complete.
inline constexpr std::size_t kMaxListedRanges = 64;

// Everything but core_bytes, the files' CRCs and recovered_utc.
[[nodiscard]] pb::RecoveryReport make_report(const Dump& dump, const DumpReceiver& content,
                                             std::string_view disk, std::string_view node_name);

// Of a dump that ended before its first byte: nothing is complete about it, and nothing lost.
[[nodiscard]] pb::RecoveryReport report_of_nothing(const Dump& dump, std::string_view disk,
                                                   std::string_view node_name);

// The disk's header is not what it was when reading began (header_change()): what was read may be
// of two dumps, and is not called complete, however whole it looks. The disk is not marked for it.
void tell_of_change(pb::RecoveryReport& report, std::string_view change);

// For people: the disk's records that could not be read, and what that means for the recovery.
[[nodiscard]] std::vector<std::string> record_problems(const Dump& dump);
void set_record_problems(const Dump& dump, pb::RecoveryReport& report);

// One line for a person: "incomplete: 12 of 345 pages missing: ...", or "complete".
[[nodiscard]] std::string summary_of(const pb::RecoveryReport& report);

// See agent/protocol/late_begin.h.
[[nodiscard]] std::string late_begin(const pb::RecoveryReport& report, milliseconds grace);

// kNotFound: no such file; kCorrupt: not a whole report.
[[nodiscard]] Result<pb::RecoveryReport> load_report(const std::string& path);

}  // namespace lastword
