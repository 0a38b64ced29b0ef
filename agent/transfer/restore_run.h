// lastword clone restore: a snapshot of a set from another server, by ssh, into new volumes or into
// those that are there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/base/executor.h"
#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

struct RestoreRequest {
  std::string host;
  std::string pool;      // directory there
  std::string set;       // directory here; made where it is missing
  std::string snapshot;  // UUID
  std::string volume;    // its name; empty: all of the snapshot
  bool rollback = false;
  bool by_hashes = false;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // may be empty
};

// The snapshot comes into the set (`latest` stays), is read and compared with its hashes, and its
// volumes are cloned. Before a rollback, or where hashes have to tell what differs, a snapshot of
// what is here is taken and stays.
//
// kRefused: see restore_plan.h, or a volume is in use, mounted or open for writing; no volume was
// changed. kCorrupt: what came is damaged, or rests on a base that is damaged here. After an error
// or a kill in mid-rollback each volume is the old or the new one, or, one of them, a mixture: it
// is run again. What was before is in the snapshot that was taken.
[[nodiscard]] Result<pb::CloneRestored> restore_set(const RestoreRequest& request,
                                                    Executor& executor);

// lastword clone promote: writable volumes of a snapshot that is here, under their own names, to
// serve. `volume` as above. Returns their paths. kRefused: the snapshot was modified, or the set
// has a volume of that name; nothing was made. After another error some are there, each whole.
[[nodiscard]] Result<std::vector<std::string>> promote_snapshot(const std::string& set,
                                                                const std::string& uuid,
                                                                const std::string& volume);

}  // namespace lastword
