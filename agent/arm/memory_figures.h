// How much memory a crash now would have to dump.
#pragma once

#include <cstdint>
#include <string_view>

#include "proto/error.h"

namespace lastword {

struct MemoryFigures {
  // What /proc/vmcore will hold: all System RAM but the capture kernel's reserve.
  std::uint64_t raw_bytes = 0;
  // What the kernel and programs use now: raw_bytes without the free pages, most of which are zero
  // or need no dump. An estimate.
  std::uint64_t in_use_bytes = 0;
  // The capture kernel's reserve (crashkernel=); 0: there is none.
  std::uint64_t reserved_bytes = 0;
};

// From the text of /proc/iomem and /proc/meminfo. kRefused: /proc/iomem shows no addresses of
// System RAM, as for every reader without CAP_SYS_ADMIN. kCorrupt: /proc/meminfo has no MemFree. A
// line that does not parse is skipped.
[[nodiscard]] Result<MemoryFigures> parse_memory_figures(std::string_view iomem,
                                                         std::string_view meminfo);
// Of this machine. Also kNotFound or kIo: one of the files cannot be read.
[[nodiscard]] Result<MemoryFigures> read_memory_figures();

// The space on a disk that a dump of so much memory takes at most: the memory, a header block for
// each section of pages (kMaxPayloadBytes), and room for the ELF head, the kernel log and the end.
// A section that is cut short by kMaxRuns leaves out at least as many zero pages as it stores, so
// shorter sections do not make the stream longer than this.
[[nodiscard]] std::uint64_t stream_bytes_for(std::uint64_t memory_bytes);
// For the ELF head (a program header for each stretch of memory), the kernel log, and the end.
inline constexpr std::uint64_t kStreamHeadBytes = 4 << 20;

}  // namespace lastword
