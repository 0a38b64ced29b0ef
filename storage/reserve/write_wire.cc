#include "storage/reserve/write_wire.h"

#include <scsi/sg_unaligned.h>

#include <limits>

namespace lastword {
namespace {

bool fits_ten_bytes(std::uint64_t lba, std::uint32_t blocks) {
  return lba <= std::numeric_limits<std::uint32_t>::max() &&
         blocks <= std::numeric_limits<std::uint16_t>::max();
}

}  // namespace

std::array<std::uint8_t, 10> synchronize_cache_cdb(std::uint64_t lba, std::uint32_t blocks) {
  std::array<std::uint8_t, 10> cdb{0x35};
  if (!fits_ten_bytes(lba, blocks)) return cdb;
  sg_put_unaligned_be32(static_cast<std::uint32_t>(lba), &cdb[2]);
  sg_put_unaligned_be16(static_cast<std::uint16_t>(blocks), &cdb[7]);
  return cdb;
}

WriteCdb write_cdb(std::uint64_t lba, std::uint32_t blocks) {
  WriteCdb cdb;
  if (fits_ten_bytes(lba, blocks)) {
    cdb.storage[0] = 0x2a;
    sg_put_unaligned_be32(static_cast<std::uint32_t>(lba), &cdb.storage[2]);
    sg_put_unaligned_be16(static_cast<std::uint16_t>(blocks), &cdb.storage[7]);
  } else {
    cdb.length = 16;
    cdb.storage[0] = 0x8a;
    sg_put_unaligned_be64(lba, &cdb.storage[2]);
    sg_put_unaligned_be32(blocks, &cdb.storage[10]);
  }
  return cdb;
}

}  // namespace lastword
