// What is kept beside volumes, in the pool itself, so that whoever takes the pool's disk has it:
//
//   SET/NAME                        a volume: a regular file whose name does not begin with '.'
//   SET/.lastword/set.json          the set's UUID
//   SET/.lastword/common.json       which snapshots other servers have
//   SET/snapshots/UUID/NAME         what the volume was: read-only and immutable
//   SET/snapshots/UUID/.snapshot.json
//   SET/snapshots/UUID/.hashes      tables of all volumes, one after the other; once known
//   SET/snapshots/latest            symbolic link to the newest UUID
//
// A snapshot appears whole (publication.h). Errors, where nothing else is said: kCorrupt, a file
// is not what lastword writes; kNotFound, it is not there; otherwise kIo, kNoSpace.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/xfs_files.h"
#include "proto/error.h"

namespace lastword {

[[nodiscard]] std::string snapshots_of(const std::string& set);
[[nodiscard]] std::string directory_of(const std::string& set, std::string_view snapshot_uuid);

[[nodiscard]] Result<std::string> load_set_uuid(const std::string& set);
// Only where there is none yet.
[[nodiscard]] Status keep_set_uuid(const std::string& set, const std::string& uuid);

// Paths of the volumes of a set, by name. kRefused: a name that clones cannot have.
[[nodiscard]] Result<std::vector<std::string>> find_volumes(const std::string& set);

// `directory` is the snapshot's, published or staged.
[[nodiscard]] Result<pb::CloneSnapshot> load_snapshot(const std::string& directory);
[[nodiscard]] Status save_snapshot(const std::string& directory, const pb::CloneSnapshot& snapshot);
// UUID that `latest` names.
[[nodiscard]] Result<std::string> newest_snapshot(const std::string& set);
// UUIDs of all, in no order. Empty: the set has none.
[[nodiscard]] Result<std::vector<std::string>> find_snapshots(const std::string& set);

// UUIDs of the newest snapshots that other servers have too, one for each of them; they are the
// bases of what is sent next.
[[nodiscard]] Result<std::vector<std::string>> common_snapshots(const std::string& set);
// `peer` has that one now. See CloneCommonPeer. Others that do the same meanwhile are waited for:
// what each of them says is kept.
[[nodiscard]] Status note_common(const std::string& set, const std::string& peer,
                                 const std::string& uuid);

// They must make the roots that `snapshot` has. kNotFound: not known yet.
[[nodiscard]] Result<std::vector<RangeTable>> load_tables(const std::string& directory,
                                                          const pb::CloneSnapshot& snapshot);
// Saves the tables, and then the snapshot with their roots.
[[nodiscard]] Status save_tables(const std::string& directory, std::span<const RangeTable> tables,
                                 pb::CloneSnapshot& snapshot);

// What a record says of a file.
[[nodiscard]] FileStamp recorded_stamp(const pb::CloneVolume& volume);
void record_stamp(pb::CloneVolume& volume, const FileStamp& stamp);

// Volumes become read-only and immutable, and the snapshot learns what they are now.
[[nodiscard]] Status seal_volumes(const std::string& directory, pb::CloneSnapshot& snapshot);
// Is each volume what it was when it was sealed? kRefused with the path and what is wrong.
[[nodiscard]] Status check_unmodified(const std::string& directory,
                                      const pb::CloneSnapshot& snapshot);
// Does nobody have a volume mounted, or open for writing? kRefused with the path and who does.
[[nodiscard]] Status check_unused(const std::string& directory, const pb::CloneSnapshot& snapshot);

}  // namespace lastword
