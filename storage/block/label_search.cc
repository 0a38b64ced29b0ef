#include "storage/block/label_search.h"

#include <span>

#include "proto/layout.h"
#include "storage/block/record_io.h"

namespace lastword {

Result<std::uint64_t> find_label(BlockDevice& device, std::optional<std::uint64_t> offset,
                                 google::protobuf::MessageLite& label) {
  std::span<const std::uint64_t> places = kUsualMetadataOffsets;
  if (offset) places = {&*offset, 1};
  // Damage in one of the usual places does not say that there is nothing in the others.
  Error worst{.code = Code::kNotFound,
              .operation = "find label",
              .disk = device.name(),
              .detail = "not labelled: `lastword label` it, or give --metadata-offset"};
  for (const std::uint64_t place : places) {
    if (place > device.size_bytes() || kMetadataMinBytes > device.size_bytes() - place) continue;
    const auto read = RecordIo(device, place).read(RecordPlace::kLabel, label);
    if (read) return place;
    const Code code = read.error().code;
    if (code == Code::kFutureVersion || (offset && code != Code::kNotFound)) worst = read.error();
  }
  return fail(worst);
}

}  // namespace lastword
