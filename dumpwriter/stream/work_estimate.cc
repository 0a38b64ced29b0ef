#include "dumpwriter/stream/work_estimate.h"

#include <algorithm>

namespace lastword {

std::uint64_t WorkEstimate::begin_of(std::size_t i) const {
  // Page frames have at most 40 bits.
  return frames_ * i / kSamples;
}

void WorkEstimate::sampled(std::size_t i, std::uint64_t wanted, std::uint64_t asked) {
  if (asked != 0) shares_[i] = static_cast<float>(wanted) / static_cast<float>(asked);
}

void WorkEstimate::classified(std::uint64_t frames, std::uint64_t wanted) {
  told_ += frames;
  wanted_ += wanted;
}

std::uint64_t WorkEstimate::wanted() const {
  double unclassified = 0;
  for (std::size_t i = 0; i < kSamples && told_ < frames_; ++i) {
    const std::uint64_t begin = std::max(begin_of(i), told_);
    const std::uint64_t end = begin_of(i + 1);
    if (begin < end)
      unclassified += static_cast<double>(end - begin) * static_cast<double>(shares_[i]);
  }
  const std::uint64_t wanted = wanted_ + static_cast<std::uint64_t>(unclassified);
  return std::max(wanted, done_);
}

}  // namespace lastword
