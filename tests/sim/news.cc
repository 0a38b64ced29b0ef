#include "tests/sim/news.h"

#include <optional>

#include "proto/disk.pb.h"
#include "proto/record.h"
#include "tests/sim/digest.h"

namespace lastword::sim {
namespace {

using fake::Command;

// What a mailbox slot says, but for what grows with each heartbeat. Absent: it is no such slot.
std::optional<std::uint64_t> meaning_of(std::span<const std::byte> block) {
  if (block.size() != kBlockBytes) return {};
  const Slot slot = parse_slot(block.first<kBlockBytes>(), RecordKind::kMailboxSlot);
  if (slot.state != SlotState::kValid) return {};
  pb::MailboxSlot said;
  const auto payload = slot.record->payload;
  if (!said.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return {};
  said.clear_sequence();
  said.clear_echo_sequence();
  return digest_of(said.SerializeAsString());
}

}  // namespace

void News::executed(const Actor& actor, const fake::CommandTrace& about,
                    std::span<const std::byte> content) {
  if (!about.outcome->has_value()) return happened();
  switch (about.command) {
    case Command::kTestUnitReady:
    case Command::kReadKeys:
    case Command::kReadReservation:
    case Command::kReportCapabilities:
    case Command::kRead:
    case Command::kFlush:
      return;
    case Command::kWrite: {
      if (actor.service) return;
      const auto meaning = meaning_of(content);
      if (!meaning) return happened();
      std::uint64_t& before = heartbeats_[{actor.node, about.lun}];
      if (before != *meaning) happened();
      before = *meaning;
      return;
    }
    default:
      return happened();
  }
}

bool News::is_first(const Actor& actor, const fake::CommandTrace& about, std::uint64_t kind) {
  std::uint64_t digest = mix(digest_of(actor.process), actor.node << 8 | actor.boot);
  digest = mix(digest, about.lun << 8 | static_cast<unsigned>(about.command));
  digest = mix(mix(digest, about.own.value), about.victim.value);
  std::uint64_t& seen = seen_[mix(mix(digest, about.offset), kind)];
  if (seen == number_) return false;
  seen = number_;
  return true;
}

}  // namespace lastword::sim
