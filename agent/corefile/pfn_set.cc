#include "agent/corefile/pfn_set.h"

#include <algorithm>

namespace lastword {

bool PfnSet::add(PfnRange range) {
  if (range.first >= range.end) return true;
  const auto after = end_by_first_.lower_bound(range.first);
  if (after != end_by_first_.end() && after->first < range.end) return false;
  if (after != end_by_first_.begin()) {
    const auto before = std::prev(after);
    if (before->second > range.first) return false;
    if (before->second == range.first) {
      range.first = before->first;
      end_by_first_.erase(before);
    }
  }
  if (after != end_by_first_.end() && after->first == range.end) {
    range.end = after->second;
    end_by_first_.erase(after);
  }
  end_by_first_.emplace(range.first, range.end);
  return true;
}

bool PfnSet::overlaps(PfnRange range) const {
  if (range.first >= range.end) return false;
  const auto after = end_by_first_.lower_bound(range.first);
  if (after != end_by_first_.end() && after->first < range.end) return true;
  return after != end_by_first_.begin() && std::prev(after)->second > range.first;
}

std::vector<PfnRange> PfnSet::ranges() const {
  std::vector<PfnRange> result;
  result.reserve(end_by_first_.size());
  for (const auto& [first, end] : end_by_first_) result.push_back({first, end});
  return result;
}

std::vector<PfnRange> merged(std::vector<PfnRange> ranges) {
  std::erase_if(ranges, [](const PfnRange& range) { return range.first >= range.end; });
  std::sort(ranges.begin(), ranges.end(),
            [](const PfnRange& a, const PfnRange& b) { return a.first < b.first; });
  std::vector<PfnRange> result;
  for (const PfnRange& range : ranges) {
    if (!result.empty() && range.first <= result.back().end) {
      result.back().end = std::max(result.back().end, range.end);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

std::vector<PfnRange> difference(std::span<const PfnRange> all, std::span<const PfnRange> part) {
  std::vector<PfnRange> result;
  auto next = part.begin();
  for (PfnRange rest : all) {
    while (next != part.end() && next->end <= rest.first) ++next;
    for (auto hole = next; hole != part.end() && hole->first < rest.end; ++hole) {
      if (hole->first > rest.first) result.push_back({rest.first, hole->first});
      rest.first = std::max(rest.first, std::min(hole->end, rest.end));
    }
    if (rest.first < rest.end) result.push_back(rest);
  }
  return result;
}

std::uint64_t count_pages(std::span<const PfnRange> ranges) {
  std::uint64_t pages = 0;
  for (const PfnRange& range : ranges) pages += range.end - range.first;
  return pages;
}

}  // namespace lastword
