#include "proto/nearest_word.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace lastword {
namespace {

constexpr std::size_t kLongest = 32;  // no word of ours is longer

// Optimal string alignment distance. Both are at most kLongest long.
std::size_t slips(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, kLongest + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + wrong});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kShortestBeginning = 2;
  if (word.size() < kShortestBeginning || word.size() > kLongest) return {};
  const auto begins_so = [&](std::string_view candidate) { return candidate.starts_with(word); };
  const auto matches = std::count_if(known.begin(), known.end(), begins_so);
  if (matches == 1) return *std::find_if(known.begin(), known.end(), begins_so);
  if (matches > 1) return {};
  std::string_view nearest;
  std::size_t fewest = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kLongest) continue;
    const std::size_t count = slips(word, candidate);
    if (count >= fewest) continue;
    fewest = count;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace lastword
