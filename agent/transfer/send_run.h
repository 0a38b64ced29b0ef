// lastword clone send: a snapshot of a set as a clone stream.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/section_pipe.h"
#include "proto/clone_stream.h"
#include "proto/codec_setting.h"

namespace lastword {

struct SendRequest {
  std::string set;
  std::string snapshot;  // UUID; empty: the newest one
  std::string base;      // UUID of a snapshot that the receiver has; empty: none
  // What the receiver has, where no snapshot is common; check_hashes() has passed. Not with `base`.
  std::optional<pb::CloneHashes> against;
  ClonePosition start;  // the receiver has kept what is before it
  // Does this node still hold the disks of the set? Asked every second, and before the end. May be
  // empty: nobody else could take them.
  std::function<Status()> still_held;
  CodecSetting codec;
  PipeOutput output;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty
};

// The output of a request that asks `still_held`: nothing goes out that was read a second after the
// disks were lost. The request outlives it.
[[nodiscard]] PipeOutput guarded(const SendRequest& request);

// From `start` on; what is before it is read and hashed here once more, and not sent.
//
// Hashes of the ranges of the snapshot are kept beside it afterwards: the next increment reads only
// what changed. Where the base has none, it is read first. kRefused: a snapshot was modified.
// kNotFound: there is no such one. kUsage: no range of it begins at `start`. Errors
// of `still_held` end it at once, without an end of the stream. kIo: its blocks moved
// while it was sent (xfs_fsr), try again.
[[nodiscard]] Result<pb::CloneTransfer> send_set(const SendRequest& request);

// Reads all of a published snapshot. kCorrupt with path and offset of the first range that is not
// what its hash says; where the hashes are not known yet, they are computed and kept.
[[nodiscard]] Result<pb::CloneSnapshot> verify_snapshot(const std::string& set,
                                                        const std::string& uuid);

// Hashes of all ranges of a published snapshot; where they are not known they are computed and
// kept. `fresh`: they are read from the disk in any case, and not kept: what is damaged then has
// another hash than it had.
[[nodiscard]] Result<pb::CloneHashes> hashes_of(const std::string& set, const std::string& uuid,
                                                bool fresh);

// From a pipe, to its end. kCorrupt: not what hashes_of() gives, as check_hashes() says.
[[nodiscard]] Result<pb::CloneHashes> read_hashes(const PipeInput& input);

}  // namespace lastword
