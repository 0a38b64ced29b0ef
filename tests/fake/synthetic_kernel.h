// Gives a synthetic vmcore what a real kernel has to find its struct pages by: page tables,
// mem_section, vmemmap, VMCOREINFO, the image's own PT_LOAD. Sections have 4 MiB instead of 128, so
// that a vmcore with several of them stays small.
#pragma once

#include <cstdint>
#include <string>

#include "tests/fake/struct_pages.h"
#include "tests/fake/synthetic_vmcore.h"

namespace lastword::fake {

struct SyntheticKernelOptions {
  bool five_levels = false;
  bool image_load = true;  // the kernel's image has a PT_LOAD
  std::uint64_t memory_bytes = 12 << 20;
  // More memory behind that, all free in blocks of 4 MiB. Their sections share their struct pages,
  // so that a vmcore of any size has few pages that are not holes.
  std::uint64_t free_bytes = 0;
};

class SyntheticKernel {
 public:
  static constexpr std::uint64_t kSectionFrames = 1024;
  static constexpr std::uint64_t kSectionBits = 22;
  static constexpr std::uint64_t kImagePaddr = 0x100000;
  static constexpr std::uint64_t kImageBytes = 0x40000;
  static constexpr std::uint64_t kImageVaddr = SyntheticVmcore::kTextMap + 0x1000000;
  static constexpr std::uint64_t kRootsPaddr = 0x80000;
  static constexpr std::uint64_t kRootPaddr = 0x81000;    // the first one; each a page
  static constexpr std::uint64_t kPagesPaddr = 0x200000;  // of the struct pages; 64 KiB a section

  // One direct PT_LOAD from 0 on; every section of it that has struct pages has 0 in them: kernel.
  explicit SyntheticKernel(const SyntheticKernelOptions& options = {});

  SyntheticVmcore core;
  std::string info_of_pages{kPageInfo};  // VMCOREINFO on struct page; the rest is fixed

  // Puts VMCOREINFO together and writes the vmcore.
  void write(const std::string& path);

  // An entry for `leaf_bytes` (4 KiB, 2 MiB, 1 GiB), and the tables it needs.
  void map(std::uint64_t vaddr, std::uint64_t paddr, std::uint64_t leaf_bytes = kPageBytes);
  // Physical address of the entry for that address in the table of that level (1: of 4 KiB pages).
  [[nodiscard]] std::uint64_t entry_of(std::uint64_t vaddr, unsigned level) const;
  // A section whose struct pages are at that virtual address; 0: at vmemmap. They are mapped in
  // pages of 4 KiB to the next free memory.
  void add_section(std::uint64_t section, std::uint64_t pages_vaddr = 0);
  [[nodiscard]] std::uint64_t mem_section_paddr(std::uint64_t section) const;

  [[nodiscard]] std::uint64_t vmemmap() const;
  [[nodiscard]] std::uint64_t direct_map() const;
  // Where the struct page of a frame of an added section is.
  [[nodiscard]] std::uint64_t page_vaddr(std::uint64_t pfn) const;
  [[nodiscard]] std::uint64_t page_paddr(std::uint64_t pfn) const;

  void put(std::uint64_t pfn, const StructPage& page);
  void put_free(std::uint64_t pfn, std::uint64_t order);
  // `head` gets PG_head, the second page order and destructor, all but the first point to it.
  void put_compound(std::uint64_t pfn, unsigned order, StructPage head,
                    std::uint8_t dtor = kPlainDtor);

 private:
  [[nodiscard]] std::uint64_t take_table();
  void put_mem_section(std::uint64_t section, std::uint64_t pages_vaddr);
  [[nodiscard]] std::uint64_t root_count() const;

  SyntheticKernelOptions options_;
  std::uint64_t top_ = 0;
  std::uint64_t next_table_ = kImagePaddr;
  std::uint64_t next_pages_ = kPagesPaddr;
  struct Section {
    std::uint64_t pages_vaddr = 0;
    std::uint64_t pages_paddr = 0;
  };
  std::map<std::uint64_t, Section> sections_;
};

}  // namespace lastword::fake
