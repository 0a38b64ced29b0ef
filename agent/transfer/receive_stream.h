// Reads a clone stream into staged volumes. Nothing of it is seen by anybody before publish().
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/section_pipe.h"

namespace lastword {

// The seam between a stream and the pool that takes it. All calls are for one stream, in this
// order: begin, then write and share, then sync, read, publish. Where the last one is not reached,
// the staging removes what it staged when it is destroyed.
class Staging {
 public:
  virtual ~Staging() = default;

  struct Base {
    std::vector<RangeTable> tables;  // of head.base_volumes, whose roots they have
  };
  // May this stream come here, and is its base here and unmodified? Then an empty volume of its
  // size for each one. `head` has passed check_head(). kRefused: no; kNoSpace: it will not fit. On
  // an error nothing has changed.
  [[nodiscard]] virtual Result<Base> begin(const pb::CloneStreamHead& head) = 0;
  [[nodiscard]] virtual Status write(std::uint32_t volume, std::uint64_t offset,
                                     std::span<const std::byte> data) = 0;
  // Bytes of another volume, or of this one before `offset`, without a copy.
  [[nodiscard]] virtual Status share(std::uint32_t volume, std::uint64_t offset,
                                     std::uint64_t length, bool from_base, std::uint32_t source,
                                     std::uint64_t source_offset) = 0;
  // Everything is durable, and what is read from now on comes from there.
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Status read(std::uint32_t volume, std::uint64_t offset,
                                    std::span<std::byte> buffer) = 0;
  // All volumes appear at once. `tables` are those of the volumes.
  [[nodiscard]] virtual Status publish(std::span<const RangeTable> tables) = 0;
};

using ReceiveProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// kCorrupt: not a whole, good stream, or what was written does not read back as it was sent.
// Errors of the staging are its own.
[[nodiscard]] Result<pb::CloneTransfer> receive_stream(SectionReader& in, Staging& staging,
                                                       const ReceiveProgress& progress);

}  // namespace lastword
