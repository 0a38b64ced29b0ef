#include "dumpwriter/memory/page_tables.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proto/stream.h"

namespace lastword {
namespace {

constexpr unsigned kBitsPerLevel = 9;
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWritable = 1 << 1;
constexpr std::uint64_t kLeaf = 1 << 7;  // PS, in a table of level 2 or 3
constexpr std::uint64_t kPhysicalAddress = 0x000ffffffffff000;

tl::unexpected<Error> missing(std::string_view what) {
  return fail({.code = Code::kNotFound, .operation = "read VMCOREINFO", .detail = what});
}

}  // namespace

Result<PageTables> PageTables::open(PhysicalMemory& memory, const Vmcoreinfo& info) {
  const auto phys_base = info.number("phys_base");
  if (!phys_base) return missing("no NUMBER(phys_base)");
  auto top = info.symbol("init_top_pgt");
  if (!top) top = info.symbol("swapper_pg_dir");
  if (!top || *top < kKernelMap) {
    return missing("no SYMBOL(init_top_pgt) or SYMBOL(swapper_pg_dir) in the kernel's image");
  }
  PageTables tables(memory, static_cast<std::uint64_t>(*phys_base));
  tables.top_ = *top - kKernelMap + tables.phys_base_;
  if (tables.top_ % kPageBytes != 0) return missing("page tables not at the beginning of a page");
  tables.levels_ = info.number("pgtable_l5_enabled").value_or(0) != 0 ? 5 : 4;
  // The bit that marks encrypted memory is no part of the address.
  const auto sme_mask = static_cast<std::uint64_t>(info.number("sme_mask").value_or(0));
  tables.address_mask_ = kPhysicalAddress & ~sme_mask;
  return tables;
}

PageTables::Translation PageTables::translate(std::uint64_t vaddr) {
  if (vaddr < last_vaddr_ || vaddr - last_vaddr_ >= last_.bytes) {
    last_ = walk(vaddr);
    last_vaddr_ = vaddr;
  }
  const std::uint64_t skipped = vaddr - last_vaddr_;
  Translation found{.paddr = last_.paddr, .bytes = last_.bytes - skipped};
  if (found.paddr) *found.paddr += skipped;
  return found;
}

PageTables::Translation PageTables::walk(std::uint64_t vaddr) {
  unsigned shift = kPageShift + kBitsPerLevel * levels_;
  const auto left_in = [vaddr](unsigned bits) {
    const std::uint64_t size = std::uint64_t{1} << bits;
    return size - (vaddr & (size - 1));
  };
  // The kernel's half: all bits above those that are translated are set.
  if (~vaddr >> (shift - 1) != 0) return {.paddr = std::nullopt, .bytes = left_in(kPageShift)};
  std::uint64_t table = top_;
  for (unsigned level = levels_; level > 0; --level) {
    shift -= kBitsPerLevel;
    const std::uint64_t index = (vaddr >> shift) & ((1 << kBitsPerLevel) - 1);
    std::uint64_t entry = 0;
    const bool got =
        memory_.read(table + index * sizeof entry, std::as_writable_bytes(std::span(&entry, 1)));
    if (!got || (entry & kPresent) == 0) return {.paddr = std::nullopt, .bytes = left_in(shift)};
    table = entry & address_mask_;
    const bool leaf = level == 1 || (level <= 3 && (entry & kLeaf) != 0);
    if (!leaf) continue;
    const std::uint64_t within = (std::uint64_t{1} << shift) - 1;
    return {.paddr = (table & ~within) | (vaddr & within), .bytes = left_in(shift)};
  }
  return {.paddr = std::nullopt, .bytes = left_in(kPageShift)};
}

void PageTables::visit(Visitor& visitor) {
  unsigned tables_left = kMostVisited;
  visit_table(top_, levels_, 0, visitor, tables_left);
}

void PageTables::visit_table(std::uint64_t table, unsigned level, std::uint64_t vaddr,
                             Visitor& visitor, unsigned& tables_left) {
  std::array<std::uint64_t, 1 << kBitsPerLevel> entries;
  if (tables_left == 0) return;
  --tables_left;
  if (!memory_.read(table, std::as_writable_bytes(std::span(entries)))) return;
  if (!visitor.table(table)) {
    tables_left = 0;
    return;
  }
  const unsigned shift = kPageShift + kBitsPerLevel * (level - 1);
  const bool top = level == levels_;
  std::optional<std::uint64_t> last_table;
  for (std::size_t i = 0; i < (top ? entries.size() / 2 : entries.size()); ++i) {
    const std::size_t index = top ? entries.size() - 1 - i : i;
    const std::uint64_t entry = entries[index];
    if ((entry & kPresent) == 0) continue;
    std::uint64_t at = vaddr | std::uint64_t{index} << shift;
    if (top) at |= ~std::uint64_t{0} << (shift + kBitsPerLevel);
    const std::uint64_t to = entry & address_mask_;
    const bool leaf = level == 1 || (level <= 3 && (entry & kLeaf) != 0);
    if (!leaf) {
      if (std::exchange(last_table, to) == to) continue;
      visit_table(to, level - 1, at, visitor, tables_left);
      continue;
    }
    const std::uint64_t bytes = std::uint64_t{1} << shift;
    visitor.leaf({.vaddr = at,
                  .paddr = to & ~(bytes - 1),
                  .bytes = bytes,
                  .writable = (entry & kWritable) != 0});
  }
}

bool PageTables::read(std::uint64_t vaddr, std::span<std::byte> into) {
  while (!into.empty()) {
    const Translation found = translate(vaddr);
    const std::size_t n = std::min<std::uint64_t>(into.size(), found.bytes);
    if (!found.paddr || !memory_.read(*found.paddr, into.first(n))) return false;
    into = into.subspan(n);
    vaddr += n;
  }
  return true;
}

}  // namespace lastword
