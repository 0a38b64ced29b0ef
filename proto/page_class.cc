#include "proto/page_class.h"

#include <charconv>

namespace lastword {
namespace {

constexpr std::array<std::string_view, kPageClasses> kNames{
    "kernel", "user", "hugetlb", "private", "cache", "free", "offline", "hwpoison", "slab"};

// makedumpfile(8), -d.
constexpr unsigned kLevelZero = 1;
constexpr unsigned kLevelCache = 2;
constexpr unsigned kLevelPrivate = 4;
constexpr unsigned kLevelUser = 8;
constexpr unsigned kLevelFree = 16;
constexpr unsigned kMaxLevel = 31;

}  // namespace

std::string_view name_of(PageClass page_class) {
  return kNames[static_cast<std::size_t>(page_class)];
}

std::uint64_t sum_of(const PageCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  return sum;
}

Result<PageFilter> PageFilter::parse(std::string_view text) {
  PageFilter filter;
  unsigned level = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (error == std::errc() && end == text.data() + text.size() && level <= kMaxLevel) {
    filter.zero_ = (level & kLevelZero) != 0;
    if ((level & (kLevelCache | kLevelPrivate)) != 0) filter.exclude(PageClass::kCache);
    if ((level & kLevelPrivate) != 0) filter.exclude(PageClass::kPrivateCache);
    if ((level & kLevelUser) != 0) {
      filter.exclude(PageClass::kUser);
      filter.exclude(PageClass::kHugetlb);
    }
    if ((level & kLevelFree) != 0) filter.exclude(PageClass::kFree);
    return filter;
  }
  if (text == "none") return filter;
  for (std::string_view rest = text;;) {
    const std::string_view name = rest.substr(0, rest.find(','));
    if (name == "zero") {
      filter.zero_ = true;
    } else if (name == "cache") {
      filter.exclude(PageClass::kCache);
    } else if (name == "user") {
      filter.exclude(PageClass::kUser);
    } else if (name == "hugetlb") {
      filter.exclude(PageClass::kHugetlb);
    } else if (name == "private") {
      filter.exclude(PageClass::kPrivateCache);
    } else if (name == "free") {
      filter.exclude(PageClass::kFree);
    } else {
      return fail({.code = Code::kUsage,
                   .operation = "pages to exclude",
                   .detail =
                       "wanted: a number from 0 to 31 as for makedumpfile, \"none\", or names "
                       "out of zero,cache,private,user,hugetlb,free separated by commas"});
    }
    if (name.size() == rest.size()) return filter;
    rest.remove_prefix(name.size() + 1);
  }
}

std::string PageFilter::text() const {
  std::string text;
  const auto add = [&text](std::string_view name) {
    if (!text.empty()) text += ',';
    text += name;
  };
  if (zero_) add("zero");
  if (excludes(PageClass::kCache)) add("cache");
  if (excludes(PageClass::kPrivateCache)) add("private");
  if (excludes(PageClass::kUser)) add("user");
  if (excludes(PageClass::kHugetlb)) add("hugetlb");
  if (excludes(PageClass::kFree)) add("free");
  return text.empty() ? "none" : text;
}

}  // namespace lastword
