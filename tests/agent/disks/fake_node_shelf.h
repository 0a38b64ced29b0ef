// One node's view of the fake shelf, as the seam Shelf: logical unit 0 is /dev/sda and so on.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/disks/shelf.h"
#include "storage/block/aligned_buffer.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {

inline std::string path_of(unsigned lun) {
  return "/dev/sd" + std::string(1, static_cast<char>('a' + lun));
}

inline constexpr std::uint64_t kChangedOffset = 32 << 20;  // of the block of `changed`

class FakeNodeShelf : public Shelf {
 public:
  FakeNodeShelf(fake::Nexus nexus, unsigned luns) : nexus_(std::move(nexus)), luns_(luns) {}

  Result<std::vector<DiskInfo>> list() override {
    std::vector<DiskInfo> disks;
    for (unsigned lun = 0; lun < luns_; ++lun) {
      if (out_of_sight.contains(lun)) continue;
      const std::string path = folder + path_of(lun);
      disks.push_back({.path = path, .description = "", .size_bytes = 64 << 20});
    }
    return disks;
  }
  Result<OpenDisk> open(const DiskInfo& info, Access, milliseconds) override {
    const auto lun = static_cast<unsigned>(info.path.back() - 'a');
    return OpenDisk{.info = info,
                    .device = nexus_.device(lun),
                    .lun = nexus_.lun(lun),
                    .fd = static_cast<int>(lun)};
  }
  Result<std::uint64_t> find_records(OpenDisk&) override { return kMetadataOffset; }
  CacheChanges write_back_early(const DiskInfo& disk) override { return write_back(disk); }
  // As the kernel does it (BLKFLSBUF): first writes what was changed.
  Status drop_stale_cache(const DiskInfo& disk) override {
    (void)write_back(disk);
    dropped.push_back(disk.path);
    return stale.contains(disk.path) ? Status(fail({.code = Code::kCorrupt})) : Status();
  }
  Openers find_openers(const std::vector<std::string>& disks) override {
    Openers found = openers;
    std::erase_if(
        found, [&](const auto& one) { return std::ranges::find(disks, one.first) == disks.end(); });
    return found;
  }
  Result<bool> is_claimed(const std::string& disk) override {
    looked_for_claims.push_back(disk);
    if (shut.contains(disk)) return fail({.code = Code::kGone, .operation = "open", .disk = disk});
    const auto claim = claims.find(disk);
    return claim != claims.end() && claim->second-- > 0;
  }
  std::uint64_t count_uevents() override { return uevents; }
  Status wait_for_partitions(const std::vector<std::string>& disks,
                             std::uint64_t uevents_before) override {
    rests.push_back({disks, uevents_before});
    return udev;
  }
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    for (ReadRequest& request : requests) {
      const auto device = nexus_.device(static_cast<unsigned>(request.fd));
      request.status = device->read(request.offset, request.buffer);
      if (request.status || request.status.error().code != Code::kTimeout) continue;
      hung_.push_back(request.keep);
      longest_wait_ = std::max(longest_wait_, timeout);
    }
    return {};
  }
  // Reads that hang, two for each look at a disk, until answer_hung().
  [[nodiscard]] std::size_t hung() const { return hung_.size(); }
  void answer_hung() { hung_.clear(); }
  // For a read that hung, since this was last asked.
  milliseconds take_longest_wait() { return std::exchange(longest_wait_, milliseconds(0)); }

  std::string folder;  // before each path: where no disk of this machine is
  std::set<unsigned> out_of_sight;
  std::vector<std::string> dropped;  // paths whose cache was dropped
  std::set<std::string> stale;       // paths whose cache cannot be
  std::set<std::string> changed;     // paths of which the cache has a block that was not written
  Openers openers;
  std::map<std::string, int> claims;  // by somebody whom no table shows: for so many looks
  std::set<std::string> shut;         // paths that cannot be opened to look for that
  std::vector<std::string> looked_for_claims;
  std::uint64_t uevents = 0;
  Status udev;
  std::vector<std::pair<std::vector<std::string>, std::uint64_t>> rests;  // that were waited for

 private:
  // Once, whether it is refused or not.
  CacheChanges write_back(const DiskInfo& disk) {
    if (changed.erase(disk.path) == 0) return CacheChanges::kNone;
    const AlignedBuffer block(kBlockBytes);
    std::ranges::fill(block.span(), std::byte{0xcc});
    const auto lun = static_cast<unsigned>(disk.path.back() - 'a');
    const Status written = nexus_.device(lun)->write(kChangedOffset, block.span());
    return written ? CacheChanges::kWritten : CacheChanges::kRefused;
  }

  fake::Nexus nexus_;
  unsigned luns_;
  std::vector<std::shared_ptr<void>> hung_;
  milliseconds longest_wait_{0};
};

}  // namespace lastword::test
