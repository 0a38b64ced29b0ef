// The shelf as this machine shows it: the seam between disks/ and devices. Tests put a fake one in
// its place (tests/agent/disks/fake_node_shelf.h).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/disk_info.h"
#include "proto/timing.h"
#include "storage/block/batch_read.h"
#include "storage/reserve/disk.h"
#include "storage/tables/stale_cache.h"

namespace lastword {

// All members may be called from several threads at once.
class Shelf {
 public:
  virtual ~Shelf() = default;
  // Every SCSI disk, by path. Errors: those of list_scsi_disks().
  [[nodiscard]] virtual Result<std::vector<DiskInfo>> list() = 0;
  // May hang on a sick disk. `io_timeout` bounds every SCSI command that is sent through the open
  // disk. Errors: those of open_disk(); nothing stays open then.
  [[nodiscard]] virtual Result<OpenDisk> open(const DiskInfo& info, Access access,
                                              milliseconds io_timeout) = 0;
  // Where the disk's records are. kNotFound: it is not labelled. Otherwise the errors of
  // find_metadata_partition().
  [[nodiscard]] virtual Result<std::uint64_t> find_records(OpenDisk& disk) = 0;
  // This machine's page cache of a disk that the partner wrote, and what uses the disk.
  [[nodiscard]] virtual CacheChanges write_back_early(const DiskInfo& disk) = 0;
  [[nodiscard]] virtual Status drop_stale_cache(const DiskInfo& disk) = 0;
  [[nodiscard]] virtual Openers find_openers(const std::vector<std::string>& disks) = 0;
  // See is_claimed() in storage/tables/signatures.h. May hang on a sick disk.
  [[nodiscard]] virtual Result<bool> is_claimed(const std::string& disk) = 0;
  // What this machine's udev has to do, and that it has done it: see udev_rest.h.
  [[nodiscard]] virtual std::uint64_t count_uevents() = 0;
  [[nodiscard]] virtual Status wait_for_partitions(const std::vector<std::string>& disks,
                                                   std::uint64_t uevents_before) = 0;
  // See read_batch() in storage/block/batch_read.h: an error means that nothing was read, otherwise
  // each request has its own status.
  [[nodiscard]] virtual Status read(std::span<ReadRequest> requests, milliseconds timeout) = 0;
};

// This machine's.
[[nodiscard]] Shelf& real_shelf();

// The disks from which a survey read, still open, read-only. Whoever goes on with a disk shares its
// open descriptor: device names may move, a descriptor stays with its disk.
class OpenDisks {
 public:
  void keep(std::shared_ptr<OpenDisk> disk);
  // Null: not open, or not labelled.
  [[nodiscard]] std::shared_ptr<OpenDisk> find(const std::string& path) const;
  void drop(const std::string& path) { disks_.erase(path); }

 private:
  std::map<std::string, std::shared_ptr<OpenDisk>> disks_;
};

}  // namespace lastword
