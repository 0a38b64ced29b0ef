// How far a transfer has come, in its staging area, so that another one can go on from there:
//
//   .progress.json     what stream it is, up to where, and what the files of the volumes were then
//   .progress.hashes   hashes of all ranges before that place, volume after volume
//
// A record counts as a whole: it is replaced when everything that it tells of is durable. Hashes
// behind those that it counts mean nothing.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "proto/clone_stream.h"
#include "proto/error.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// kNotFound: none was written. kCorrupt: it is not what lastword writes, or not of the snapshot
// that the directory is named after.
[[nodiscard]] Result<pb::CloneProgress> load_progress(const std::string& directory);
// Hashes before `record.reached`: of each volume up to that one, the last of them filled up with
// zeros. kCorrupt: they are not those that the record counts.
[[nodiscard]] Result<std::vector<RangeTable>> load_progress_tables(const std::string& directory,
                                                                   const pb::CloneProgress& record);
// Both files; none counts as removed.
[[nodiscard]] Status remove_progress(const std::string& directory);

class StagedProgress {
 public:
  StagedProgress(std::string directory, const pb::CloneStreamHead& head);

  // Goes on behind what was loaded.
  void resume(const ClonePosition& reached, std::uint32_t hashes_crc32c);
  // `volumes` are those up to `reached`, with inode and times. Durable when this returns; on an
  // error the record before it still counts.
  [[nodiscard]] Status put(const ClonePosition& reached, std::span<const RangeTable> tables,
                           std::span<const pb::CloneVolume> volumes);

 private:
  [[nodiscard]] Status append(std::span<const Hash128> hashes);

  std::string directory_;
  pb::CloneProgress record_;
  std::vector<std::uint64_t> sizes_;
  FileDescriptor file_;
  ClonePosition reached_;
  std::uint64_t hashes_bytes_ = 0;
};

}  // namespace lastword
