// Recoveries of a dump that had finished before, perhaps but for marking the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/corefile/core_kind.h"
#include "agent/recover/dump_source.h"
#include "agent/recover/recovery.pb.h"

namespace lastword {

struct FinishedRecovery {
  std::string directory;
  pb::RecoveryReport report;
};

// The end of the name of every directory that this dump is recovered to: "-0a1b2c3d".
[[nodiscard]] std::string crash_suffix(const Dump& dump);

// Those in `directory`, under whatever node name. One is believed where its report names this dump
// and this disk, and where vmcore and dmesg.txt have the CRC32C that the report recorded when they
// were written: the disk that has the dump is given up for them. That reads the core once, and
// compares it with what was written, not with the dump; what was written had the dump's own
// checksums. A report without CRCs, as earlier
// versions wrote it, is not believed.
[[nodiscard]] std::vector<FinishedRecovery> find_finished(const Dump& dump,
                                                          const std::string& directory);

// The one of the format that is wanted; else any, where that is as good.
[[nodiscard]] std::optional<FinishedRecovery> choose(std::vector<FinishedRecovery> found,
                                                     const CoreKind& wanted, bool any_core);

}  // namespace lastword
