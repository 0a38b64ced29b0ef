// Framing of one record in one 4 KiB block, little-endian:
//
//   offset size
//        0    8  magic "LASTWORD"
//        8    4  kind (RecordKind)
//       12    4  format version
//       16    8  sequence; of a record's two slots the valid one with the higher sequence wins
//       24    4  length of the payload in bytes
//       28    n  payload, protobuf
//     28+n    4  CRC32C of bytes 0 to 28+n
//
// The rest of the block is zero. Magic, version, length and CRC keep their places in every future
// version, so that a reader can tell "newer" from "damaged".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/error.h"
#include "proto/layout.h"

namespace google::protobuf {
class MessageLite;
}

namespace lastword {

inline constexpr std::array<char, 8> kRecordMagic{'L', 'A', 'S', 'T', 'W', 'O', 'R', 'D'};
inline constexpr std::uint32_t kRecordVersion = 1;
inline constexpr std::size_t kRecordHeaderBytes = 28;
inline constexpr std::size_t kRecordMaxPayload = kBlockBytes - kRecordHeaderBytes - 4;

using BlockView = std::span<const std::byte, kBlockBytes>;
using BlockSpan = std::span<std::byte, kBlockBytes>;

struct RecordView {
  RecordKind kind;
  std::uint32_t version;
  std::uint64_t sequence;
  std::span<const std::byte> payload;  // into the block; lives as long as it
};

enum class SlotState : std::uint8_t {
  kEmpty,  // all zero: never written
  kValid,
  kWrongMagic,
  kWrongKind,      // framed well, but another kind of record than belongs here
  kFutureVersion,  // a newer lastword wrote it, and its CRC holds
  kTooLong,        // the length goes beyond the block
  kWrongCrc,       // torn or damaged
  kBadPayload,     // the CRC holds but protobuf does not parse it
};
[[nodiscard]] std::string_view name_of(SlotState state);

struct Slot {
  SlotState state = SlotState::kEmpty;
  std::optional<RecordView> record;  // with kValid, kFutureVersion, kWrongKind and kBadPayload
};

// Checks the framing of a block that should hold `kind`. Never allocates.
[[nodiscard]] Slot parse_slot(BlockView block, RecordKind kind);

// Frames a message. Fills the whole block. Fails with kRefused when the message is too long.
// Does not allocate beyond what the message's own serialization does (nothing, for lite messages).
[[nodiscard]] Status write_slot(BlockSpan block, RecordKind kind, std::uint64_t sequence,
                                const google::protobuf::MessageLite& message);

// What a pair of slots says together.
struct PairChoice {
  std::optional<unsigned> current;  // slot that counts; empty: no valid record
  unsigned next = 0;                // slot to write next: as it is read, not the current one
  std::uint64_t next_sequence = 1;
};

// kFutureVersion when either slot is from a newer lastword (it must neither be believed partly
// nor overwritten); kCorrupt when slots were written but none is valid, or when the newest one is
// kBadPayload; kNotFound when both are empty. `choice` of an error is not there: nothing may be
// written.
[[nodiscard]] Result<PairChoice> choose_slot(const Slot& slot0, const Slot& slot1);

// Where a record goes whose pair choose_slot calls kCorrupt: over the older slot, newer than both.
[[nodiscard]] PairChoice choose_replacement(const Slot& slot0, const Slot& slot1);

// Parses the chosen slot's payload into `message`. A valid frame whose payload does not parse makes
// the slot kBadPayload.
[[nodiscard]] Result<PairChoice> read_pair(BlockView block0, BlockView block1, RecordKind kind,
                                           google::protobuf::MessageLite& message);

}  // namespace lastword
