// The kdump-compressed format, version 6, as makedumpfile writes it (its IMPLEMENTATION and
// diskdump_mod.h) and crash (diskdump.c), libkdumpfile and drgn read it. Layout only; x86-64.
//
//   block 0          DiskDumpHeader
//   block 1          KdumpSubHeader, then the ELF notes; sub_header_blocks in all
//   then             bitmap 1: bit N is set where page frame N is memory
//                    bitmap 2: bit N is set where page frame N has a descriptor; each half of
//                    bitmap_blocks
//   then             a PageDescriptor for each bit of bitmap 2, in the order of page frames
//   anywhere after   page data, in any order
//
// A page frame of bitmap 1 that is not in bitmap 2 was left out on purpose: crash answers "page
// excluded". One whose descriptor has offset 0 is missing from an incomplete dump: crash answers
// "page incomplete" (IMPLEMENTATION, "The incomplete DUMPFILE").
#pragma once

#include <array>
#include <cstdint>

namespace lastword {

inline constexpr std::array<char, 8> kKdumpSignature{'K', 'D', 'U', 'M', 'P', ' ', ' ', ' '};
inline constexpr std::int32_t kKdumpVersion = 6;
// The block of this format, a page: not that of lastword's records.
inline constexpr std::uint64_t kKdumpBlockBytes = 4096;
inline constexpr std::uint64_t kKdumpHeaderBlocks = 1;

// Bits of DiskDumpHeader::status and PageDescriptor::flags. The format has none for lz4.
inline constexpr std::uint32_t kKdumpZlib = 0x1;
inline constexpr std::uint32_t kKdumpIncomplete = 0x8;  // status only
inline constexpr std::uint32_t kKdumpZstd = 0x20;

// struct new_utsname of Linux (include/uapi/linux/utsname.h).
inline constexpr std::size_t kUtsFieldBytes = 65;
struct UtsName {
  using Field = std::array<char, kUtsFieldBytes>;
  Field sysname;
  Field nodename;
  Field release;
  Field version;
  Field machine;
  Field domainname;
};
static_assert(sizeof(UtsName) == 390);

struct DiskDumpHeader {
  std::array<char, 8> signature;
  std::int32_t header_version;
  UtsName utsname;
  std::array<char, 6> padding;
  std::int64_t seconds;  // of the crash
  std::int64_t microseconds;
  std::uint32_t status;
  std::int32_t block_bytes;  // also the size of a page
  std::int32_t sub_header_blocks;
  std::uint32_t bitmap_blocks;  // of both
  std::uint32_t max_pfn;        // cut to 32 bits; see KdumpSubHeader::max_pfn_64
  std::uint32_t total_ram_blocks;
  std::uint32_t device_blocks;
  std::uint32_t written_blocks;
  std::uint32_t current_cpu;
  std::int32_t cpus;
};
static_assert(sizeof(DiskDumpHeader) == 464);

struct KdumpSubHeader {
  std::uint64_t phys_base;
  std::int32_t dump_level;  // what was left out, as makedumpfile -d counts it
  std::int32_t split;
  std::uint64_t start_pfn;  // split dumps only, as are start_pfn_64 and end_pfn_64
  std::uint64_t end_pfn;
  std::uint64_t vmcoreinfo_offset;  // of the note's content; 0: none
  std::uint64_t vmcoreinfo_bytes;
  std::uint64_t notes_offset;
  std::uint64_t notes_bytes;
  std::uint64_t eraseinfo_offset;
  std::uint64_t eraseinfo_bytes;
  std::uint64_t start_pfn_64;
  std::uint64_t end_pfn_64;
  std::uint64_t max_pfn_64;  // one past the last page frame
};
static_assert(sizeof(KdumpSubHeader) == 104);

struct PageDescriptor {
  std::uint64_t offset;  // of the data in the file
  std::uint32_t bytes;   // at most a page; a whole page where there is no codec
  std::uint32_t flags;
  std::uint64_t page_flags;  // 0
};
static_assert(sizeof(PageDescriptor) == 24);

}  // namespace lastword
