// How many page frames a dump still has to store: known only once all of memory was classified, so
// until then from samples spread over it. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lastword {

class WorkEstimate {
 public:
  static constexpr std::size_t kSamples = 128;

  // All frames of memory, counted as they are visited.
  explicit WorkEstimate(std::uint64_t frames) : frames_(frames) { shares_.fill(1); }

  // Sample i stands for the frames [begin_of(i), begin_of(i + 1)).
  [[nodiscard]] std::uint64_t begin_of(std::size_t i) const;
  // Of `asked` frames there, so many will be stored.
  void sampled(std::size_t i, std::uint64_t wanted, std::uint64_t asked);

  // In the order of visits: of the next `frames` so many will be stored, now or in a later pass.
  void classified(std::uint64_t frames, std::uint64_t wanted);
  // Frames that were stored, or found to be zero or unreadable.
  void handled(std::uint64_t frames) { done_ += frames; }

  // All that will be stored, or found to be zero or unreadable; never less than were.
  [[nodiscard]] std::uint64_t wanted() const;

 private:
  std::uint64_t frames_;
  std::uint64_t told_ = 0;
  std::uint64_t wanted_ = 0;
  std::uint64_t done_ = 0;
  std::array<float, kSamples> shares_{};  // of wanted frames
};

}  // namespace lastword
