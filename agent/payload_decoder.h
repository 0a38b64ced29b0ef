// From a section's payload as stored to the bytes it stands for. The one place that knows codecs.
#pragma once

#include <span>

#include "proto/error.h"
#include "proto/stream.h"

namespace lastword {

class PayloadDecoder {
 public:
  // `header.raw_bytes` bytes: a view of `stored` where there is no codec, else of memory that is
  // valid until the next call. kUnsupported for a codec that this version does not know.
  [[nodiscard]] Result<std::span<const std::byte>> decode(const SectionHeader& header,
                                                          std::span<const std::byte> stored);
};

}  // namespace lastword
