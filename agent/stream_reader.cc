#include "agent/stream_reader.h"

#include <algorithm>
#include <cstring>

#include "proto/crc32c.h"

namespace lastword {
namespace {

tl::unexpected<Error> corrupt(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read section", .detail = detail});
}

}  // namespace

StreamReader::StreamReader(BlockDevice& device, std::uint64_t offset, std::uint64_t length,
                           const UuidBytes& crash_id)
    : disk_(device.name()),
      offset_(offset),
      length_(length),
      crash_id_(crash_id),
      ahead_(device, offset, length) {}

// stream := elf-head+ dmesg* pages* end?
Status StreamReader::check_order(SectionKind kind) const {
  if (end_.sections == 0 && kind != SectionKind::kElfHead) {
    return corrupt("the stream does not begin with an elf-head");
  }
  if (kind < previous_) return corrupt("section kinds out of order");
  return {};
}

Status StreamReader::check_totals() {
  std::memcpy(&end_.totals, section_.payload.data(), sizeof end_.totals);
  if (end_.totals.section_count != end_.sections || end_.totals.stream_bytes != end_.bytes) {
    return corrupt("the end section counts other sections than there are");
  }
  return {};
}

Status StreamReader::read_section() {
  const auto block = ahead_.take(kBlockBytes);
  if (!block) return fail(block.error());
  std::memcpy(block_.data(), block->data(), kBlockBytes);
  const auto header = parse_section(block_, end_.sections, crash_id_);
  if (!header) return fail(header.error());
  const auto kind = static_cast<SectionKind>(header->kind);
  if (Status status = check_order(kind); !status) return status;

  const std::uint64_t padded = round_up_to_block(header->stored_bytes);
  if (padded > length_ - end_.bytes - kBlockBytes) {
    return corrupt("section goes beyond the dump's extent");
  }
  std::span<const std::byte> payload;
  if (padded > 0) {
    const auto taken = ahead_.take(padded);
    if (!taken) return fail(taken.error());
    payload = taken->first(header->stored_bytes);
  }
  if (crc32c(payload) != header->payload_crc32c) return corrupt("wrong payload CRC");

  section_ = {.header = *header,
              .disk_offset = offset_ + end_.bytes,
              .runs = runs_of(block_, *header),
              .payload = payload};
  previous_ = kind;
  end_.bytes += kBlockBytes + padded;
  ++end_.sections;
  return {};
}

const Section* StreamReader::next() {
  if (ended_) return nullptr;
  const std::uint64_t start = end_.bytes;
  Status status = read_section();
  if (status && previous_ != SectionKind::kEnd) return &section_;

  ended_ = true;
  if (status) status = check_totals();
  if (status) {
    end_.whole = true;
    return nullptr;
  }
  end_.why = status.error();
  end_.why.disk = disk_;
  if (end_.why.offset == kNoOffset) end_.why.offset = offset_ + start;
  return nullptr;
}

}  // namespace lastword
