#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/records/inspect.h"
#include "proto/crc32c.h"
#include "proto/disk.pb.h"
#include "proto/stream.h"
#include "proto/uuid.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

pb::InspectSection describe_section(const SectionHeader& header, std::span<const PageRun> runs,
                                    std::uint64_t offset) {
  pb::InspectSection out;
  out.set_offset_bytes(offset);
  out.set_sequence(header.sequence);
  out.set_kind(std::string(name_of(static_cast<SectionKind>(header.kind))));
  out.set_codec(std::string(name_of(static_cast<Codec>(header.codec))));
  out.set_raw_bytes(header.raw_bytes);
  out.set_stored_bytes(header.stored_bytes);
  out.set_first_pfn(header.first_pfn);
  out.set_end_pfn(header.end_pfn);
  if (static_cast<SectionKind>(header.kind) != SectionKind::kPages) return out;
  out.set_pass(std::string(name_of(static_cast<PagePass>(header.pass))));
  std::array<std::uint64_t, 4> pages{};  // by RunKind
  for (const PageRun& run : runs) pages[run.what] += run.count;
  out.set_stored_pages(pages[0]);
  out.set_zero_pages(pages[1]);
  out.set_excluded_pages(pages[2]);
  out.set_unreadable_pages(pages[3]);
  return out;
}

// "OK", or what is wrong.
std::string check_payload(BlockDevice& device, const SectionHeader& header, std::uint64_t offset,
                          std::span<std::byte> buffer) {
  const auto whole_blocks = buffer.first(round_up_to_block(header.stored_bytes));
  if (!whole_blocks.empty()) {
    if (Status status = device.read(offset, whole_blocks); !status) {
      return describe(status.error());
    }
  }
  const bool good = crc32c(whole_blocks.first(header.stored_bytes)) == header.payload_crc32c;
  return good ? "OK" : "payload has the wrong CRC";
}

}  // namespace

pb::InspectStream inspect_stream(BlockDevice& device, const pb::CoredumpHeader& header,
                                 std::string& problem) {
  pb::InspectStream stream;
  const auto crash_id = parse_uuid(header.crash_id());
  const std::uint64_t start = header.extent_offset_bytes();
  const std::uint64_t size = device.size_bytes();
  if (!crash_id || start % kBlockBytes != 0 || start > size ||
      header.durable_bytes() > header.extent_length_bytes()) {
    problem = "dump: the coredump header's crash id or extent makes no sense";
    stream.set_end(problem);
    return stream;
  }
  // Of a copy of a disk's first part, what there is.
  const std::uint64_t length = std::min(header.extent_length_bytes(), size - start);
  const AlignedBuffer block(kBlockBytes);
  const AlignedBuffer payload(kMaxPayloadBytes);
  std::uint64_t offset = 0;  // from the start of the extent
  while (offset + kBlockBytes <= length) {
    const auto sequence = static_cast<std::uint64_t>(stream.sections_size());
    if (sequence == kInspectedSections) {
      stream.set_more(true);
      return stream;
    }
    const Result<SectionHeader> section = device.read(start + offset, block.span()).and_then([&] {
      return parse_section(block.block(0), sequence, *crash_id);
    });
    if (!section) {
      stream.set_end(fmt::format("byte {}: {}", start + offset, section.error().detail.view()));
      // What lies beyond the durable prefix may be anything.
      if (offset < header.durable_bytes()) problem = "dump: " + stream.end();
      return stream;
    }
    const std::uint64_t stored = round_up_to_block(section->stored_bytes);
    pb::InspectSection& out = *stream.add_sections();
    out = describe_section(*section, runs_of(block.block(0), *section), start + offset);
    offset += kBlockBytes;
    if (stored > length - offset) {
      out.set_state("goes beyond the extent, or beyond the disk's end");
    } else {
      out.set_state(check_payload(device, *section, start + offset, payload.span()));
    }
    if (out.state() != "OK") {
      stream.set_end(fmt::format("byte {}: {}", start + offset, out.state()));
      if (offset < header.durable_bytes()) problem = "dump: " + stream.end();
      return stream;
    }
    offset += stored;
    if (static_cast<SectionKind>(section->kind) == SectionKind::kEnd) {
      stream.set_end("end section: the dump is whole");
      return stream;
    }
  }
  const bool cut = length < header.extent_length_bytes();
  stream.set_end(cut ? "the disk ends before the extent does" : "the extent is full");
  if (offset < header.durable_bytes()) problem = "dump: " + stream.end();
  return stream;
}

}  // namespace lastword
