// Struct pages as Linux 6.1 lays them out on x86-64 (pahole; the offsets and numbers are those of
// the VMCOREINFO of Debian's 6.1 kernel), and VMCOREINFO of other kernels by changes to that.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace lastword::fake {

inline constexpr std::uint64_t kLru = 1 << 4;
inline constexpr std::uint64_t kSlab = 1 << 9;
inline constexpr std::uint64_t kSwapCache = 1 << 10;
inline constexpr std::uint64_t kPrivate = 1 << 13;
inline constexpr std::uint64_t kHead = 1 << 16;
inline constexpr std::uint64_t kSwapBacked = 1 << 19;
inline constexpr std::uint64_t kHwpoison = 1 << 22;  // where the kernel has it
inline constexpr std::uint64_t kAnonymous = 1;       // of mapping
inline constexpr std::int32_t kBuddyType = -129;
inline constexpr std::int32_t kOfflineType = -257;
inline constexpr std::uint8_t kHugetlbDtor = 2;
inline constexpr std::uint8_t kPlainDtor = 1;

inline constexpr std::size_t kPageStructBytes = 64;
using StructPageBytes = std::array<std::byte, kPageStructBytes>;

struct StructPage {
  std::uint64_t flags = 0;
  std::uint64_t compound_head = 0;  // or lru.next
  std::uint64_t mapping = 0;
  std::uint64_t private_data = 0;
  std::int32_t mapcount = -1;
  std::uint8_t compound_dtor = 0;  // of a second struct page
  std::uint8_t compound_order = 0;

  [[nodiscard]] StructPageBytes bytes() const {
    StructPageBytes page{};
    const auto put = [&page](std::size_t at, auto value) {
      std::memcpy(page.data() + at, &value, sizeof value);
    };
    put(0, flags);
    put(8, compound_head);
    if (compound_order != 0) {
      put(16, compound_dtor);
      put(17, compound_order);
    }
    put(24, mapping);
    put(40, private_data);
    put(48, mapcount);
    return page;
  }
};

inline constexpr std::string_view kPageInfo =
    "SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\n"
    "OFFSET(page.lru)=8\nOFFSET(page._mapcount)=48\nOFFSET(page.private)=40\n"
    "OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
    "OFFSET(page.compound_head)=8\nLENGTH(zone.free_area)=11\nNUMBER(PG_lru)=4\n"
    "NUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=19\n"
    "NUMBER(PG_slab)=9\nNUMBER(PG_head_mask)=65536\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
    "NUMBER(HUGETLB_PAGE_DTOR)=2\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n";

// Without the lines of these keys, as "NUMBER(PG_lru)".
inline std::string without(std::string_view info, std::initializer_list<std::string_view> keys) {
  std::string kept;
  while (!info.empty()) {
    const std::string_view line = info.substr(0, info.find('\n') + 1);
    bool keep = true;
    for (const std::string_view key : keys) {
      keep = keep && !(line.starts_with(key) && line[key.size()] == '=');
    }
    if (keep) kept += line;
    info.remove_prefix(line.size());
  }
  return kept;
}

}  // namespace lastword::fake
