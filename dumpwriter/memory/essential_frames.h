// The page frames that every debugger reads before it shows anything, found by the dead kernel's
// own page tables and VMCOREINFO; what is missing there comes later in the dump, that is all.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "dumpwriter/memory/page_tables.h"
#include "dumpwriter/memory/vmcore.h"

namespace lastword {

// Sorted, disjoint and not adjacent once merge() was called. As many as have room, in 256 KiB that
// are allocated at once: of stacks whose pages lie anywhere, some 4000.
class FrameIntervals {
 public:
  static constexpr std::size_t kMost = 16384;

  FrameIntervals() { all_.reserve(kMost); }
  void add(std::uint64_t first_pfn, std::uint64_t count);
  // To be called after the last add().
  void merge();
  [[nodiscard]] std::span<const FrameInterval> all() const { return all_; }

 private:
  std::vector<FrameInterval> all_;
  bool full_ = false;
};

// Frames among them may be no memory.
class EssentialFrames {
 public:
  // Asked about every few reads of memory, each of which may be slow. False: stop looking.
  using KeepGoing = std::function<bool()>;
  // Looks once, however often it is called; what was found when it had to stop is all there is.
  void find(const Vmcore& core, const KeepGoing& keep_going);
  // The page tables; mem_section; struct pglist_data; stacks and other small vmalloc'ed areas; the
  // blocks that per-CPU areas lie in; writable data of the kernel's image and of modules.
  [[nodiscard]] std::span<const FrameInterval> essential() const { return essential_.all(); }
  // Image and modules, of which some is essential.
  [[nodiscard]] std::span<const FrameInterval> image() const { return image_.all(); }

 private:
  class Visitor;
  [[nodiscard]] bool add_virtual(PageTables& tables, std::uint64_t vaddr, std::uint64_t bytes,
                                 const KeepGoing& keep_going);
  [[nodiscard]] bool add_pointed_to(PageTables& tables, const Vmcoreinfo& info,
                                    std::string_view array, std::uint64_t most,
                                    std::uint64_t bytes_of_each, const KeepGoing& keep_going);

  FrameIntervals essential_;
  FrameIntervals image_;
  bool found_ = false;
};

}  // namespace lastword
