// States that some run of a search has been in, as digests, in memory that all its processes share.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lastword::sim {

class SeenStates {
 public:
  // False: it was there. A table that is full takes no more: then states are explored again.
  bool insert(std::uint64_t digest) {
    const std::uint64_t value = digest == 0 ? 1 : digest;
    for (std::size_t probe = 0; probe < kLongestProbe; ++probe) {
      std::atomic<std::uint64_t>& place = places_[(value + probe) % kPlaces];
      std::uint64_t found = place.load(std::memory_order_relaxed);
      if (found == 0 && place.compare_exchange_strong(found, value)) return true;
      if (found == value) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kPlaces = std::size_t{1} << 25;
  static constexpr std::size_t kLongestProbe = 64;
  std::array<std::atomic<std::uint64_t>, kPlaces> places_;  // 0: free
};

}  // namespace lastword::sim
