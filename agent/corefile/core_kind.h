// What a recovered core is, and who writes it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "agent/corefile/core_writer.h"
#include "agent/corefile/page_codec.h"
#include "agent/protocol/core_format.h"

namespace lastword {

struct CoreKind {
  CoreFormat format = CoreFormat::kKdump;
  PageCodec codec = PageCodec::kZlib;  // kdump only
};
// "kdump, zlib", or "elf".
[[nodiscard]] std::string describe(const CoreKind& kind);

// `file` is empty and outlives the writer. Uses all processors.
[[nodiscard]] std::unique_ptr<CoreWriter> make_core_writer(const CoreKind& kind, OutputFile& file);

// What a core file with `stored_pages` takes at most.
[[nodiscard]] std::uint64_t max_core_bytes(const CoreKind& kind, const CoreHead& head,
                                           const CoreLayout& layout, std::uint64_t stored_pages);

}  // namespace lastword
