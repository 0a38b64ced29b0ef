#include "agent/transfer/range_pieces.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace lastword {

Status RangePieces::fetch() {
  auto some = volume_.blocks->some(volume_.volume, fetched_);
  if (!some) return fail(some.error());
  some_ = std::move(*some);
  next_ = 0;
  last_ = some_.empty();
  for (const Mapping& one : some_) {
    const std::uint64_t all = one.offset | one.length | one.physical;
    const bool over =
        one.offset + one.length < one.offset || one.physical + one.length < one.physical;
    if (one.length == 0 || all % block_bytes_ != 0 || one.offset < fetched_ || over) {
      return fail({.code = Code::kCorrupt,
                   .operation = "plan sharing",
                   .disk = volume_.volume,
                   .detail = "the block map of a volume contradicts itself"});
    }
    fetched_ = one.offset + one.length;
  }
  return {};
}

Result<RangeOfBlocks> RangePieces::next() {
  RangeOfBlocks range{.index = index_++};
  const std::uint64_t begin = range.index * kRangeBytes;
  const std::uint64_t length = range_length(volume_.size, range.index);
  const std::uint64_t end = begin + length;
  for (;;) {
    if (next_ == some_.size()) {
      if (last_ || fetched_ >= end) break;
      if (Status status = fetch(); !status) return fail(status.error());
      continue;
    }
    const Mapping& one = some_[next_];
    if (one.offset >= end) break;
    const std::uint64_t from = std::max(one.offset, begin);
    const std::uint64_t to = std::min(one.offset + one.length, end);
    if (one.written && to > from) {
      const Mapping piece{.offset = from - begin,
                          .length = to - from,
                          .physical = one.physical + (from - one.offset)};
      Mapping* const last = range.pieces.empty() ? nullptr : &range.pieces.back();
      if (last != nullptr && last->offset + last->length == piece.offset &&
          last->physical + last->length == piece.physical) {
        last->length += piece.length;
      } else {
        range.pieces.push_back(piece);
      }
    }
    if (one.offset + one.length > end) break;
    ++next_;
  }
  if (range.pieces.empty()) return range;
  std::vector<std::uint64_t> numbers{length};
  for (const Mapping& one : range.pieces) {
    numbers.insert(numbers.end(), {one.offset, one.length, one.physical});
  }
  range.key = hash_of_bytes(std::as_bytes(std::span(numbers)));
  struct {
    Hash128 before;
    Hash128 key;
    std::uint64_t index;
  } const chain{digest_, range.key, range.index};
  digest_ = hash_of_bytes(std::as_bytes(std::span(&chain, 1)));
  return range;
}

}  // namespace lastword
