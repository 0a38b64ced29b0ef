// What a page frame of the dead kernel held, and which of that a dump leaves out. Classes are told
// apart from struct page alone, as makedumpfile does (makedumpfile.c, __exclude_unnecessary_pages).
// Whether a page is all zero shows only in its content. "Zero" is therefore no class: a page has a
// class, and may be zero as well.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// The values are part of the stream format (proto/stream.h).
enum class PageClass : std::uint8_t {
  kKernel = 0,  // and everything that could not be classified
  kUser = 1,    // anonymous memory of processes
  kHugetlb = 2,
  kPrivateCache = 3,  // page cache with PG_private
  kCache = 4,
  kFree = 5,      // in the buddy allocator
  kOffline = 6,   // given back to the hypervisor (balloon, virtio-mem); reading it may fail
  kHwpoison = 7,  // reading it may be fatal
  kSlab = 8,      // small objects of the kernel: tasks, inodes, ...
};
inline constexpr std::size_t kPageClasses = 9;
[[nodiscard]] std::string_view name_of(PageClass page_class);

using PageCounts = std::array<std::uint64_t, kPageClasses>;  // by class
[[nodiscard]] std::uint64_t sum_of(const PageCounts& counts);

// Offline and poisoned pages are never read, so that they are left out by every filter.
class PageFilter {
 public:
  PageFilter() = default;

  // "31", makedumpfile's dump levels: the sum of 1 zero, 2 cache, 4 private cache (and cache), 8
  // user (and hugetlb), 16 free. Or names: "none", or any of "zero,cache,private,user,hugetlb,free"
  // separated by commas. kUsage with what is wrong.
  [[nodiscard]] static Result<PageFilter> parse(std::string_view text);
  // The names, as parse() takes them.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool excludes(PageClass page_class) const {
    return excluded_[static_cast<std::size_t>(page_class)];
  }

  bool operator==(const PageFilter&) const = default;

 private:
  void exclude(PageClass page_class) { excluded_.set(static_cast<std::size_t>(page_class)); }

  std::bitset<kPageClasses> excluded_{(1U << static_cast<unsigned>(PageClass::kOffline)) |
                                      (1U << static_cast<unsigned>(PageClass::kHwpoison))};
  // For text() alone: zero pages cost nothing in the stream, asked for or not.
  bool zero_ = false;
};
inline constexpr std::string_view kDefaultExclude = "31";

}  // namespace lastword
