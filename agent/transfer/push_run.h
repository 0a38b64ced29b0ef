// lastword clone push: a set to another server by ssh, from the newest snapshot that both have.
#pragma once

#include <span>
#include <string>

#include "agent/transfer/send_run.h"

namespace lastword {

struct PushPlan {
  bool needed = false;   // false: the newest snapshot is there
  std::string snapshot;  // UUID
  std::string base;      // the newest one that both have; empty: none
};
// Pure. `here` are this server's snapshots, `there` the UUIDs of the other's.
[[nodiscard]] PushPlan plan_push(std::span<const pb::CloneSnapshot> here,
                                 std::span<const std::string> there);

struct PushRequest {
  std::string set;
  std::string host;
  std::string pool;  // directory there
  CodecSetting codec;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty
};

struct Pushed {
  PushPlan plan;
  pb::CloneTransfer figures;  // where it was needed
};

// Errors of the receiver are its own message on standard error; here kRefused or kIo, with its
// status. Nothing is staged here: an interrupted push is run again.
[[nodiscard]] Result<Pushed> push_set(const PushRequest& request);

}  // namespace lastword
