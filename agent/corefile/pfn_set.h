// Sets of page frame numbers as ranges.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace lastword {

struct PfnRange {  // [first, end)
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool operator==(const PfnRange&) const = default;
};

// Grows range by range, in any order; neighbours become one.
class PfnSet {
 public:
  // False, and nothing added, when part of it is in the set already. Adding nothing is fine.
  [[nodiscard]] bool add(PfnRange range);
  [[nodiscard]] bool overlaps(PfnRange range) const;
  [[nodiscard]] std::vector<PfnRange> ranges() const;  // in order

 private:
  std::map<std::uint64_t, std::uint64_t> end_by_first_;
};

// In order, overlapping and touching ones merged, empty ones left out.
[[nodiscard]] std::vector<PfnRange> merged(std::vector<PfnRange> ranges);
// What is in `all` but not in `part`. Both in order and disjoint.
[[nodiscard]] std::vector<PfnRange> difference(std::span<const PfnRange> all,
                                               std::span<const PfnRange> part);
[[nodiscard]] std::uint64_t count_pages(std::span<const PfnRange> ranges);

}  // namespace lastword
