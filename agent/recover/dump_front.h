// What a dump begins with, without reading all of it: the vmcore's head and the kernel log. And how
// much it will take elsewhere, from its section headers alone. Reads only; a dump that is being
// written may be read too.
#pragma once

#include <string>
#include <vector>

#include "agent/recover/dump_source.h"
#include "proto/error.h"

namespace lastword {

struct DumpFront {
  std::vector<std::byte> head;  // for parse_core_head
  std::string dmesg;
  // Both are all there is of them. Else `end` says why reading stopped: kNotFound where nothing of
  // the dump follows (yet), kCorrupt, kFutureVersion, or what the device said.
  bool whole = false;
  Error end;
};
[[nodiscard]] DumpFront read_front(BlockDevice& device, const Dump& dump);

// Pages that the sections of the dump claim to store, up to the first one with a damaged header.
// Reads one block for each section.
[[nodiscard]] std::uint64_t count_stored_pages(BlockDevice& device, const Dump& dump);

}  // namespace lastword
