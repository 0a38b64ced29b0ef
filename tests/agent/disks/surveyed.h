// A survey written by hand, for tests of pure decisions.
#pragma once

#include "agent/disks/survey.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {

inline DiskView surveyed(unsigned number, pb::Role role, std::uint8_t home = kAlpha) {
  DiskView disk;
  disk.info.path = "/dev/sd" + std::string(1, static_cast<char>('a' + number));
  disk.metadata_offset = kMetadataOffset;
  disk.label = make_label(number, role, home);
  return disk;
}

// In service: owned and reserved by `node`.
inline DiskView in_service(unsigned number, pb::Role role, std::uint32_t generation,
                           std::uint8_t node = kAlpha) {
  DiskView disk = surveyed(number, role);
  disk.label->set_owner_node(node);
  disk.label->set_owner_generation(generation);
  disk.label->set_home_generation(generation);
  disk.keys = {key_of(node, generation)};
  disk.reservation = Reservation{.holder = key_of(node, generation), .type = kOwnerType};
  return disk;
}

}  // namespace lastword::test
