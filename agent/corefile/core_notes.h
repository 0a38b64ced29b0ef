// What the notes of a vmcore say: how many processors, and VMCOREINFO. Untrusted: every size is
// checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/vmcoreinfo.h"

namespace lastword {

struct CoreNotes {
  std::uint64_t cpus = 0;  // notes with registers
  // Of VMCOREINFO within the notes; no bytes where there is none.
  std::uint64_t vmcoreinfo_offset = 0;
  std::uint64_t vmcoreinfo_bytes = 0;
  Vmcoreinfo vmcoreinfo;  // a view of the notes
};
// Up to the first note that is damaged.
[[nodiscard]] CoreNotes read_core_notes(std::span<const std::byte> notes);

}  // namespace lastword
