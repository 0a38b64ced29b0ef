#include "proto/clone_stream.h"

#include <cstring>

namespace lastword {
namespace {

tl::unexpected<Error> corrupt(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read section", .detail = detail});
}

// 0: no such kind.
std::uint64_t max_raw_bytes(CloneSection kind) {
  switch (kind) {
    case CloneSection::kHead:
      return kMaxPayloadBytes;
    case CloneSection::kContent:
      return kMaxContentBytes;
    case CloneSection::kEnd:
      return sizeof(CloneEnd) + kMaxCloneVolumes * sizeof(Hash128);
  }
  return 0;
}

}  // namespace

Result<SectionHeader> parse_clone_section(std::span<const std::byte, kBlockBytes> block,
                                          std::uint64_t expected_sequence,
                                          std::span<const std::uint8_t, 16> id) {
  auto frame = parse_frame(block, kCloneFormat, expected_sequence, id);
  if (!frame) {
    Error error = frame.error();
    if (error.code == Code::kNotFound) error.code = Code::kCorrupt;
    if (error.detail.empty()) error.detail = "the stream is of another version of lastword";
    return fail(error);
  }
  const SectionHeader& header = *frame;
  const auto kind = static_cast<CloneSection>(header.kind);
  const std::uint64_t limit = max_raw_bytes(kind);
  if (limit == 0) return corrupt("unknown section kind");
  if (Status status = check_codec(header, limit); !status) return fail(status.error());
  if ((kind == CloneSection::kHead) != (expected_sequence == 0)) {
    return corrupt("the head is not the first section");
  }
  if (header.raw_bytes == 0) return corrupt("section without content");
  if (header.pass != 0 || header.first_pfn != 0 || header.end_pfn != 0) {
    return corrupt("fields of a dump are set");
  }
  const bool has_runs = header.run_count != 0;
  if (has_runs != (kind == CloneSection::kContent)) return corrupt("wrong number of runs");
  if (header.run_count > kMaxContentRuns || header.run_count > header.raw_bytes) {
    return corrupt("too many runs");
  }
  return header;
}

}  // namespace lastword
