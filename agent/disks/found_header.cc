#include "agent/disks/found_header.h"

#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "proto/coredump.h"
#include "proto/stream.h"
#include "proto/uuid.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/record_io.h"

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

PairChoice place_of_replacement(RecordIo& records) {
  std::array<Slot, 2> slots;
  for (unsigned i = 0; i < 2; ++i) {
    if (const auto block = records.read_slot(RecordPlace::kCoredump, i)) {
      slots[i] = parse_slot(*block, RecordKind::kCoredumpHeader);
    }
  }
  return choose_replacement(slots[0], slots[1]);
}

}  // namespace

Result<FoundHeader> find_header(BlockDevice& device, std::uint64_t metadata_offset) {
  RecordIo records(device, metadata_offset);
  FoundHeader found;
  const auto at = records.read(RecordPlace::kCoredump, found.header);
  if (at) {
    found.at = *at;
    return found;
  }
  pb::Label label;
  if (at.error().code != Code::kCorrupt || !records.read(RecordPlace::kLabel, label)) {
    return fail(at.error());
  }
  auto header = header_of_stream(device, label);
  if (!header) return fail(at.error());
  found.header = std::move(*header);
  found.at = place_of_replacement(records);
  found.problem = at.error().detail.view();
  return found;
}

Result<pb::CoredumpHeader> find_header_by_stream(BlockDevice& device,
                                                 std::uint64_t metadata_offset) {
  pb::Label label;
  const auto read = RecordIo(device, metadata_offset).read(RecordPlace::kLabel, label);
  if (!read) return fail(read.error());
  auto header = header_of_stream(device, label);
  if (!header) {
    return fail({.code = Code::kNotFound,
                 .operation = "find a dump by its stream",
                 .disk = device.name(),
                 .offset = label.data_offset_bytes(),
                 .detail = "no section of a dump is where one begins"});
  }
  header->set_attribute(pb::ABORTED);
  header->clear_boot_generation();
  return std::move(*header);
}

}  // namespace lastword
