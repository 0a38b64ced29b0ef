// One node's view of the fake shelf, as the seam Shelf: logical unit 0 is /dev/sda and so on.
#pragma once

#include <string>
#include <utility>

#include "agent/disks/shelf.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {

inline std::string path_of(unsigned lun) {
  return "/dev/sd" + std::string(1, static_cast<char>('a' + lun));
}

class FakeNodeShelf final : public Shelf {
 public:
  FakeNodeShelf(fake::Nexus nexus, unsigned luns) : nexus_(std::move(nexus)), luns_(luns) {}

  Result<std::vector<DiskInfo>> list() override {
    std::vector<DiskInfo> disks;
    for (unsigned lun = 0; lun < luns_; ++lun) {
      disks.push_back({.path = path_of(lun), .description = "", .size_bytes = 64 << 20});
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
  Status read(std::span<ReadRequest> requests, milliseconds) override {
    for (ReadRequest& request : requests) {
      const auto device = nexus_.device(static_cast<unsigned>(request.fd));
      request.status = device->read(request.offset, request.buffer);
    }
    return {};
  }

 private:
  fake::Nexus nexus_;
  unsigned luns_;
};

}  // namespace lastword::test
