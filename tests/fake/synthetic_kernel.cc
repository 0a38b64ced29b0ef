#include "tests/fake/synthetic_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace lastword::fake {
namespace {

constexpr std::uint64_t kLargeLeaf = 2 << 20;
constexpr std::uint64_t kPresentWritable = 3;
constexpr std::uint64_t kLeafBit = 1 << 7;
constexpr std::uint64_t kAddress = 0x000ffffffffff000;
constexpr std::uint64_t kSectionBytes = SyntheticKernel::kSectionFrames * kPageBytes;
constexpr std::uint64_t kMemSectionBytes = 16;
constexpr std::uint64_t kFewestRoots = 4;  // the others are not there
// Present, has a memory map, online, early: as booted kernels have them.
constexpr std::uint64_t kSectionFlags = 0xf;

unsigned shift_of(unsigned level) {
  return 12 + 9 * (level - 1);
}

}  // namespace

SyntheticKernel::SyntheticKernel(const SyntheticKernelOptions& options) : options_(options) {
  if (options.image_load) {
    core.loads.push_back({.vaddr = kImageVaddr, .paddr = kImagePaddr, .bytes = kImageBytes});
  }
  core.add_direct(0, options.memory_bytes + options.free_bytes);
  top_ = take_table();
  map(direct_map(), 0, kLargeLeaf);
  for (std::uint64_t i = 0; i < root_count(); ++i) {
    core.memory.put(kRootsPaddr + i * sizeof i, direct_map() + kRootPaddr + i * kPageBytes);
  }
  const std::uint64_t used = options.memory_bytes / kSectionBytes;
  for (std::uint64_t i = 0; i < used; ++i) add_section(i);
  const std::uint64_t free = options.free_bytes / kSectionBytes;
  if (free == 0) return;
  add_section(used);
  put_free(used * kSectionFrames, 10);
  for (std::uint64_t i = 1; i < free; ++i) put_mem_section(used + i, sections_[used].pages_vaddr);
}

std::uint64_t SyntheticKernel::root_count() const {
  const std::uint64_t sections = (options_.memory_bytes + options_.free_bytes) / kSectionBytes;
  return sections * kMemSectionBytes / kPageBytes + 1;
}

void SyntheticKernel::write(const std::string& path) {
  // The image is at another place in memory than it was linked for, as with KASLR.
  const auto phys_base = static_cast<std::int64_t>(kImagePaddr) -
                         static_cast<std::int64_t>(kImageVaddr - SyntheticVmcore::kTextMap);
  core.vmcoreinfo = fmt::format(
      "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(_stext)={:x}\nSYMBOL(init_top_pgt)={:x}\n"
      "SYMBOL(mem_section)={:x}\nLENGTH(mem_section)={}\nSIZE(mem_section)={}\n"
      "OFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)={}\n"
      "NUMBER(MAX_PHYSMEM_BITS)=46\nNUMBER(phys_base)={}\nNUMBER(pgtable_l5_enabled)={}\n"
      "NUMBER(KERNEL_IMAGE_SIZE)=536870912\nNUMBER(sme_mask)=0\n{}",
      kImageVaddr, kImageVaddr + (top_ - kImagePaddr), direct_map() + kRootsPaddr,
      std::max(kFewestRoots, root_count()), kMemSectionBytes, kSectionBits, phys_base,
      options_.five_levels ? 1 : 0, info_of_pages);
  core.write(path);
}

std::uint64_t SyntheticKernel::take_table() {
  if (next_table_ == kImagePaddr + kImageBytes) throw std::length_error("page tables");
  next_table_ += kPageBytes;
  return next_table_ - kPageBytes;
}

void SyntheticKernel::map(std::uint64_t vaddr, std::uint64_t paddr, std::uint64_t leaf_bytes) {
  for (unsigned level = options_.five_levels ? 5 : 4;; --level) {
    const std::uint64_t entry_at = entry_of(vaddr, level);
    if (std::uint64_t{1} << shift_of(level) == leaf_bytes) {
      core.memory.put(entry_at, paddr | kPresentWritable | (level > 1 ? kLeafBit : 0));
      return;
    }
    std::uint64_t entry = 0;
    std::memcpy(&entry, core.memory.read(entry_at, sizeof entry).data(), sizeof entry);
    if (entry == 0) core.memory.put(entry_at, take_table() | kPresentWritable);
  }
}

std::uint64_t SyntheticKernel::entry_of(std::uint64_t vaddr, unsigned level) const {
  std::uint64_t table = top_;
  for (unsigned at = options_.five_levels ? 5 : 4;; --at) {
    const std::uint64_t entry_at = table + (vaddr >> shift_of(at)) % 512 * 8;
    if (at == level) return entry_at;
    std::memcpy(&table, core.memory.read(entry_at, sizeof table).data(), sizeof table);
    table &= kAddress;
  }
}

void SyntheticKernel::add_section(std::uint64_t section, std::uint64_t pages_vaddr) {
  const std::uint64_t bytes = kSectionFrames * kPageStructBytes;
  if (pages_vaddr == 0) pages_vaddr = vmemmap() + section * bytes;
  for (std::uint64_t at = 0; at < bytes; at += kPageBytes) map(pages_vaddr + at, next_pages_ + at);
  put_mem_section(section, pages_vaddr);
  sections_[section] = {.pages_vaddr = pages_vaddr, .pages_paddr = next_pages_};
  next_pages_ += bytes;
}

void SyntheticKernel::put_mem_section(std::uint64_t section, std::uint64_t pages_vaddr) {
  const std::uint64_t before = section * kSectionFrames * kPageStructBytes;
  core.memory.put(mem_section_paddr(section), (pages_vaddr - before) | kSectionFlags);
}

std::uint64_t SyntheticKernel::mem_section_paddr(std::uint64_t section) const {
  return kRootPaddr + section * kMemSectionBytes;
}

// Linux Documentation/x86/x86_64/mm.rst.
std::uint64_t SyntheticKernel::vmemmap() const {
  return options_.five_levels ? 0xffd4000000000000 : 0xffffea0000000000;
}

std::uint64_t SyntheticKernel::direct_map() const {
  return options_.five_levels ? 0xff11000000000000 : SyntheticVmcore::kDirectMap;
}

std::uint64_t SyntheticKernel::page_vaddr(std::uint64_t pfn) const {
  return sections_.at(pfn / kSectionFrames).pages_vaddr + pfn % kSectionFrames * kPageStructBytes;
}

std::uint64_t SyntheticKernel::page_paddr(std::uint64_t pfn) const {
  return sections_.at(pfn / kSectionFrames).pages_paddr + pfn % kSectionFrames * kPageStructBytes;
}

void SyntheticKernel::put(std::uint64_t pfn, const StructPage& page) {
  core.memory.put(page_paddr(pfn), page.bytes());
}

void SyntheticKernel::put_free(std::uint64_t pfn, std::uint64_t order) {
  put(pfn, {.private_data = order, .mapcount = kBuddyType});
}

void SyntheticKernel::put_compound(std::uint64_t pfn, unsigned order, StructPage head,
                                   std::uint8_t dtor) {
  head.flags |= kHead;
  put(pfn, head);
  for (std::uint64_t i = 1; i < std::uint64_t{1} << order; ++i) {
    StructPage tail{.compound_head = page_vaddr(pfn) + 1};
    if (i == 1) {
      tail.compound_dtor = dtor;
      tail.compound_order = static_cast<std::uint8_t>(order);
    }
    put(pfn + i, tail);
  }
}

}  // namespace lastword::fake
