// How a snapshot comes into its set: staged under a hidden name, then moved as a whole. Which set
// it goes to is written down first, so that whoever comes after a crash finishes the move.
//
//   ROOT/.lastword/lock            held while a snapshot is taken or received here
//   ROOT/.lastword/incoming-UUID/  what is staged; nobody's any more where neither publish.json nor
//                                  a record of how far it has come (staged_progress.h) tells of it
//   ROOT/.lastword/publish.json    this one is complete: it belongs into its set
//
// ROOT is the pool for what is received, and the set itself for what is taken.
#pragma once

#include <string>
#include <vector>

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
  enum class Staged : std::uint8_t {
    kNew,   // an empty directory
    kKept,  // the one that an interrupted transfer of this snapshot left
  };
  // Makes ROOT/.lastword, takes its lock, finishes an interrupted publication, and removes what is
  // left of interrupted transfers, but for those of other sets that can still be resumed. kRefused:
  // another lastword clone is at work here, or nothing of this snapshot was kept.
  [[nodiscard]] static Result<StagingArea> open(const std::string& root,
                                                const pb::CloneSnapshot& snapshot,
                                                Staged staged = Staged::kNew);
  // Removes the directory, unless publish() came to the point of no return, or it is kept.
  ~StagingArea();
  StagingArea(StagingArea&&) noexcept;
  StagingArea& operator=(StagingArea&&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  // From now on the directory stays, or goes, when this is destroyed.
  void keep() { kept_ = true; }
  void drop() { kept_ = false; }

  // The directory, complete and synced, becomes SET/snapshots/UUID and `latest`. `set` is its name
  // in the root, or "."; it is made where it is missing. One that is `restored` leaves `latest` as
  // it is, where there is one. Durable when this returns. After an error the snapshot is not there,
  // or the next StagingArea in this root publishes it.
  [[nodiscard]] Status publish(const std::string& set, const std::string& set_uuid,
                               bool restored = false);

 private:
  StagingArea() = default;
  std::string root_;
  std::string uuid_;
  std::string directory_;  // empty: nothing to remove
  bool kept_ = false;
  FileDescriptor lock_;
};

// What interrupted transfers into this root left and others can go on with, in no order. kRefused:
// one is at work. A publication that was begun is finished first.
[[nodiscard]] Result<std::vector<pb::CloneStaged>> find_staged(const std::string& root);

// Removes what interrupted commands left in the root; false: there was nothing. kRefused: one is
// still at work. A publication that was begun is finished instead.
[[nodiscard]] Result<bool> remove_staged(const std::string& root);

// Published snapshots of the set go, one after the other, each at once. kRefused: another lastword
// clone is at work on the set. After an error some are gone.
[[nodiscard]] Status unpublish(const std::string& set, const std::vector<std::string>& uuids);

}  // namespace lastword
