#include "dumpwriter/memory/memory_model.h"

#include "proto/format_text.h"
#include "proto/stream.h"

namespace lastword {
namespace {

// Flags in the low bits of section_mem_map; bit 0 says that the section has memory at all (Linux
// include/linux/mmzone.h SECTION_MARKED_PRESENT, SECTION_MAP_MASK).
constexpr std::uint64_t kMarkedPresent = 1 << 0;
constexpr std::uint64_t kFlags = 0x1f;

// x86-64 has 27. Blocks of the buddy allocator must not cross sections.
constexpr std::int64_t kMinSectionBits = 22;
constexpr std::int64_t kMaxSectionBits = 40;
constexpr std::uint64_t kMaxRoots = 1 << 20;

}  // namespace

Result<MemoryModel> MemoryModel::open(PageTables& tables, const Vmcoreinfo& info,
                                      std::uint64_t page_bytes) {
  const auto roots = info.symbol("mem_section");
  const auto root_count = info.length("mem_section");
  const auto section_bytes = info.size("mem_section");
  const auto map_offset = info.offset("mem_section.section_mem_map");
  const auto section_bits = info.number("SECTION_SIZE_BITS");
  if (!roots || !root_count || !section_bytes || !map_offset || !section_bits) {
    return fail({.code = Code::kNotFound,
                 .operation = "read VMCOREINFO",
                 .detail = "mem_section is missing or incomplete"});
  }
  // A root is one page of them (SECTIONS_PER_ROOT).
  if (*section_bytes > kPageBytes || *section_bytes < sizeof(std::uint64_t) ||
      *map_offset > *section_bytes - sizeof(std::uint64_t) || *root_count > kMaxRoots ||
      *section_bits < kMinSectionBits || *section_bits > kMaxSectionBits) {
    return fail({.code = Code::kUnsupported,
                 .operation = "read VMCOREINFO",
                 .detail = format_text("mem_section of {} bytes, {} roots, SECTION_SIZE_BITS {}",
                                       *section_bytes, *root_count, *section_bits)});
  }
  MemoryModel model(tables, page_bytes);
  model.roots_ = *roots;
  model.root_count_ = *root_count;
  model.section_bytes_ = *section_bytes;
  model.map_offset_ = *map_offset;
  model.frames_per_section_ = std::uint64_t{1} << (*section_bits - kPageShift);
  return model;
}

std::optional<std::uint64_t> MemoryModel::page_address(std::uint64_t pfn) {
  const std::uint64_t section = pfn / frames_per_section_;
  if (section != last_section_) {
    last_map_ = memory_map_of(section);
    last_section_ = section;
  }
  if (!last_map_) return std::nullopt;
  // As if it began at frame 0 (sparse_encode_mem_map).
  return *last_map_ + pfn * page_bytes_;
}

std::optional<std::uint64_t> MemoryModel::memory_map_of(std::uint64_t section) {
  const std::uint64_t sections_per_root = kPageBytes / section_bytes_;
  const std::uint64_t root_index = section / sections_per_root;
  if (root_index >= root_count_) return std::nullopt;
  std::uint64_t root = 0;
  const std::uint64_t root_at = roots_ + root_index * sizeof root;
  if (!tables_.read(root_at, std::as_writable_bytes(std::span(&root, 1))) || root == 0) {
    return std::nullopt;
  }
  std::uint64_t map = 0;
  const std::uint64_t map_at = root + section % sections_per_root * section_bytes_ + map_offset_;
  if (!tables_.read(map_at, std::as_writable_bytes(std::span(&map, 1))) ||
      (map & kMarkedPresent) == 0) {
    return std::nullopt;
  }
  return map & ~kFlags;
}

}  // namespace lastword
