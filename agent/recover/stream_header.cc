#include "agent/recover/stream_header.h"

#include <cstring>

#include "proto/coredump.h"
#include "proto/stream.h"
#include "proto/uuid.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

// The first section may be damaged; the second begins within its longest length.
constexpr std::uint64_t kSearchedBytes = kMaxPayloadBytes + 2 * kBlockBytes;

std::optional<UuidBytes> crash_id_in(std::span<const std::byte, kBlockBytes> block) {
  SectionHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  if (!parse_section(block, header.sequence, header.crash_id)) return std::nullopt;
  return header.crash_id;
}

}  // namespace

std::optional<pb::CoredumpHeader> header_of_stream(BlockDevice& device, const pb::Label& label) {
  const std::uint64_t start = label.data_offset_bytes();
  if (!may_hold_dump(label.role()) || start % kBlockBytes != 0 || start > device.size_bytes()) {
    return std::nullopt;
  }
  const AlignedBuffer block(kBlockBytes);
  std::optional<UuidBytes> crash_id;
  for (std::uint64_t at = 0; !crash_id && at < kSearchedBytes; at += kBlockBytes) {
    if (device.size_bytes() - start < at + kBlockBytes) break;
    if (device.read(start + at, block.span())) crash_id = crash_id_in(block.block(0));
  }
  if (!crash_id) return std::nullopt;
  pb::CoredumpHeader header;
  header.set_attribute(pb::IN_PROGRESS);
  header.set_node(label.home_node());
  header.set_boot_generation(label.home_generation());
  header.set_crash_id(to_string(*crash_id));
  header.set_extent_offset_bytes(start);
  header.set_extent_length_bytes(label.data_length_bytes());
  return header;
}

}  // namespace lastword
