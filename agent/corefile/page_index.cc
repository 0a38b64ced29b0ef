#include "agent/corefile/page_index.h"

#include <algorithm>

#include "agent/corefile/kdump_format.h"
#include "proto/stream.h"

namespace lastword {
namespace {

constexpr unsigned kOffsetBits = 47;
constexpr unsigned kBytesBits = 13;  // up to and including a whole page
static_assert(kPageBytes < 1U << kBytesBits);
constexpr unsigned kFlagsAt = kOffsetBits + kBytesBits;
constexpr unsigned kWordBits = 64;

// The two flags that occur, in two bits.
constexpr std::uint64_t pack_flags(std::uint32_t flags) {
  return (flags & kKdumpZlib ? 1U : 0U) | (flags & kKdumpZstd ? 2U : 0U);
}
constexpr std::uint32_t unpack_flags(std::uint64_t packed) {
  return (packed & 1U ? kKdumpZlib : 0U) | (packed & 2U ? kKdumpZstd : 0U);
}

constexpr std::uint64_t low_bits(std::uint64_t count) {
  return count >= kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

bool has_bit(const SparseArray<std::uint64_t>& bits, std::uint64_t at) {
  return (bits[at / kWordBits] >> (at % kWordBits) & 1U) != 0;
}

}  // namespace

Result<PageIndex> PageIndex::make(std::uint64_t pages) {
  PageIndex index;
  auto places = SparseArray<std::uint64_t>::make(pages);
  auto zero = SparseArray<std::uint64_t>::make(pages / kWordBits + 1);
  auto excluded = SparseArray<std::uint64_t>::make(pages / kWordBits + 1);
  for (const auto* array : {&places, &zero, &excluded}) {
    if (!*array) return fail(array->error());
  }
  index.places_ = std::move(*places);
  index.zero_ = std::move(*zero);
  index.excluded_ = std::move(*excluded);
  return index;
}

void PageIndex::set_stored(std::uint64_t page, const Stored& stored) {
  places_[page] = stored.offset | std::uint64_t{stored.bytes} << kOffsetBits |
                  pack_flags(stored.flags) << kFlagsAt;
}

void PageIndex::set_bits(SparseArray<std::uint64_t>& bits, std::uint64_t first,
                         std::uint64_t count) {
  while (count > 0) {
    const std::uint64_t shift = first % kWordBits;
    const std::uint64_t here = std::min(count, kWordBits - shift);
    bits[first / kWordBits] |= low_bits(here) << shift;
    first += here;
    count -= here;
  }
}

PageIndex::State PageIndex::state(std::uint64_t page) const {
  if (has_bit(zero_, page)) return State::kZero;
  if (has_bit(excluded_, page)) return State::kExcluded;
  return places_[page] == 0 ? State::kMissing : State::kStored;
}

PageIndex::Stored PageIndex::stored(std::uint64_t page) const {
  const std::uint64_t packed = places_[page];
  return {.offset = packed & low_bits(kOffsetBits),
          .bytes = static_cast<std::uint32_t>(packed >> kOffsetBits & low_bits(kBytesBits)),
          .flags = unpack_flags(packed >> kFlagsAt)};
}

}  // namespace lastword
