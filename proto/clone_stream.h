// The clone stream: the volumes of one snapshot of a set, in the framing of proto/stream.h, with
// each distinct block in it once. docs/clone-stream.md has the grammar.
//
//   stream  := head content* end
//
// Volumes are in the order of the head. The runs of all content sections follow each other without
// a gap, from byte 0 of the first volume (or where the head says that the stream begins) to the end
// of the last one, so that a run has no place of its own to be wrong about; none goes over the end
// of a volume. A stream is good only as a whole: without its end nothing of it is published.
//
// A pipe has no blocks: of a header block only the first kCloneHeaderBytes are sent, for the rest
// is zero, and payloads have no padding.
//
// Header fields: `crash_id` is the UUID of the snapshot, `run_count` the runs of a content section;
// first_pfn, end_pfn and pass are 0.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>

#include "proto/error.h"
#include "proto/stream.h"

namespace lastword {

inline constexpr StreamFormat kCloneFormat{
    {'L', 'W', 'C', 'L', 'O', 'N', 'E', '1'}, 3, "a section is missing, twice there or misplaced"};

inline constexpr std::size_t kCloneHeaderBytes = sizeof(SectionHeader);

enum class CloneSection : std::uint16_t {
  kHead = 16,  // a StreamHead (agent/transfer/clone.proto), not compressed
  // run_count runs (agent/transfer/run_codec.h), then a Hash128 for each range that ends in them
  // and is hashed for itself (agent/transfer/range_sources.h), then the data of the kData runs in
  // their order.
  kContent = 17,
  kEnd = 18,  // CloneEnd, then a root for each volume
};

enum class CloneRunKind : std::uint32_t {
  kData = 0,  // the bytes are in this section
  kZero = 1,  // all zero; takes no space
  kSent = 2,  // what volume `source` of this stream has at source_offset; already sent
  kBase = 3,  // what volume `source` of the base has there
};

// What a run says. In a section it is shorter: agent/transfer/run_codec.h.
struct CloneRun {
  std::uint32_t kind = 0;    // CloneRunKind
  std::uint32_t source = 0;  // index of a volume; 0 unless shared
  std::uint64_t length = 0;  // bytes, never 0; a multiple of block_bytes but at a volume's end
  std::uint64_t source_offset = 0;  // a multiple of block_bytes; 0 unless shared
  bool operator==(const CloneRun&) const = default;
};
// A run in a section has no more bytes than that.
inline constexpr std::size_t kMaxRunBytes = 16;
// Of a content section: what a receiver keeps of them in memory is bounded.
inline constexpr std::uint32_t kMaxContentRuns = 1 << 15;

// XXH3 of 128 bits in its canonical form, most significant byte first (doc/xxhash_spec.md).
struct Hash128 {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const Hash128&) const = default;
};
static_assert(sizeof(Hash128) == 16);

// A place in the volumes of a stream.
struct ClonePosition {
  std::uint32_t volume = 0;  // index; the number of volumes: behind the last one
  std::uint64_t offset = 0;  // byte in that volume, a multiple of kRangeBytes
  auto operator<=>(const ClonePosition&) const = default;
};

struct CloneEnd {
  std::uint64_t section_count;  // with this one
  std::uint64_t stream_bytes;   // with this section
  std::uint64_t data_bytes;     // in runs of kind kData of this stream
  std::uint64_t volume_count;
};
static_assert(sizeof(CloneEnd) == 32);

// What is hashed, and verified by reading it back, as one.
inline constexpr std::uint64_t kRangeBytes = 1 << 20;
// A receiver holds 16 bytes for each range in memory, at most 1 GiB.
inline constexpr std::uint64_t kMaxVolumeBytes = std::uint64_t{16} << 40;
inline constexpr std::uint64_t kMaxSetBytes = std::uint64_t{64} << 40;
inline constexpr std::size_t kMaxCloneVolumes = 1024;  // of a set, and of its base
// Raw; half of what the framing allows is what compressors are made for (storage/codec).
inline constexpr std::uint64_t kMaxContentBytes = kMaxPayloadBytes / 2;

// Checks magic, version, CRC, kind, and every bound of the header. The sequence and the stream's id
// must match; a head (sequence 0) brings the id. kCorrupt, kFutureVersion, kUnsupported. Never
// allocates.
[[nodiscard]] Result<SectionHeader> parse_clone_section(
    std::span<const std::byte, kBlockBytes> block, std::uint64_t expected_sequence,
    std::span<const std::uint8_t, 16> id);

}  // namespace lastword
