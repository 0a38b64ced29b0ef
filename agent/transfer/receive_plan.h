// Is this still a clone stream, and what does its next section make? Pure: from what a stream says,
// already without its framing, to what is to be done to the staged volumes. After an error the
// stream is over.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/transfer/range_hash.h"
#include "agent/transfer/range_sources.h"
#include "agent/transfer/run_codec.h"
#include "proto/clone_stream.h"
#include "proto/error.h"

namespace lastword {

// Bytes [offset, offset + run.length) of `volume` become what `run` says; of a kData one the
// content begins at byte `data_at` of what came behind the runs. kZero: nothing to do, for a staged
// volume is zero where nothing was put.
struct CloneAction {
  std::uint32_t volume = 0;
  std::uint64_t offset = 0;
  CloneRun run;
  std::uint64_t data_at = 0;
};

class ReceivePlan {
 public:
  struct Shape {
    std::vector<std::uint64_t> sizes;       // of the volumes in the stream
    std::vector<std::uint64_t> base_sizes;  // and of those of the base
    std::vector<RangeTable> base_tables;    // one for each volume of the base
    std::uint64_t block_bytes = 0;
    std::uint64_t data_bytes = 0;  // no more than these come as data
    // Where the stream begins, and the hashes of all ranges before: of each volume up to that one.
    ClonePosition start;
    std::vector<RangeTable> tables;
  };
  explicit ReceivePlan(Shape shape);
  ReceivePlan(const ReceivePlan&) = delete;
  ReceivePlan& operator=(const ReceivePlan&) = delete;

  // kCorrupt where the section cannot be there or says what cannot be. `rest` is what came behind
  // the runs: hashes, then data.
  [[nodiscard]] Result<std::vector<CloneAction>> content(std::span<const CloneRun> runs,
                                                         std::span<const std::byte> rest);
  // `end` and `roots` are the end section's, and `arrived` what the receiver counted, this section
  // included.
  [[nodiscard]] Status end(const CloneEnd& end, std::span<const Hash128> roots,
                           const CloneEnd& arrived);
  [[nodiscard]] bool over() const { return over_; }

  // After the end: hashes of all ranges of a volume, and those of them that came in the stream,
  // ascending: what the volume holds there is to be read back.
  [[nodiscard]] const RangeTable& table(std::uint32_t volume) const { return tables_[volume]; }
  [[nodiscard]] const std::vector<std::uint64_t>& own(std::uint32_t volume) const {
    return own_[volume];
  }
  [[nodiscard]] RunPlace place() const { return {.volume = volume_, .offset = at_}; }
  // All ranges before it are complete, and their hashes known.
  [[nodiscard]] ClonePosition reached() const {
    return {.volume = volume_, .offset = at_ / kRangeBytes * kRangeBytes};
  }
  [[nodiscard]] std::span<const RangeTable> tables() const { return tables_; }
  [[nodiscard]] std::uint64_t data_bytes() const { return data_bytes_; }
  [[nodiscard]] std::uint64_t shared_bytes() const { return shared_bytes_; }

 private:
  [[nodiscard]] Status check(const CloneRun& run) const;
  void next_volume();

  Shape shape_;
  std::vector<RangeTable> tables_;
  std::vector<std::vector<std::uint64_t>> own_;
  std::uint32_t volume_ = 0;  // the one that the stream is at
  std::uint64_t at_ = 0;      // the byte of it that comes next
  RangeSources sources_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t shared_bytes_ = 0;
  bool over_ = false;
};

}  // namespace lastword
