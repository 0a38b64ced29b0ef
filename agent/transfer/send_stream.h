// Writes a clone stream from volumes that do not change meanwhile.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/section_pipe.h"
#include "agent/transfer/share_plan.h"

namespace lastword {

class VolumeReader {
 public:
  virtual ~VolumeReader() = default;
  // All of `buffer`, from volume number `volume` of the snapshot.
  [[nodiscard]] virtual Status read(std::uint32_t volume, std::uint64_t offset,
                                    std::span<std::byte> buffer) = 0;
};

struct SendOrder {
  // Its volumes are those of the plan, which has learnt them with this start. What is before
  // `start` is not sent, only hashed. data_bytes is filled in here.
  pb::CloneStreamHead head;
  SharePlanner& plan;
  std::vector<RangeTable> base_tables;  // of head.base_volumes
  VolumeReader& reader;
  std::function<Status()> before_end;  // the last word on whether what was sent is good
  std::function<void(std::uint64_t done, std::uint64_t total)>
      progress;  // data bytes; may be empty
};

struct Sent {
  pb::CloneTransfer figures;
  std::vector<RangeTable> tables;  // of the volumes
};

// Blocks of data that turn out to be all zero are sent as such. After an error the stream has no
// end, and its receiver drops it.
[[nodiscard]] Result<Sent> send_stream(const SendOrder& order, SectionWriter& out);

}  // namespace lastword
