// How a snapshot comes back from another server: by what it is sent, and which volumes it makes.
// Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

enum class RestoreWay : std::uint8_t {
  kHere,        // this server still has the snapshot
  kFromCommon,  // what differs from a snapshot that both have
  kByHashes,    // ranges whose hashes nothing here has
  kWhole,       // there is nothing here to compare it with
};

struct RestoreRoute {
  RestoreWay way = RestoreWay::kWhole;
  std::string base;  // UUID, of kFromCommon: the newest common one
};

// `snapshot` is the UUID that is wanted, `here` this server's snapshots, `there` the other one's
// UUIDs. `by_hashes`: common snapshots are not trusted. kRefused: nobody has it.
[[nodiscard]] Result<RestoreRoute> plan_route(const std::string& snapshot,
                                              std::span<const pb::CloneSnapshot> here,
                                              std::span<const std::string> there, bool has_volumes,
                                              bool by_hashes);

struct RestoredVolume {
  std::string name;    // in the snapshot
  std::string target;  // in the set
};

enum class RestoreAs : std::uint8_t {
  kNew,       // NAME.restored
  kRollback,  // NAME, whether or not it is there
  kServe,     // NAME, which must not be there
};
// Of all volumes of the snapshot, or of the one of that name; `present` are the names in the set.
// kRefused: the snapshot has no such volume, or a new one would have the name of one that is there.
[[nodiscard]] Result<std::vector<RestoredVolume>> plan_targets(const pb::CloneSnapshot& snapshot,
                                                               const std::string& only,
                                                               std::span<const std::string> present,
                                                               RestoreAs as);

}  // namespace lastword
