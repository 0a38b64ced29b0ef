#include "dumpwriter/memory/visit_order.h"

#include <algorithm>

namespace lastword {
namespace {

// The first of a list, sorted and disjoint, that ends after a frame.
template <class List>
auto first_after(const List& list, std::uint64_t pfn) {
  return std::partition_point(list.begin(), list.end(),
                              [pfn](const auto& one) { return one.end_pfn <= pfn; });
}

}  // namespace

void VisitOrder::begin(Part part) {
  part_ = part;
  at_ = 0;
}

std::optional<FrameWindow> VisitOrder::next() {
  const auto ranges = map_.ranges();
  for (;;) {
    const auto range = first_after(ranges, at_);
    if (range == ranges.end()) return std::nullopt;
    at_ = std::max(at_, range->first_pfn);
    std::uint64_t end = range->end_pfn;
    Part part = Part::kOthers;
    // The last list first: what is in an earlier one is there.
    for (std::size_t i = lists_.size(); i-- > 0;) {
      const auto near = first_after(lists_[i], at_);
      if (near == lists_[i].end()) continue;
      const bool inside = near->first_pfn <= at_;
      if (inside) part = kParts[i];
      end = std::min(end, inside ? near->end_pfn : near->first_pfn);
    }
    const bool due = part == part_;
    if (due) end = std::min(end, (at_ / kWindowFrames + 1) * kWindowFrames);
    const FrameWindow window{.first_pfn = at_, .count = end - at_};
    at_ = end;
    if (due) return window;
  }
}

}  // namespace lastword
