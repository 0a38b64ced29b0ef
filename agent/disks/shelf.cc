#include "agent/disks/shelf.h"

#include "agent/disks/udev_rest.h"
#include "storage/tables/discover.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

class RealShelf final : public Shelf {
 public:
  Result<std::vector<DiskInfo>> list() override { return list_scsi_disks(); }
  Result<OpenDisk> open(const DiskInfo& info, Access access, milliseconds io_timeout) override {
    return access == Access::kReadWrite ? open_disk_quietly(info, io_timeout)
                                        : open_disk(info, access, io_timeout);
  }
  Result<std::uint64_t> find_records(OpenDisk& disk) override {
    const auto partition = find_metadata_partition(*disk.device);
    if (!partition) return fail(partition.error());
    return partition->offset_bytes;
  }
  CacheChanges write_back_early(const DiskInfo& disk) override {
    return lastword::write_back_early(disk);
  }
  Status drop_stale_cache(const DiskInfo& disk) override {
    return lastword::drop_stale_cache(disk);
  }
  Openers find_openers(const std::vector<std::string>& disks) override {
    return lastword::find_openers(disks);
  }
  Result<bool> is_claimed(const std::string& disk) override { return lastword::is_claimed(disk); }
  std::uint64_t count_uevents() override { return lastword::count_uevents(); }
  Status wait_for_partitions(const std::vector<std::string>& disks,
                             std::uint64_t uevents_before) override {
    return lastword::wait_for_partitions(disks, uevents_before);
  }
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    return read_batch(requests, timeout);
  }
};

}  // namespace

Shelf& real_shelf() {
  static auto* const shelf = new RealShelf;
  return *shelf;
}

void OpenDisks::keep(std::shared_ptr<OpenDisk> disk) {
  std::string path = disk->info.path;
  disks_.insert_or_assign(std::move(path), std::move(disk));
}

std::shared_ptr<OpenDisk> OpenDisks::find(const std::string& path) const {
  const auto found = disks_.find(path);
  return found == disks_.end() ? nullptr : found->second;
}

}  // namespace lastword
