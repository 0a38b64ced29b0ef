// An ELF core file out of the head of a /proc/vmcore. Pure functions over memory. The head comes
// from another machine and is untrusted: every field is checked.
//
// The file that these functions lay out:
//
//   ELF header | program headers (PT_NOTE first) | notes | memory, in ranges of whole pages
//
// Program headers keep their order and their p_vaddr and p_paddr. Those whose physical memory
// overlaps (kernel text lies inside the direct map) share one place in the file, so that each page
// is in it once. The first PT_LOAD has p_align 0, by which crash tells a kdump from other cores
// (crash, netdump.c, is_netdump).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/corefile/pfn_set.h"
#include "proto/error.h"
#include "proto/stream.h"

namespace lastword {

struct CoreSegment {  // of a PT_LOAD
  std::uint32_t flags = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  // With the zero-filled part. Need not be whole pages, nor begin at one.
  std::uint64_t file_bytes = 0;
  std::uint64_t memory_bytes = 0;  // at least file_bytes
  std::uint64_t align = 0;
};

struct CoreHead {
  std::array<unsigned char, 16> ident{};
  std::uint16_t machine = 0;
  std::uint32_t flags = 0;
  std::vector<std::byte> notes;  // without padding after the last one
  std::vector<CoreSegment> segments;
  // Page frames of zero-filled parts (p_memsz beyond p_filesz) that no segment's file bytes cover.
  // The dump stream does not tell of them. In order and disjoint.
  std::vector<PfnRange> zero_filled;
};

// A zero-filled part costs nothing in the vmcore, and a descriptor for each page in a kdump core.
// So that a wrong p_memsz cannot make a dump too large to recover, all of them together are
// believed up to so many times what the file holds ...
inline constexpr std::uint64_t kMaxZeroFilledShare = 16;
// ... and up to the end of what a kdump core can describe (kKdumpMaxPages).
inline constexpr std::uint64_t kMaxZeroFilledPfn = std::uint64_t{1} << 36;

// Accepts all that the dump writer accepts (dumpwriter/memory/vmcore.h), so that nothing that was
// dumped is lost for its head.
//
// kCorrupt says which field; kUnsupported for another architecture. Accepts e_phnum PN_XNUM with
// the count in section header 0. A p_memsz that cannot be, or that is beyond the bounds above,
// counts as p_filesz.
[[nodiscard]] Result<CoreHead> parse_core_head(std::span<const std::byte> head);

// Physical addresses that x86-64 can have: 52 bits.
inline constexpr std::uint64_t kMaxPhysicalAddress = std::uint64_t{1} << 52;

// Where each page of memory goes in the file.
class CoreLayout {
 public:
  explicit CoreLayout(const CoreHead& head);

  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  // Everything before the first range; where the head is rendered.
  [[nodiscard]] std::uint64_t head_bytes() const { return head_bytes_; }
  // Page frames in the PT_LOADs, each once, in order and merged.
  [[nodiscard]] std::span<const PfnRange> memory() const { return memory_; }
  [[nodiscard]] std::uint64_t memory_pages() const { return memory_pages_; }

  struct Place {
    std::uint64_t file_offset;
    std::uint64_t pages;  // how many from this one on follow each other in the file
  };
  // Empty: the page frame is in no PT_LOAD.
  [[nodiscard]] std::optional<Place> place_of(std::uint64_t pfn) const;

 private:
  std::vector<PfnRange> memory_;
  std::vector<std::uint64_t> offsets_;  // of memory_'s ranges in the file
  std::uint64_t head_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t memory_pages_ = 0;
};

// The mark of an incomplete dump is a note after the recorded ones; its text is the reason. ELF has
// no flag for this. The note's type is NT_DISKDUMP: crash takes a core with such a note for a
// partial dump, whatever the note's name (netdump.c, dump_Elf64_Nhdr), and other readers skip the
// note.
inline constexpr std::string_view kIncompleteNoteName = "LASTWORD";
inline constexpr std::uint32_t kIncompleteNoteType = 0x70000001;
inline constexpr std::size_t kIncompleteNoteMaxText = 1023;

// The first layout.head_bytes() of the file. `incomplete`: why pages are missing; empty for a whole
// dump; longer text is cut.
[[nodiscard]] std::vector<std::byte> render_core_head(const CoreHead& head,
                                                      const CoreLayout& layout,
                                                      std::string_view incomplete);

}  // namespace lastword
