// Where the dead kernel keeps the struct page of each page frame: SPARSEMEM_EXTREME (Linux
// include/linux/mmzone.h, mm/sparse.c). mem_section is an array of roots, each a page of struct
// mem_section, each of those says where the struct pages of 128 MiB are. Roots and sections are
// read when they are asked for, the last one is kept: the same few bytes whatever the RAM.
// For one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "dumpwriter/memory/page_tables.h"

namespace lastword {

class MemoryModel {
 public:
  // `page_bytes` is SIZE(page). kNotFound: VMCOREINFO lacks mem_section; kUnsupported: sizes that
  // no x86-64 kernel has. `tables` must outlive this.
  [[nodiscard]] static Result<MemoryModel> open(PageTables& tables, const Vmcoreinfo& info,
                                                std::uint64_t page_bytes);

  // Virtual address of a struct page. Empty: the frame's section is not there or cannot be read.
  [[nodiscard]] std::optional<std::uint64_t> page_address(std::uint64_t pfn);

 private:
  MemoryModel(PageTables& tables, std::uint64_t page_bytes)
      : tables_(tables), page_bytes_(page_bytes) {}
  [[nodiscard]] std::optional<std::uint64_t> memory_map_of(std::uint64_t section);

  PageTables& tables_;
  std::uint64_t page_bytes_;
  std::uint64_t roots_ = 0;  // virtual address of the array
  std::uint64_t root_count_ = 0;
  std::uint64_t section_bytes_ = 0;  // of a struct mem_section
  std::uint64_t map_offset_ = 0;     // of section_mem_map in it
  std::uint64_t frames_per_section_ = 0;
  std::uint64_t last_section_ = ~std::uint64_t{0};
  std::optional<std::uint64_t> last_map_;
};

}  // namespace lastword
