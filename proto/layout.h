// Where things are on a disk. The one place that knows; docs/disk-format.md tells it in words.
//
// A small GPT partition holds the metadata; the rest of the disk is the data region. Each record
// has two slots of one block, kept 64 KiB apart so that one bad spot does not take both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lastword {

inline constexpr std::uint64_t kBlockBytes = 4096;

// A command line's --metadata-offset, in bytes: decimal digits and nothing else, of a multiple of
// kBlockBytes. Empty for any other text.
[[nodiscard]] std::optional<std::uint64_t> parse_metadata_offset(std::string_view text);
// What parse_metadata_offset() accepts, for an error.
inline constexpr std::string_view kMetadataOffsetGrammar =
    "bytes as a decimal number, a multiple of 4096";
static_assert(kBlockBytes == 4096);

// GPT partition type of the metadata partition, made for lastword.
inline constexpr std::string_view kMetadataPartitionType = "6c617374-776f-7264-8d65-746164617461";
inline constexpr std::string_view kMetadataPartitionName = "lastword-metadata";
inline constexpr std::string_view kDataPartitionType = "6c617374-776f-7264-8461-7461726567e6";
inline constexpr std::string_view kDataPartitionName = "lastword-data";

// On a disk that lastword partitions itself. An adopted disk's partition fills the gap between
// the GPT's entries and the first MiB boundary, which is smaller (1004 KiB at most).
inline constexpr std::uint64_t kMetadataPartitionBytes = 1 << 20;
inline constexpr std::uint64_t kAdoptGapEnd = 1 << 20;
// Where these two usually begin: a fresh one; an adopted one behind 128 entries of a GPT with
// blocks of 512 bytes (LBA 34), and of 4096 (LBA 6), from the next whole block on.
inline constexpr std::array<std::uint64_t, 3> kUsualMetadataOffsets{1 << 20, 20480, 24576};

enum class RecordKind : std::uint32_t {
  kLabel = 1,
  kCoredumpHeader = 2,
  kMailboxSlot = 3,
  kPlan = 4,  // only in the capture image
};
[[nodiscard]] std::string_view name_of(RecordKind kind);

// Which pair of blocks in the metadata partition.
enum class RecordPlace : std::uint32_t {
  kLabel = 0,
  kCoredump = 1,
  kMailboxLow = 2,
  kMailboxHigh = 3
};
inline constexpr std::array kRecordPlaces{RecordPlace::kLabel, RecordPlace::kCoredump,
                                          RecordPlace::kMailboxLow, RecordPlace::kMailboxHigh};
[[nodiscard]] RecordKind kind_at(RecordPlace place);

inline constexpr std::uint64_t kSlotDistanceBytes = 64 << 10;
inline constexpr std::uint64_t kMetadataMinBytes = 2 * kSlotDistanceBytes;

// Byte offset of a slot (0 or 1) from the start of the metadata partition.
[[nodiscard]] constexpr std::uint64_t slot_offset(RecordPlace place, unsigned slot) {
  return slot * kSlotDistanceBytes + static_cast<std::uint64_t>(place) * kBlockBytes;
}
static_assert(slot_offset(RecordPlace::kMailboxHigh, 1) + kBlockBytes <= kMetadataMinBytes);
static_assert(kMetadataMinBytes <= kAdoptGapEnd - std::uint64_t{34} * 512 - kBlockBytes);

}  // namespace lastword
