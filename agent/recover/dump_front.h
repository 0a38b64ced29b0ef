// What a dump begins with, without reading all of it: the vmcore's head and the kernel log. And how
// much it will take elsewhere, from its section headers alone. Reads only; a dump that is being
// written may be read too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/corefile/elf_core.h"
#include "agent/recover/dump_source.h"
#include "proto/error.h"

namespace lastword {

struct DumpFront {
  std::vector<std::byte> head;  // for parse_core_head
  std::uint64_t head_sections = 0;
  std::string dmesg;
  // Both are all there is of them. Else `end` says where the first part is missing and why:
  // kNotFound where nothing of the dump follows (yet), kCorrupt, kFutureVersion, or what the device
  // said.
  bool whole = false;
  Error end;
};
[[nodiscard]] DumpFront read_front(BlockDevice& device, const Dump& dump);

// Nothing of the dump ever reached the disk: its writer was over before, and promised nothing.
[[nodiscard]] bool holds_nothing(BlockDevice& device, const Dump& dump);

// Pages that the sections of the dump claim to store. Reads one block for each section.
[[nodiscard]] std::uint64_t count_stored_pages(BlockDevice& device, const Dump& dump);

// A head in place of one that the disk lost: memory is what the dump's pages sections tell of, and
// there are no notes. None: no section does.
[[nodiscard]] std::optional<CoreHead> head_of_told_memory(BlockDevice& device, const Dump& dump);

}  // namespace lastword
