#include "dumpwriter/memory/essential_frames.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dumpwriter/memory/physical_memory.h"
#include "proto/stream.h"

namespace lastword {
namespace {

// Linux Documentation/x86/x86_64/mm.rst: cpu_entry_area; the same with 4 and 5 levels.
constexpr std::uint64_t kCpuEntryArea = 0xfffffe0000000000;
constexpr std::uint64_t kCpuEntryBytes = std::uint64_t{1} << 39;
// Per-CPU units are allocated in blocks of a large page (arch/x86/kernel/setup_percpu.c).
constexpr std::uint64_t kPerCpuBlockFrames = 512;
// A stack (arch/x86/include/asm/page_64_types.h, THREAD_SIZE); a guard page follows each area
// (mm/vmalloc.c). Larger areas are tables and buffers.
constexpr std::size_t kSmallAreaPages = 4;
// Of mem_section: 4 PiB with 27 bits a section. Of nodes as many as x86-64 can have, of struct
// pglist_data many times what it takes.
constexpr std::uint64_t kMostRoots = 1 << 17;
constexpr std::uint64_t kMostNodes = 1024;
constexpr std::uint64_t kMostNodeBytes = 4 << 20;
// Each translation may read a table of every level.
constexpr std::uint64_t kReadsAtOnce = 64;

}  // namespace

// Tables, and what they map but the direct map, struct pages and large areas.
class EssentialFrames::Visitor final : public PageTables::Visitor {
 public:
  Visitor(EssentialFrames& frames, const MemoryMap& map, const KeepGoing& keep_going)
      : frames_(frames), map_(map), keep_going_(keep_going) {}

  bool table(std::uint64_t paddr) override {
    frames_.essential_.add(paddr / kPageBytes, 1);
    return keep_going_();
  }

  void leaf(const PageTables::Leaf& leaf) override {
    const std::uint64_t pfn = leaf.paddr / kPageBytes;
    if (leaf.vaddr - kCpuEntryArea < kCpuEntryBytes) {
      frames_.essential_.add(pfn / kPerCpuBlockFrames * kPerCpuBlockFrames, kPerCpuBlockFrames);
    } else if (leaf.vaddr >= kKernelMap) {
      FrameIntervals& to = leaf.writable ? frames_.essential_ : frames_.image_;
      to.add(pfn, leaf.bytes / kPageBytes);
    } else if (leaf.bytes == kPageBytes) {
      page_of_area(leaf.vaddr, pfn);
    }
  }

  void end_area() {
    const bool small = area_pages_ > 0 && area_pages_ <= kSmallAreaPages;
    // What PT_LOADs have is the direct map.
    if (small && !map_.locate_virtual(area_end_ - kPageBytes)) {
      for (std::size_t i = 0; i < area_pages_; ++i) frames_.essential_.add(area_[i], 1);
    }
    area_pages_ = 0;
  }

 private:
  void page_of_area(std::uint64_t vaddr, std::uint64_t pfn) {
    if (vaddr != area_end_) end_area();
    if (area_pages_ < kSmallAreaPages) area_[area_pages_] = pfn;
    ++area_pages_;
    area_end_ = vaddr + kPageBytes;
  }

  EssentialFrames& frames_;
  const MemoryMap& map_;
  const KeepGoing& keep_going_;
  std::array<std::uint64_t, kSmallAreaPages> area_{};
  std::size_t area_pages_ = 0;  // more than there is room for, if it is large
  std::uint64_t area_end_ = 0;  // virtual address
};

void FrameIntervals::add(std::uint64_t first_pfn, std::uint64_t count) {
  if (!all_.empty() && all_.back().end_pfn == first_pfn) {
    all_.back().end_pfn += count;
    return;
  }
  if (all_.size() == kMost && !full_) {
    merge();
    full_ = all_.size() > kMost / 2;  // or every other one would be a merge
  }
  if (all_.size() < kMost) all_.push_back({first_pfn, first_pfn + count});
}

void FrameIntervals::merge() {
  std::sort(all_.begin(), all_.end(),
            [](const auto& a, const auto& b) { return a.first_pfn < b.first_pfn; });
  std::size_t kept = 0;
  for (const FrameInterval& one : all_) {
    if (kept > 0 && one.first_pfn <= all_[kept - 1].end_pfn) {
      all_[kept - 1].end_pfn = std::max(all_[kept - 1].end_pfn, one.end_pfn);
    } else {
      all_[kept++] = one;
    }
  }
  all_.resize(kept);
}

void EssentialFrames::find(const Vmcore& core, const KeepGoing& keep_going) {
  if (std::exchange(found_, true)) return;
  PhysicalMemory memory(core);
  const Vmcoreinfo info = core.vmcoreinfo();
  auto tables = PageTables::open(memory, info);
  if (!tables) return;
  if (add_pointed_to(*tables, info, "mem_section", kMostRoots, kPageBytes, keep_going) &&
      add_pointed_to(*tables, info, "node_data", kMostNodes,
                     std::min(info.size("pglist_data").value_or(0), kMostNodeBytes), keep_going)) {
    Visitor visitor(*this, core.map(), keep_going);
    tables->visit(visitor);
    visitor.end_area();
  }
  essential_.merge();
  image_.merge();
}

bool EssentialFrames::add_virtual(PageTables& tables, std::uint64_t vaddr, std::uint64_t bytes,
                                  const KeepGoing& keep_going) {
  const std::uint64_t first = vaddr / kPageBytes * kPageBytes;
  const std::uint64_t pages = (vaddr % kPageBytes + bytes + kPageBytes - 1) / kPageBytes;
  // Counted, because a damaged pointer may lead to the end of all addresses.
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (i % kReadsAtOnce == 0 && !keep_going()) return false;
    if (const auto paddr = tables.translate(first + i * kPageBytes).paddr) {
      essential_.add(*paddr / kPageBytes, 1);
    }
  }
  return true;
}

// An array of pointers, and what each points to.
bool EssentialFrames::add_pointed_to(PageTables& tables, const Vmcoreinfo& info,
                                     std::string_view array, std::uint64_t most,
                                     std::uint64_t bytes_of_each, const KeepGoing& keep_going) {
  const auto pointers = info.symbol(array);
  const std::uint64_t count = std::min(info.length(array).value_or(0), most);
  if (!pointers) return true;
  if (!add_virtual(tables, *pointers, count * sizeof(std::uint64_t), keep_going)) return false;
  std::array<std::uint64_t, kPageBytes / sizeof(std::uint64_t)> some;
  for (std::uint64_t i = 0; i < count; i += some.size()) {
    const auto now = std::span(some).first(std::min<std::uint64_t>(some.size(), count - i));
    if (!tables.read(*pointers + i * sizeof some[0], std::as_writable_bytes(now))) return true;
    for (const std::uint64_t to : now) {
      if (to != 0 && !add_virtual(tables, to, bytes_of_each, keep_going)) return false;
    }
  }
  return true;
}

}  // namespace lastword
