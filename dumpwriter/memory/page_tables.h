// Virtual addresses of the dead kernel to physical ones, by its own page tables: what vmemmap
// needs, which no PT_LOAD covers. x86-64, 4 and 5 levels, pages of 4 KiB, 2 MiB and 1 GiB (Intel
// SDM volume 3A, 4.5). Four or five look-ups whatever the tables hold, so damaged ones cannot make
// it loop. For one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "dumpwriter/memory/physical_memory.h"
#include "proto/error.h"
#include "proto/vmcoreinfo.h"

namespace lastword {

// Where the kernel maps its own image, phys_base further up than it lies in memory (Linux
// arch/x86/include/asm/page_64_types.h).
inline constexpr std::uint64_t kKernelMap = 0xffffffff80000000;

inline constexpr unsigned kPageShift = 12;

class PageTables {
 public:
  // Where an address leads, and for how many bytes from there on one entry says the same.
  struct Translation {
    std::optional<std::uint64_t> paddr;  // absent: not mapped, or its tables cannot be read
    std::uint64_t bytes = 0;             // above 0
  };

  // kNotFound: VMCOREINFO does not say where the tables are. `memory` must outlive this.
  [[nodiscard]] static Result<PageTables> open(PhysicalMemory& memory, const Vmcoreinfo& info);

  [[nodiscard]] Translation translate(std::uint64_t vaddr);
  // All of `into`, or false.
  [[nodiscard]] bool read(std::uint64_t vaddr, std::span<std::byte> into);
  [[nodiscard]] std::uint64_t phys_base() const { return phys_base_; }

  // What one entry maps.
  struct Leaf {
    std::uint64_t vaddr = 0;
    std::uint64_t paddr = 0;
    std::uint64_t bytes = 0;
    bool writable = false;
  };
  // Every table of the kernel's half, each before what it leads to. Ascends in each of the top
  // table's entries, of which the last comes first. A table that entries in a row lead to is
  // visited once (the kernel shows espfix stacks many times: arch/x86/kernel/espfix_64.c). At most
  // kMostVisited tables, as many as map 16 TiB by large pages: damaged ones may lead in circles.
  static constexpr unsigned kMostVisited = 1 << 14;
  class Visitor {
   public:
    virtual ~Visitor() = default;
    // False: no further table.
    [[nodiscard]] virtual bool table(std::uint64_t paddr) = 0;
    virtual void leaf(const Leaf& leaf) = 0;
  };
  void visit(Visitor& visitor);

 private:
  void visit_table(std::uint64_t table, unsigned level, std::uint64_t vaddr, Visitor& visitor,
                   unsigned& tables_left);
  PageTables(PhysicalMemory& memory, std::uint64_t phys_base)
      : memory_(memory), phys_base_(phys_base) {}
  [[nodiscard]] Translation walk(std::uint64_t vaddr);

  PhysicalMemory& memory_;
  std::uint64_t phys_base_;
  std::uint64_t top_ = 0;  // physical
  std::uint64_t address_mask_ = 0;
  unsigned levels_ = 4;
  std::uint64_t last_vaddr_ = 0;  // what walk() said last
  Translation last_;
};

}  // namespace lastword
