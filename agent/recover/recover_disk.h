// Recovery from a disk by path, as the operator (`lastword recover`) and the agent ask for it:
// opens the disk, finds its records, and knows whose dump goes where.
#pragma once

#include <optional>
#include <string>

#include "agent/node/state_files.h"
#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/recover/recover_dump.h"
#include "storage/reserve/disk.h"

namespace lastword {

struct RecoverRequest {
  std::string disk;                  // path of a disk or an image
  std::string directory;             // empty: the core directory of the node that crashed
  std::optional<CoreFormat> format;  // empty: as configured; kdump where a codec is named
  std::optional<PageCodec> codec;    // of a kdump core; empty: zlib, which every reader has
  bool verify = false;               // read only, check everything, write nothing
  bool mark_saved = true;
  bool accept_loss = false;
  bool writer_gone = false;  // image: the operator knows that nothing writes to it any more
  bool by_stream = false;    // a dump that the disk was armed over, too; nothing is marked
  std::optional<std::uint64_t> metadata_offset;  // see find_metadata()
  RecoverProgress progress;
};

// Without a configuration (`config` says why), a core needs `directory`, and a SCSI disk is only
// read. The same holds for a dump of another cluster, whose nodes `config` does not name. A disk
// whose GPT does not tell where its records are is only read. With `verify` the result has a report
// and a note. Where this node holds the disk and finds a dump there that nobody can be writing any
// more, it first becomes ABORTED.
[[nodiscard]] Result<pb::RecoveryResult> recover_disk(const Result<Config>& config,
                                                      const RecoverRequest& request);

// The kernel log of the dump on a disk, from its first sections: at once, whatever the size of the
// dump, and while it is being written too. Only reads. kNotFound: there is no dump, or none of its
// log.
struct DumpLog {
  std::string text;
  std::string note;  // for people
  bool whole = true;
  Error end;  // unless whole: why more could not be read
};
[[nodiscard]] Result<DumpLog> read_dump_log(const Result<Config>& config,
                                            const RecoverRequest& request);

// The dump on a disk that this node just took over, to the core directory of the node that crashed.
// Returns the directory that was written. A disk that could not be marked SAVED is an error.
// `on_progress` is called as the dump is read.
[[nodiscard]] Result<std::string> recover_after_takeover(const Config& config, const DiskView& disk,
                                                         const RecoverProgress& on_progress);

}  // namespace lastword
