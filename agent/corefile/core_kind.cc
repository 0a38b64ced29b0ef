#include "agent/corefile/core_kind.h"

#include <fmt/format.h>

#include "agent/base/ordered_work.h"
#include "agent/corefile/kdump_core.h"

namespace lastword {

std::string describe(const CoreKind& kind) {
  if (kind.format == CoreFormat::kElf) return std::string(name_of(kind.format));
  return fmt::format("{}, {}", name_of(kind.format), name_of(kind.codec));
}

std::unique_ptr<CoreWriter> make_core_writer(const CoreKind& kind, OutputFile& file) {
  if (kind.format == CoreFormat::kElf) return std::make_unique<ElfCoreWriter>(file);
  return std::make_unique<KdumpCoreWriter>(file, kind.codec, all_processors());
}

std::uint64_t max_core_bytes(const CoreKind& kind, const CoreHead& head, const CoreLayout& layout,
                             std::uint64_t stored_pages) {
  if (kind.format == CoreFormat::kKdump) {
    return KdumpCoreWriter::max_bytes(head, layout, stored_pages);
  }
  return layout.head_bytes() + stored_pages * kPageBytes;
}

}  // namespace lastword
