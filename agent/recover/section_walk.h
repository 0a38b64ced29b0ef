// From section header to section header of a dump, with payloads on demand: for who needs little of
// it. Steps over damage (resync.h). Errors name disk and place.
#pragma once

#include "agent/recover/dump_source.h"
#include "proto/error.h"
#include "proto/stream.h"
#include "storage/block/aligned_buffer.h"
#include "storage/codec/payload_decoder.h"

namespace lastword {

class SectionWalk {
 public:
  // `device` outlives this.
  SectionWalk(BlockDevice& device, const Dump& dump);

  // The next section; its payload is inside the extent, but not checked.
  [[nodiscard]] Result<SectionHeader> next();
  // Of the section that next() returned; valid until the next call.
  [[nodiscard]] std::span<const PageRun> runs(const SectionHeader& header) const {
    return runs_of(block_.block(0), header);
  }
  [[nodiscard]] Result<std::span<const std::byte>> payload(const SectionHeader& header);
  // Damage at the section that next() returned is no end: the writer had flushed all of it.
  [[nodiscard]] bool may_go_on() const { return at_ < claimed_; }
  // What next() has stepped over for the first time; none: nothing.
  [[nodiscard]] const std::optional<Error>& damage() const { return damage_; }

 private:
  [[nodiscard]] Result<SectionHeader> read_header();
  [[nodiscard]] std::optional<SectionHeader> resync();
  [[nodiscard]] Error located(Error error) const;

  BlockDevice& device_;
  const std::uint64_t start_;
  const std::uint64_t length_;
  const std::uint64_t claimed_;
  const UuidBytes crash_id_;
  AlignedBuffer block_{kBlockBytes};
  AlignedBuffer payload_{kMaxPayloadBytes};
  AlignedBuffer raw_{kMaxPayloadBytes};
  PayloadDecoder decoder_;
  std::uint64_t at_ = 0;    // of the section at hand, from the start of the extent
  std::uint64_t next_ = 0;  // of the one after it
  std::uint64_t sequence_ = 0;
  std::optional<Error> damage_;
};

}  // namespace lastword
