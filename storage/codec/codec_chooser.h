// Which codec the next chunk gets when nobody said: harder while the disk is the bottleneck,
// lighter while the processors are, so that the dump ends soonest; of codecs that take the same
// time the one that stores less. Pure: from what was measured to a decision.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proto/codec_setting.h"

namespace lastword {

using std::chrono::nanoseconds;

class CodecChooser {
 public:
  // What `auto` chooses from, from light to hard.
  static constexpr std::array<CodecLevel, 4> kLadder{
      CodecLevel{Codec::kNone, 0}, CodecLevel{Codec::kLz4, 0}, CodecLevel{Codec::kZstd, 1},
      CodecLevel{Codec::kZstd, 3}};

  // `processors` compress at the same time.
  CodecChooser(const CodecSetting& setting, unsigned processors);

  [[nodiscard]] const CodecLevel& current() const { return current_; }

  // A chunk was compressed: `took` on one processor, with `codec` wanted, whatever it became.
  void compressed(const CodecLevel& codec, std::size_t raw_bytes, std::size_t stored_bytes,
                  nanoseconds took);
  // Time that was spent waiting because all write buffers were in flight.
  void waited(nanoseconds time) { waited_ += time; }
  // Once for each chunk that was handed to the disk; decides every kChunksPerDecision.
  void chunk_done(nanoseconds now);

  static constexpr unsigned kChunksPerDecision = 4;
  // So many decisions long a codec that was slower is not tried again.
  static constexpr unsigned kMemory = 64;

 private:
  // Time (of the ratio, stored bytes) for each byte, over the last of them: pages differ from one
  // chunk to the next, and what a codec made of others says little of these.
  class Rate {
   public:
    void add(double time, double bytes);
    [[nodiscard]] bool known() const { return bytes_ > 0; }
    [[nodiscard]] double per_byte() const { return known() ? time_ / bytes_ : 0; }

   private:
    double time_ = 0;
    double bytes_ = 0;
  };
  struct Known {
    unsigned age = kMemory;  // decisions since it was measured, at most kMemory
    Rate compress;           // nanoseconds of one processor for each raw byte
    Rate ratio;              // stored for each raw byte
  };
  void decide(nanoseconds now);
  [[nodiscard]] double cost(std::size_t index) const;
  // Than the current one; one that is not known is worth a try.
  [[nodiscard]] bool worth_harder(std::size_t index) const;
  [[nodiscard]] bool worth_lighter(std::size_t index) const;

  bool automatic_;
  double processors_;
  CodecLevel current_;
  std::size_t index_ = 1;
  std::array<Known, kLadder.size()> known_{};
  Rate other_work_;  // nanoseconds of one processor for each raw byte, beside the codec
  Rate disk_;        // nanoseconds for each stored byte; not known: never the bottleneck so far

  // Since the last decision:
  nanoseconds start_{-1};
  nanoseconds waited_{0};
  nanoseconds compressing_{0};
  std::uint64_t raw_ = 0;
  std::uint64_t stored_ = 0;
  unsigned chunks_ = 0;
};

}  // namespace lastword
