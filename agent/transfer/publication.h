// How a snapshot comes into its set: staged under a hidden name, then moved as a whole. Which set
// it goes to is written down first, so that whoever comes after a crash finishes the move.
//
//   ROOT/.lastword/lock            held while a snapshot is taken or received here
//   ROOT/.lastword/incoming-UUID/  what is staged; without a publish.json it is nobody's any more
//   ROOT/.lastword/publish.json    this one is complete: it belongs into its set
//
// ROOT is the pool for what is received, and the set itself for what is taken.
#pragma once

#include <string>

#include "agent/transfer/clone.pb.h"
#include "proto/error.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// Finishes a publication that was interrupted; nothing where there is none. The caller holds the
// lock. Each step may be done again. kCorrupt: the record, or what it tells of, is damaged; it is
// left for a person to look at.
[[nodiscard]] Status roll_forward(const std::string& root);

class StagingArea {
 public:
  // Makes ROOT/.lastword, takes its lock, finishes an interrupted publication, removes what is
  // left of interrupted ones before that, and makes an empty directory for this snapshot.
  // kRefused: another lastword clone is at work here.
  [[nodiscard]] static Result<StagingArea> open(const std::string& root,
                                                const std::string& snapshot_uuid);
  // Removes the directory, unless publish() came to the point of no return.
  ~StagingArea();
  StagingArea(StagingArea&&) noexcept;
  StagingArea& operator=(StagingArea&&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }

  // The directory, complete and synced, becomes SET/snapshots/UUID and `latest`. `set` is its name
  // in the root, or "."; it is made where it is missing. Durable when this returns. After an error
  // the snapshot is not there, or the next StagingArea in this root publishes it.
  [[nodiscard]] Status publish(const std::string& set, const std::string& set_uuid);

 private:
  StagingArea() = default;
  std::string root_;
  std::string uuid_;
  std::string directory_;  // empty: nothing to remove
  FileDescriptor lock_;
};

// Removes what interrupted commands left in the root; false: there was nothing. kRefused: one is
// still at work. A publication that was begun is finished instead.
[[nodiscard]] Result<bool> remove_staged(const std::string& root);

}  // namespace lastword
