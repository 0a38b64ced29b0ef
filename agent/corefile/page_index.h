// What became of each page of a dump's memory, while pages come in, in any order. Takes 8 bytes for
// each stored page and 2 bits for each page: about 2 MiB for each GiB of memory at most.
#pragma once

#include <cstdint>

#include "agent/corefile/sparse_array.h"
#include "proto/error.h"

namespace lastword {

// Pages are numbered 0, 1, 2, ... in the order of their page frames, holes left out.
class PageIndex {
 public:
  enum class State : std::uint8_t { kMissing, kStored, kZero, kExcluded };
  struct Stored {
    std::uint64_t offset = 0;  // in the file
    std::uint32_t bytes = 0;
    std::uint32_t flags = 0;  // of the PageDescriptor
  };

  // Every page is missing at first.
  [[nodiscard]] static Result<PageIndex> make(std::uint64_t pages);

  // Offset not 0 and below 2^47, bytes at most a page.
  void set_stored(std::uint64_t page, const Stored& stored);
  void set_zero(std::uint64_t page, std::uint64_t count) { set_bits(zero_, page, count); }
  void set_excluded(std::uint64_t page, std::uint64_t count) { set_bits(excluded_, page, count); }

  [[nodiscard]] State state(std::uint64_t page) const;
  [[nodiscard]] Stored stored(std::uint64_t page) const;  // where kStored

 private:
  static void set_bits(SparseArray<std::uint64_t>& bits, std::uint64_t first, std::uint64_t count);

  SparseArray<std::uint64_t> places_;  // offset, bytes and flags packed; 0: not stored
  SparseArray<std::uint64_t> zero_;    // one bit for each page
  SparseArray<std::uint64_t> excluded_;
};

}  // namespace lastword
