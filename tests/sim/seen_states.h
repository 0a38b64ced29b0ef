// States that some run of a search has been in, as digests, in memory that all its processes share.
//
// A run is a process of its own (choices.h), and each process pays for each page of shared memory
// that it touches. So the table begins small and dense, and goes on in a table of twice the size
// each time when one is half full. What is not touched takes no memory, as long as it comes zeroed
// from the kernel.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lastword::sim {

template <unsigned kTables>
class StateTables {
 public:
  // False: it was there. When all tables are full none is kept any more: then states are explored
  // again, and counted again.
  bool insert(std::uint64_t digest) {
    const std::uint64_t value = digest == 0 ? 1 : digest;
    for (unsigned i = 0; i < kTables; ++i) {
      Table& table = tables_.at(i);
      const std::uint64_t kept = table.kept.load(std::memory_order_relaxed);
      if (kept >= places_of(i) / 2) {
        if (holds(i, value)) return false;
        continue;
      }
      return add(i, value);
    }
    return true;
  }

 private:
  static constexpr std::size_t kSmallest = std::size_t{1} << 13;
  static constexpr std::size_t kPlaces = (kSmallest << kTables) - kSmallest;
  struct Table {
    std::atomic<std::uint64_t> kept;
  };

  static constexpr std::size_t places_of(unsigned table) { return kSmallest << table; }
  // Of this table, which comes after all smaller ones.
  std::span<std::atomic<std::uint64_t>> places(unsigned table) {
    return std::span(places_).subspan(places_of(table) - kSmallest, places_of(table));
  }
  // Each table is half empty at least, but for what several processes add at one moment.
  bool holds(unsigned table, std::uint64_t value) {
    const auto all = places(table);
    for (std::size_t at = value % all.size();; at = (at + 1) % all.size()) {
      const std::uint64_t found = all[at].load(std::memory_order_relaxed);
      if (found == value) return true;
      if (found == 0) return false;
    }
  }
  bool add(unsigned table, std::uint64_t value) {
    const auto all = places(table);
    for (std::size_t at = value % all.size();; at = (at + 1) % all.size()) {
      std::uint64_t found = all[at].load(std::memory_order_relaxed);
      if (found == 0 && all[at].compare_exchange_strong(found, value)) {
        ++tables_.at(table).kept;
        return true;
      }
      if (found == value) return false;
    }
  }

  std::array<Table, kTables> tables_;
  std::array<std::atomic<std::uint64_t>, kPlaces> places_;  // 0: free
};

// 512 MiB, when all are full.
using SeenStates = StateTables<13>;

}  // namespace lastword::sim
