// Where the hash of each range of a volume comes from, told from the runs of the volume alone:
// sender and receiver come to the same result, and only the kOwn ones are in the stream, are read
// on the sender and read back on the receiver. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/clone_stream.h"

namespace lastword {

// Takes its blocks from another place.
[[nodiscard]] constexpr bool is_shared(const CloneRun& run) {
  const auto kind = static_cast<CloneRunKind>(run.kind);
  return kind == CloneRunKind::kSent || kind == CloneRunKind::kBase;
}

struct RangeSource {
  enum class Kind : std::uint8_t {
    kOwn,   // hashed for itself
    kZero,  // nothing but zero runs
    kSent,  // wholly the range `index` of another volume of the stream
    kBase,  // the same of a volume of the base
  };
  Kind kind = Kind::kOwn;
  std::uint32_t volume = 0;
  std::uint64_t index = 0;
};

class RangeSources {
 public:
  // Of volume `self` of the stream, from byte `begin` on, where a range begins. Sizes of all
  // volumes of the stream and of the base; both outlive this.
  RangeSources(std::uint32_t self, std::span<const std::uint64_t> sent_sizes,
               std::span<const std::uint64_t> base_sizes, std::uint64_t begin = 0)
      : self_(self), sent_sizes_(sent_sizes), base_sizes_(base_sizes), at_(begin) {}

  // The next run; all that were added lie inside the volume. `complete(index, source)` for each
  // range that ends in it. Runs that go on where the one before ends count as one with it.
  template <class Complete>
  void add(const CloneRun& run, const Complete& complete) {
    const std::uint64_t size = sent_sizes_[self_];
    for (std::uint64_t done = 0; done < run.length;) {
      const std::uint64_t index = at_ / kRangeBytes;
      const std::uint64_t end =
          size - at_ < kRangeBytes - at_ % kRangeBytes ? size : (index + 1) * kRangeBytes;
      const std::uint64_t piece = run.length - done < end - at_ ? run.length - done : end - at_;
      take(run, done);
      done += piece;
      at_ += piece;
      if (at_ == end) complete(index, source_of(index));
    }
  }

 private:
  // The bytes from at_ on are those of the run from `done` on.
  void take(const CloneRun& run, std::uint64_t done);
  [[nodiscard]] RangeSource source_of(std::uint64_t index) const;

  std::uint32_t self_;
  std::span<const std::uint64_t> sent_sizes_;
  std::span<const std::uint64_t> base_sizes_;
  std::uint64_t at_;
  // Of the range that at_ is in, as long as one run could tell of all of it; its length counts
  // from the begin of the range.
  std::optional<CloneRun> all_;
};

}  // namespace lastword
