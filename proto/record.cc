#include "proto/record.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstring>

#include "proto/crc32c.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

static_assert(std::endian::native == std::endian::little, "x86-64 only so far");

struct Frame {
  std::array<char, 8> magic;
  std::uint32_t kind;
  std::uint32_t version;
  std::uint64_t sequence;
  std::uint32_t length;
};
static_assert(offsetof(Frame, length) + sizeof(std::uint32_t) == kRecordHeaderBytes);

// Each byte is like the one before it, and the first is zero: memcmp(3) takes many at a time.
bool is_zero(BlockView block) {
  return block[0] == std::byte{0} && std::memcmp(&block[0], &block[1], block.size() - 1) == 0;
}

Error record_error(Code code, RecordKind kind, std::string_view detail) {
  return {.code = code, .operation = name_of(kind), .detail = detail};
}

}  // namespace

std::string_view name_of(SlotState state) {
  switch (state) {
    case SlotState::kEmpty:
      return "empty";
    case SlotState::kValid:
      return "valid";
    case SlotState::kWrongMagic:
      return "wrong magic";
    case SlotState::kWrongKind:
      return "wrong kind";
    case SlotState::kFutureVersion:
      return "newer version";
    case SlotState::kTooLong:
      return "length beyond the block";
    case SlotState::kWrongCrc:
      return "wrong CRC";
    case SlotState::kBadPayload:
      return "payload does not parse";
  }
  return "unknown";
}

Slot parse_slot(BlockView block, RecordKind kind) {
  Frame frame;
  std::memcpy(&frame, block.data(), kRecordHeaderBytes);
  if (frame.magic != kRecordMagic) {
    return {.state = is_zero(block) ? SlotState::kEmpty : SlotState::kWrongMagic, .record = {}};
  }
  if (frame.length > kRecordMaxPayload) return {.state = SlotState::kTooLong, .record = {}};
  const std::size_t end = kRecordHeaderBytes + frame.length;
  std::uint32_t stored = 0;
  std::memcpy(&stored, block.data() + end, sizeof stored);
  if (stored != crc32c(block.first(end))) return {.state = SlotState::kWrongCrc, .record = {}};
  Slot slot{.state = SlotState::kValid,
            .record = RecordView{.kind = static_cast<RecordKind>(frame.kind),
                                 .version = frame.version,
                                 .sequence = frame.sequence,
                                 .payload = block.subspan(kRecordHeaderBytes, frame.length)}};
  if (frame.version != kRecordVersion) {
    slot.state = SlotState::kFutureVersion;
  } else if (slot.record->kind != kind) {
    slot.state = SlotState::kWrongKind;
  }
  return slot;
}

Status write_slot(BlockSpan block, RecordKind kind, std::uint64_t sequence,
                  const google::protobuf::MessageLite& message) {
  const std::size_t length = message.ByteSizeLong();
  if (length > kRecordMaxPayload) {
    return fail(record_error(Code::kRefused, kind, "too long for its block"));
  }
  std::fill(block.begin(), block.end(), std::byte{0});
  const Frame frame{.magic = kRecordMagic,
                    .kind = static_cast<std::uint32_t>(kind),
                    .version = kRecordVersion,
                    .sequence = sequence,
                    .length = static_cast<std::uint32_t>(length)};
  std::memcpy(block.data(), &frame, kRecordHeaderBytes);
  message.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(block.data() + kRecordHeaderBytes));
  const std::size_t end = kRecordHeaderBytes + length;
  const std::uint32_t crc = crc32c(block.first(end));
  std::memcpy(block.data() + end, &crc, sizeof crc);
  return {};
}

Result<PairChoice> choose_slot(const Slot& slot0, const Slot& slot1) {
  const std::array slots{&slot0, &slot1};
  PairChoice choice;
  bool damaged = false;
  std::optional<std::uint64_t> unparsed;  // highest sequence of those
  for (unsigned i = 0; i < 2; ++i) {
    const Slot& slot = *slots[i];
    if (slot.state == SlotState::kFutureVersion) {
      return fail({.code = Code::kFutureVersion,
                   .operation = "read record",
                   .detail = "written by a newer lastword; use that version on this disk"});
    }
    damaged |= slot.state != SlotState::kValid && slot.state != SlotState::kEmpty;
    if (slot.state == SlotState::kBadPayload) {
      unparsed = std::max(unparsed.value_or(0), slot.record->sequence);
    }
    if (slot.state != SlotState::kValid) continue;
    if (choice.current && slot.record->sequence < choice.next_sequence) continue;
    choice.current = i;
    choice.next = 1 - i;
    choice.next_sequence = slot.record->sequence + 1;
  }
  // No tear leaves a CRC that holds. What the older slot says is over; what the newer one says may
  // be a dump.
  if (unparsed && (!choice.current || *unparsed >= choice.next_sequence)) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read record",
                 .detail = format_text("the newest slot (sequence {}) is whole, but its content "
                                       "cannot be read: it may tell of a dump; see `lastword "
                                       "inspect` and `recover`",
                                       *unparsed)});
  }
  if (choice.current) return choice;
  if (damaged) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read record",
                 .detail = "no valid slot; see `lastword inspect`"});
  }
  return fail({.code = Code::kNotFound, .operation = "read record", .detail = "never written"});
}

PairChoice choose_replacement(const Slot& slot0, const Slot& slot1) {
  const std::array slots{&slot0, &slot1};
  PairChoice choice;
  for (unsigned i = 0; i < 2; ++i) {
    if (!slots[i]->record || slots[i]->record->sequence < choice.next_sequence) continue;
    choice.next = 1 - i;
    choice.next_sequence = slots[i]->record->sequence + 1;
  }
  return choice;
}

Result<PairChoice> read_pair(BlockView block0, BlockView block1, RecordKind kind,
                             google::protobuf::MessageLite& message) {
  std::array slots{parse_slot(block0, kind), parse_slot(block1, kind)};
  for (;;) {
    Result<PairChoice> choice = choose_slot(slots[0], slots[1]);
    if (!choice) {
      Error error = choice.error();
      error.operation = name_of(kind);
      return fail(error);
    }
    Slot& slot = slots[*choice->current];
    const auto payload = slot.record->payload;
    if (message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return choice;
    slot.state = SlotState::kBadPayload;
  }
}

}  // namespace lastword
