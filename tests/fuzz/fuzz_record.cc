// Records: framing, choice between two slots, and the messages in them.
#include <google/protobuf/stubs/logging.h>

#include <cstring>

#include "proto/crc32c.h"
#include "proto/disk.pb.h"
#include "proto/plan.pb.h"
#include "proto/record.h"
#include "storage/block/aligned_buffer.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {
namespace {

constexpr std::size_t kCrcBytes = sizeof(std::uint32_t);

// Puts the CRC right where the length allows, so that what is behind it is reached.
void reseal(BlockSpan block) {
  std::uint32_t length = 0;
  std::memcpy(&length, block.data() + kRecordHeaderBytes - sizeof length, sizeof length);
  if (length > kRecordMaxPayload) return;
  const std::uint32_t crc = crc32c(block.first(kRecordHeaderBytes + length));
  std::memcpy(block.data() + kRecordHeaderBytes + length, &crc, kCrcBytes);
}

template <class Message>
void read(BlockView first, BlockView second, RecordKind kind) {
  Message message;
  const auto choice = read_pair(first, second, kind, message);
  if (!choice) return;
  FUZZ_REQUIRE(choice->current.has_value());
  FUZZ_REQUIRE(choice->next == 1 - *choice->current);
  const BlockView chosen = *choice->current == 0 ? first : second;
  const Slot slot = parse_slot(chosen, kind);
  FUZZ_REQUIRE(slot.state == SlotState::kValid);
  FUZZ_REQUIRE(choice->next_sequence == slot.record->sequence + 1);
}

Input two_slots(RecordKind kind, const google::protobuf::MessageLite& message) {
  Input input(1 + 2 * kBlockBytes);
  input[0] = std::byte{1};
  const auto slots = std::span(input).subspan(1);
  FUZZ_REQUIRE(write_slot(slots.first<kBlockBytes>(), kind, 4, message).has_value());
  FUZZ_REQUIRE(
      write_slot(slots.subspan(kBlockBytes).first<kBlockBytes>(), kind, 5, message).has_value());
  return input;
}

}  // namespace

std::vector<Input> seeds() {
  google::protobuf::SetLogHandler(nullptr);  // it complains of damaged text, of which there is much
  pb::Label label;
  label.set_cluster_uuid("00112233-4455-6677-8899-aabbccddeeff");
  label.set_disk_uuid("01234567-89ab-4def-8123-456789abcdef");
  pb::CoredumpHeader header;
  header.set_attribute(pb::ABORTED);
  header.set_crash_id("0a1b2c3d-0000-4000-8000-000000000001");
  header.add_plan_nonces("nonce");
  header.set_extent_length_bytes(1 << 30);
  pb::Plan plan;
  pb::MailboxSlot mail;
  mail.set_node(1);
  return {two_slots(RecordKind::kLabel, label), two_slots(RecordKind::kCoredumpHeader, header),
          two_slots(RecordKind::kPlan, plan), two_slots(RecordKind::kMailboxSlot, mail)};
}

void run(std::span<const std::byte> input) {
  const bool seal = (take<std::uint8_t>(input) & 1U) != 0;
  const AlignedBuffer blocks(2 * kBlockBytes);
  const std::size_t bytes = std::min(input.size(), blocks.span().size());
  std::copy_n(input.begin(), bytes, blocks.span().begin());
  if (seal) {
    reseal(blocks.block(0));
    reseal(blocks.block(1));
  }
  read<pb::Label>(blocks.block(0), blocks.block(1), RecordKind::kLabel);
  read<pb::CoredumpHeader>(blocks.block(0), blocks.block(1), RecordKind::kCoredumpHeader);
  read<pb::Plan>(blocks.block(0), blocks.block(1), RecordKind::kPlan);
  read<pb::MailboxSlot>(blocks.block(0), blocks.block(1), RecordKind::kMailboxSlot);
}

}  // namespace lastword::fuzz
