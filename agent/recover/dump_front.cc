#include "agent/recover/dump_front.h"

#include "agent/recover/payload_decoder.h"
#include "proto/stream.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

// From section header to section header; payloads are read on demand. Errors name disk and place.
class SectionWalk {
 public:
  SectionWalk(BlockDevice& device, const Dump& dump)
      : device_(device),
        start_(dump.header.extent_offset_bytes()),
        length_(dump.header.extent_length_bytes()),
        crash_id_(dump.crash_id) {}

  // The next section; its payload is inside the extent, but not checked.
  [[nodiscard]] Result<SectionHeader> next() {
    at_ = next_;
    auto header = read_header();
    if (!header) return fail(located(header.error()));
    ++sequence_;
    next_ = at_ + kBlockBytes + round_up_to_block(header->stored_bytes);
    return header;
  }

  // Of the section that next() returned; valid until the next call.
  [[nodiscard]] Result<std::span<const std::byte>> payload(const SectionHeader& header) {
    const auto blocks = payload_.span().first(round_up_to_block(header.stored_bytes));
    const auto stored = blocks.first(header.stored_bytes);
    if (!blocks.empty()) {
      if (Status status = device_.read(start_ + at_ + kBlockBytes, blocks); !status) {
        return fail(status.error());
      }
    }
    auto content = decoder_.decode(header, stored, raw_.span());
    if (!content) return fail(located(content.error()));
    return content;
  }

 private:
  [[nodiscard]] Result<SectionHeader> read_header() {
    if (at_ + kBlockBytes > length_) {
      return fail({.code = Code::kNotFound,
                   .operation = "read section",
                   .detail = "the dump's extent ends here"});
    }
    if (Status status = device_.read(start_ + at_, block_.span()); !status) {
      return fail(status.error());
    }
    auto header = parse_section(block_.block(0), sequence_, crash_id_);
    if (header && round_up_to_block(header->stored_bytes) > length_ - at_ - kBlockBytes) {
      return corrupt_section("section goes beyond the dump's extent");
    }
    return header;
  }

  [[nodiscard]] Error located(Error error) const {
    error.disk = device_.name();
    if (error.offset == kNoOffset) error.offset = start_ + at_;
    return error;
  }

  BlockDevice& device_;
  const std::uint64_t start_;
  const std::uint64_t length_;
  const UuidBytes crash_id_;
  AlignedBuffer block_{kBlockBytes};
  AlignedBuffer payload_{kMaxPayloadBytes};
  AlignedBuffer raw_{kMaxPayloadBytes};
  PayloadDecoder decoder_;
  std::uint64_t at_ = 0;    // of the section at hand, from the start of the extent
  std::uint64_t next_ = 0;  // of the one after it
  std::uint64_t sequence_ = 0;
};

// False: this section is behind the front.
Result<bool> take(SectionWalk& walk, const SectionHeader& header, DumpFront& front) {
  const auto kind = static_cast<SectionKind>(header.kind);
  if (kind != SectionKind::kElfHead && kind != SectionKind::kDmesg) return false;
  if (kind == SectionKind::kElfHead && !front.dmesg.empty()) {
    return corrupt_section("section kinds out of order");
  }
  const auto content = walk.payload(header);
  if (!content) return fail(content.error());
  if (kind == SectionKind::kElfHead) {
    if (front.head.size() + content->size() > kMaxElfHeadBytes) {
      return corrupt_section("the vmcore's head is too long");
    }
    front.head.insert(front.head.end(), content->begin(), content->end());
    return true;
  }
  if (front.dmesg.size() + content->size() > kMaxDmesgBytes) {
    return corrupt_section("the kernel log is too long");
  }
  front.dmesg.append(reinterpret_cast<const char*>(content->data()), content->size());
  return true;
}

}  // namespace

DumpFront read_front(BlockDevice& device, const Dump& dump) {
  DumpFront front;
  SectionWalk walk(device, dump);
  for (;;) {
    const auto header = walk.next();
    const Result<bool> taken = header ? take(walk, *header, front) : fail(header.error());
    if (!taken) {
      front.end = taken.error();
      if (front.end.disk.empty()) front.end.disk = device.name();
      return front;
    }
    if (!*taken) {
      front.whole = true;
      return front;
    }
  }
}

std::uint64_t count_stored_pages(BlockDevice& device, const Dump& dump) {
  SectionWalk walk(device, dump);
  std::uint64_t pages = 0;
  while (const auto header = walk.next()) {
    const auto kind = static_cast<SectionKind>(header->kind);
    if (kind == SectionKind::kEnd) break;
    if (kind == SectionKind::kPages) pages += header->raw_bytes / kPageBytes;
  }
  return pages;
}

}  // namespace lastword
