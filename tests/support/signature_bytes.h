// The fewest bytes that libblkid takes for a file system, swap or volume manager, so that tests
// need none of the mkfs programs.
#pragma once

#include <cstdint>

#include "tests/support/image_file.h"

namespace lastword::test {

inline std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xff);
  return text;
}

inline std::string big_endian(std::uint64_t value, std::size_t bytes) {
  const std::string text = little_endian(value, bytes);
  return {text.rbegin(), text.rend()};
}

// `at` is where the file system begins.
inline void write_ext4(const ImageFile& image, std::uint64_t at, std::string_view label = "") {
  const std::uint64_t superblock = at + 1024;
  image.write(superblock + 0x38, little_endian(0xef53, 2));
  image.write(superblock + 0x5c, little_endian(0x4, 4));   // has_journal
  image.write(superblock + 0x60, little_endian(0x40, 4));  // extents
  image.write(superblock + 0x78, label);
}

inline void write_xfs(const ImageFile& image, std::uint64_t at) {
  // Four allocation groups of 1024 blocks of 4096 bytes; sectors and inodes of 512 bytes. The last
  // line is log2 of block, sector and inode size and of inodes in a block.
  image.write(at, "XFSB" + big_endian(4096, 4) + big_endian(4096, 8));
  image.write(at + 80, big_endian(1, 4) + big_endian(1024, 4) + big_endian(4, 4));
  image.write(at + 100, big_endian(0xb4a5, 2) + big_endian(512, 2) + big_endian(512, 2));
  image.write(at + 120, big_endian(0x0c090903, 4));
}

inline void write_swap(const ImageFile& image, std::uint64_t at) {
  image.write(at + 1024, little_endian(1, 4) + little_endian(1023, 4));  // version, last page
  image.write(at + 4096 - 10, "SWAPSPACE2");
}

inline void write_lvm(const ImageFile& image, std::uint64_t at) {
  // Sector 1: id, sector, CRC (wrong here; a damaged one counts too), offset, type, UUID.
  image.write(at + 512, "LABELONE" + little_endian(1, 8) + little_endian(0, 4) +
                            little_endian(32, 4) + "LVM2 001" + "abcdefghijklmnopqrstuvwxyz012345");
}

}  // namespace lastword::test
