// The dump stream: self-describing sections appended in a disk's data region. Any flushed prefix
// is a valid dump: a reader goes from section to section until one fails its checks, and that is
// the end of what can be trusted. docs/disk-format.md has the grammar and a worked example.
//
//   stream  := elf-head+ dmesg* pages* end?
//   section := header-block (4096 bytes) payload (stored_bytes, zero-padded to a multiple of 4096)
//
// Integers are little-endian. The header block is SectionHeader, then, in a pages section,
// run_count PageRun, then zeros. Memory is gone through in passes, the most useful pages first
// (PagePass), so that pages sections of different passes interleave in page frames. Every page
// frame that was gone through is in exactly one run of the stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proto/error.h"
#include "proto/layout.h"
#include "proto/page_class.h"

namespace lastword {

inline constexpr std::array<char, 8> kSectionMagic{'L', 'W', 'S', 'E', 'C', 'T', 'N', '1'};
inline constexpr std::uint32_t kStreamVersion = 3;
inline constexpr std::uint64_t kPageBytes = 4096;  // x86-64; the only architecture so far

enum class SectionKind : std::uint16_t {
  kElfHead = 1,  // the head of /proc/vmcore as it is: ELF header, program headers, PT_NOTE
  kDmesg = 2,    // the kernel log as text, oldest line first
  kPages = 3,
  kEnd = 4,  // EndPayload; its presence means the dump is whole
};

// kLz4: one LZ4 block (lz4_Block_format.md), no frame around it. kZstd: one zstd frame (RFC 8878).
enum class Codec : std::uint16_t { kNone = 0, kLz4 = 1, kZstd = 2 };

// Which pages a pages section belongs to, in the order in which they are written.
enum class PagePass : std::uint32_t {
  kEssential =
      0,  // what debuggers read first (dumpwriter/memory/essential_frames.h), of whatever class
  kImage = 1,  // the rest of what the kernel's image and modules are, likewise
  kSlab = 2,
  kKernel = 3,  // and pages of unknown class; all pages where frames cannot be classified
  kUser = 4,    // and hugetlb
  kCache = 5,   // private cache and cache
  kFree = 6,
};
inline constexpr std::size_t kPagePasses = 7;

// What the stream says of the page frames of a run.
enum class RunKind : std::uint16_t {
  kStored = 0,      // content is in the payload
  kZero = 1,        // all zero
  kExcluded = 2,    // left out on purpose
  kUnreadable = 3,  // could not be read from /proc/vmcore
};
[[nodiscard]] std::string_view name_of(SectionKind kind);
[[nodiscard]] std::string_view name_of(Codec codec);
[[nodiscard]] std::string_view name_of(PagePass pass);
// Of frames that are neither essential nor image. Offline and poisoned pages are in no pass: they
// are never read.
[[nodiscard]] std::optional<PagePass> pass_of(PageClass page_class);

struct SectionHeader {
  std::array<char, 8> magic;  // since version 1, like every field
  std::uint32_t version;
  std::uint16_t kind;                     // SectionKind
  std::uint16_t codec;                    // Codec of the payload
  std::uint64_t sequence;                 // 0, 1, 2, ... within the stream
  std::array<std::uint8_t, 16> crash_id;  // tells this dump from what an earlier one left behind
  std::uint64_t raw_bytes;                // payload before the codec
  std::uint64_t stored_bytes;             // payload as stored, without padding
  // Pages: all runs are in [first_pfn, end_pfn); page frames between them are in other sections, or
  // were not reached.
  std::uint64_t first_pfn;
  std::uint64_t end_pfn;
  std::uint32_t run_count;       // pages: number of PageRun that follow; else 0
  std::uint32_t payload_crc32c;  // of the stored bytes
  std::uint32_t pass;            // PagePass; 0 outside pages sections
  std::uint32_t header_crc32c;   // of the whole header block with this field 0
};
static_assert(sizeof(SectionHeader) == 88);

// Page frames [pfn, pfn + count). Runs ascend; the content of the stored ones is in this order in
// the payload.
struct PageRun {
  std::uint64_t pfn;
  std::uint32_t count;
  std::uint16_t what = 0;        // RunKind
  std::uint16_t page_class = 0;  // PageClass of a stored or excluded run; else 0
};
static_assert(sizeof(PageRun) == 16);

inline constexpr std::uint32_t kMaxRuns = (kBlockBytes - sizeof(SectionHeader)) / sizeof(PageRun);

// Largest payload of one section, raw. The head of a vmcore and the log may take several sections,
// up to a total that a reader is willing to hold in memory.
inline constexpr std::uint64_t kMaxPayloadBytes = 1 << 20;
inline constexpr std::uint64_t kMaxElfHeadBytes = 16 << 20;
inline constexpr std::uint64_t kMaxDmesgBytes = 16 << 20;

struct EndPayload {
  std::uint64_t memory_pages;  // page frames in the PT_LOADs, each counted once
  std::uint64_t stored_pages;
  std::uint64_t zero_pages;
  std::uint64_t section_count;     // including the end section
  std::uint64_t stream_bytes;      // including the end section
  std::uint64_t unreadable_pages;  // could not be read from /proc/vmcore
  PageCounts excluded_pages;
  std::uint64_t
      unclassified_pages;  // of the stored and zero ones: those whose class could not be classified
};
static_assert(sizeof(EndPayload) == 128);

[[nodiscard]] constexpr std::uint64_t round_up_to_block(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

// Which streams a header block may belong to: another kind of stream in the same framing is
// proto/clone_stream.h.
struct StreamFormat {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::string_view stranger;  // what a section with another id or sequence is called
};
inline constexpr StreamFormat kDumpFormat{kSectionMagic, kStreamVersion,
                                          "section of an earlier dump"};

// Completes a header block: fills magic, version and header_crc32c of the header at its start.
// The caller has set everything else, runs included, and zeroed the rest. Never allocates.
void seal_section(std::span<std::byte, kBlockBytes> block,
                  const StreamFormat& format = kDumpFormat);

// What is the same in every stream: magic (else kNotFound), CRC of the header block (kCorrupt),
// sequence and id (kNotFound: of another stream), version (older: kUnsupported, newer:
// kFutureVersion). Says nothing yet of kind, codec, lengths and runs. Never allocates.
[[nodiscard]] Result<SectionHeader> parse_frame(std::span<const std::byte, kBlockBytes> block,
                                                const StreamFormat& format,
                                                std::uint64_t expected_sequence,
                                                std::span<const std::uint8_t, 16> id);

// Is this a codec, and do the two lengths agree with it? kCorrupt: no. Never allocates.
[[nodiscard]] Status check_codec(const SectionHeader& header, std::uint64_t max_raw_bytes);

// Checks magic, version, CRC and every bound (sizes per kind, run table sorted and inside
// [first_pfn, end_pfn), raw_bytes equal to the pages of the stored runs). `expected_sequence` and
// `crash_id` must match: a mismatch is kNotFound (the stream ends here), damage is kCorrupt, a
// newer version kFutureVersion, an older one kUnsupported. Never allocates.
[[nodiscard]] Result<SectionHeader> parse_section(std::span<const std::byte, kBlockBytes> block,
                                                  std::uint64_t expected_sequence,
                                                  std::span<const std::uint8_t, 16> crash_id);

// The run table of a block that parse_section accepted; lives as long as the block.
[[nodiscard]] std::span<const PageRun> runs_of(std::span<const std::byte, kBlockBytes> block,
                                               const SectionHeader& header);

}  // namespace lastword
