// Recovers a dump from a disk into a directory of a file system, and only then marks the disk
// SAVED.
//
//   DIR/NODE-STARTED-CRASH/          NODE, start in UTC, first 8 digits of the crash id; a further
//                                    one in another format: NODE-STARTED-FORMAT-CRASH
//     vmcore                         kdump-compressed, or an ELF core, sparse
//     dmesg.txt
//     report.json                    pb::RecoveryReport; alone where nothing was dumped
//
// What an observer (or the next run, after a kill or a power failure) may find, and the way out:
//   NODE-...partial, disk not SAVED  unfinished; the next run removes it and starts again
//   NODE-..., disk not SAVED         finished and durable; the next run only marks the disk, and
//                                    refuses where the writer went on after a part was recovered
//   NODE-..., disk SAVED             done
#pragma once

#include <functional>
#include <string>

#include "agent/base/file_system.h"
#include "agent/corefile/core_kind.h"
#include "agent/recover/dump_source.h"
#include "agent/recover/recovery.pb.h"
#include "proto/error.h"

namespace lastword {

// Bytes of the stream read so far, and the end as far as the header knows it.
using RecoverProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct RecoverOptions {
  std::string directory;   // exists; DIR above
  std::string node_name;   // of the node that crashed; empty: see number_name()
  CoreKind core;           // what to write
  bool any_core = true;    // a finished recovery of another kind is as good
  bool mark_saved = true;  // else the disk is only read ...
  std::string why_unmarked = "as asked";
  bool accept_loss = false;     // mark it although the disk lost part of the dump
  bool writer_is_over = false;  // read an IN_PROGRESS dump; it is never marked
  bool by_stream = false;       // see read_dump(); never marked either
  RecoverProgress progress;     // may be empty
};

// Errors leave the coredump header as it was and no unfinished files. A partial dump is a success:
// see report.complete. `result.saved` and `result.note` tell what happened to the disk.
[[nodiscard]] Result<pb::RecoveryResult> recover_dump(const DumpSource& source,
                                                      const RecoverOptions& options,
                                                      FileSystem& files = real_file_system());

// Checks every checksum of the dump and writes nothing anywhere.
[[nodiscard]] Result<pb::RecoveryReport> verify_dump(const DumpSource& source,
                                                     const RecoverOptions& options);

}  // namespace lastword
