#include "proto/stream.h"

#include <algorithm>
#include <cstring>

#include "proto/crc32c.h"

namespace lastword {
namespace {

std::uint32_t header_crc(std::span<const std::byte, kBlockBytes> block) {
  constexpr std::size_t at = offsetof(SectionHeader, header_crc32c);
  constexpr std::array<std::byte, sizeof(std::uint32_t)> zero{};
  std::uint32_t crc = crc32c(block.first(at));
  crc = crc32c(zero, crc);
  return crc32c(block.subspan(at + sizeof zero), crc);
}

tl::unexpected<Error> corrupt(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read section", .detail = detail});
}

// 0: no such kind.
std::uint64_t max_raw_bytes(SectionKind kind) {
  switch (kind) {
    case SectionKind::kElfHead:
    case SectionKind::kDmesg:
    case SectionKind::kPages:
      return kMaxPayloadBytes;
    case SectionKind::kEnd:
      return sizeof(EndPayload);
  }
  return 0;
}

Status check_runs(std::span<const std::byte, kBlockBytes> block, const SectionHeader& header) {
  if (header.first_pfn > header.end_pfn) return corrupt("page frame range runs backwards");
  std::uint64_t next = header.first_pfn;
  std::uint64_t pages = 0;
  for (const PageRun& run : runs_of(block, header)) {
    if (run.count == 0 || run.pfn < next || run.pfn > header.end_pfn ||
        run.count > header.end_pfn - run.pfn) {
      return corrupt("page runs unsorted or outside their range");
    }
    if (run.what > static_cast<std::uint16_t>(RunKind::kUnreadable) ||
        run.page_class >= kPageClasses) {
      return corrupt("page run of an unknown kind");
    }
    next = run.pfn + run.count;
    if (run.what == static_cast<std::uint16_t>(RunKind::kStored)) pages += run.count;
  }
  if (pages * kPageBytes != header.raw_bytes) return corrupt("page runs and length disagree");
  return {};
}

}  // namespace

std::string_view name_of(SectionKind kind) {
  switch (kind) {
    case SectionKind::kElfHead:
      return "elf-head";
    case SectionKind::kDmesg:
      return "dmesg";
    case SectionKind::kPages:
      return "pages";
    case SectionKind::kEnd:
      return "end";
  }
  return "unknown";
}

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kLz4:
      return "lz4";
    case Codec::kZstd:
      return "zstd";
  }
  return "unknown";
}

std::string_view name_of(PagePass pass) {
  switch (pass) {
    case PagePass::kEssential:
      return "essential";
    case PagePass::kImage:
      return "image";
    case PagePass::kSlab:
      return "slab";
    case PagePass::kKernel:
      return "kernel";
    case PagePass::kUser:
      return "user";
    case PagePass::kCache:
      return "cache";
    case PagePass::kFree:
      return "free";
  }
  return "unknown";
}

std::optional<PagePass> pass_of(PageClass page_class) {
  switch (page_class) {
    case PageClass::kSlab:
      return PagePass::kSlab;
    case PageClass::kKernel:
      return PagePass::kKernel;
    case PageClass::kUser:
    case PageClass::kHugetlb:
      return PagePass::kUser;
    case PageClass::kPrivateCache:
    case PageClass::kCache:
      return PagePass::kCache;
    case PageClass::kFree:
      return PagePass::kFree;
    case PageClass::kOffline:
    case PageClass::kHwpoison:
      break;
  }
  return std::nullopt;
}

std::span<const PageRun> runs_of(std::span<const std::byte, kBlockBytes> block,
                                 const SectionHeader& header) {
  return {reinterpret_cast<const PageRun*>(block.data() + sizeof(SectionHeader)),
          std::min(header.run_count, kMaxRuns)};
}

void seal_section(std::span<std::byte, kBlockBytes> block, const StreamFormat& format) {
  SectionHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  header.magic = format.magic;
  header.version = format.version;
  header.header_crc32c = 0;
  std::memcpy(block.data(), &header, sizeof header);
  header.header_crc32c = header_crc(block);
  std::memcpy(block.data(), &header, sizeof header);
}

Result<SectionHeader> parse_frame(std::span<const std::byte, kBlockBytes> block,
                                  const StreamFormat& format, std::uint64_t expected_sequence,
                                  std::span<const std::uint8_t, 16> id) {
  SectionHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  Error error{.code = Code::kNotFound, .operation = "read section", .detail = "no section"};
  if (header.magic != format.magic) return fail(error);
  if (header.header_crc32c != header_crc(block)) return corrupt("wrong header CRC");
  error.detail = format.stranger;
  if (header.sequence != expected_sequence) return fail(error);
  if (!std::equal(id.begin(), id.end(), header.crash_id.begin())) return fail(error);
  error.detail = {};
  if (header.version < format.version) error.code = Code::kUnsupported;
  if (header.version > format.version) error.code = Code::kFutureVersion;
  if (header.version != format.version) return fail(error);
  return header;
}

Status check_codec(const SectionHeader& header, std::uint64_t max_raw_bytes) {
  if (header.codec > static_cast<std::uint16_t>(Codec::kZstd)) return corrupt("unknown codec");
  if (header.raw_bytes > max_raw_bytes || header.stored_bytes > max_raw_bytes) {
    return corrupt("section too long");
  }
  const bool plain = static_cast<Codec>(header.codec) == Codec::kNone;
  if (plain && header.raw_bytes != header.stored_bytes) {
    return corrupt("stored and raw length differ without a codec");
  }
  if (!plain && header.stored_bytes >= header.raw_bytes) return corrupt("stored longer than raw");
  return {};
}

Result<SectionHeader> parse_section(std::span<const std::byte, kBlockBytes> block,
                                    std::uint64_t expected_sequence,
                                    std::span<const std::uint8_t, 16> crash_id) {
  auto frame = parse_frame(block, kDumpFormat, expected_sequence, crash_id);
  if (!frame) {
    Error error = frame.error();
    if (error.code == Code::kUnsupported) {
      error.detail =
          "written by an older lastword, before its first release; recover it with "
          "that version";
    } else if (error.code == Code::kFutureVersion) {
      error.detail = "written by a newer lastword; recover it with that version";
    }
    return fail(error);
  }
  const SectionHeader& header = *frame;
  const auto kind = static_cast<SectionKind>(header.kind);
  const std::uint64_t limit = max_raw_bytes(kind);
  if (limit == 0) return corrupt("unknown section kind");
  if (Status status = check_codec(header, limit); !status) return fail(status.error());
  if (header.pass >= kPagePasses || (kind != SectionKind::kPages && header.pass != 0)) {
    return corrupt("unknown pass");
  }
  if (kind == SectionKind::kPages) {
    if (header.run_count > kMaxRuns) return corrupt("too many page runs");
    if (Status status = check_runs(block, header); !status) return fail(status.error());
  } else if (header.run_count != 0) {
    return corrupt("page runs outside a pages section");
  }
  if (kind == SectionKind::kEnd &&
      (header.raw_bytes != sizeof(EndPayload) || header.stored_bytes != sizeof(EndPayload))) {
    return corrupt("end section of the wrong length");
  }
  return header;
}

}  // namespace lastword
