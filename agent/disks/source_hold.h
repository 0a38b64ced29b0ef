// That this node holds the disks which a directory lies on, for who reads files there for a long
// time: after a takeover the partner changes what this node still has in its caches, and a disk may
// let it read on (type 5 keeps nobody from reading).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/disks/survey.h"

namespace lastword {

// Whole disks under the file system that holds the directory, as "/dev/sda"; none where it is on no
// disk. kNotFound, kIo.
[[nodiscard]] Result<std::vector<std::string>> disks_of_directory(const std::string& directory);

// The same of a block device.
[[nodiscard]] Result<std::vector<std::string>> disks_of_device(const std::string& path);

class SourceHold {
 public:
  // `disks` are those of disks_of_directory(). Those that belong to no cluster,
  // or to another one, are nobody's to hold. kFenced: another node holds one of them; kRefused:
  // nobody does; otherwise why that is not known.
  [[nodiscard]] static Result<SourceHold> take(Surveyor& surveyor, const Config& config,
                                               const std::vector<std::string>& disks);
  // Is each still held by the same life of this node? Takes an I/O time-out where one hangs. Errors
  // are those of require_hold().
  [[nodiscard]] Status check() const;
  [[nodiscard]] std::size_t disk_count() const { return held_.size(); }

 private:
  std::vector<std::pair<std::shared_ptr<OpenDisk>, ReservationKey>> held_;
};

}  // namespace lastword
