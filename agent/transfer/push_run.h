// lastword clone push: a set to another server by ssh, from the newest snapshot that both have.
#pragma once

#include <span>
#include <string>

#include "agent/transfer/send_run.h"

namespace lastword {

struct PushPlan {
  bool needed = false;   // false: the newest snapshot is there
  bool last = true;      // false: it is not the newest one that is sent; plan again afterwards
  std::string snapshot;  // UUID
  std::string base;      // the newest one that both have; empty: none
  ClonePosition start;   // where the transfer goes on
};
// Pure. `here` are this server's snapshots, `there` the UUIDs of the other's, `staged` what it kept
// of interrupted transfers. One of those that can go on is finished first: it then is a base.
[[nodiscard]] PushPlan plan_push(std::span<const pb::CloneSnapshot> here,
                                 std::span<const std::string> there,
                                 std::span<const pb::CloneStaged> staged);

struct PushRequest {
  std::string set;
  std::string host;
  std::string pool;                    // directory there
  std::function<Status()> still_held;  // as in SendRequest
  CodecSetting codec;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty
};

struct Pushed {
  PushPlan plan;  // the last one
  // Of all transfers that it took; their UUIDs are those of the last one. Empty: none was needed.
  pb::CloneTransfer figures;
};

// Errors of the receiver are its own message on standard error; here kRefused or kIo, with its
// status. Nothing is staged here: an interrupted push is run again, on this node or on another one
// that has the disk of the set, and goes on. Where what the receiver kept cannot be used it is sent
// from the beginning.
[[nodiscard]] Result<Pushed> push_set(const PushRequest& request);

// What another server's disk holds of a snapshot now. kIo, kCorrupt.
[[nodiscard]] Result<pb::CloneHashes> remote_hashes(const std::string& host,
                                                    const std::string& pool,
                                                    const pb::CloneSnapshot& snapshot);

}  // namespace lastword
