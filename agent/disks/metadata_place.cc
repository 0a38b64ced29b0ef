#include "agent/disks/metadata_place.h"

#include <fmt/format.h>

#include "proto/disk.pb.h"
#include "storage/block/label_search.h"
#include "storage/tables/discover.h"

namespace lastword {

Result<MetadataPlace> find_metadata(BlockDevice& device, std::optional<std::uint64_t> offset) {
  std::string why = "as asked";
  std::optional<Error> table;
  if (!offset) {
    const auto partition = find_metadata_partition(device);
    if (partition) return MetadataPlace{.offset_bytes = partition->offset_bytes};
    table = partition.error();
    table->disk = {};
    why = describe(*table);
    table->disk = device.name();
  }
  pb::Label label;
  const auto found = find_label(device, offset, label);
  if (found) {
    return MetadataPlace{
        .offset_bytes = *found,
        .found_by_label = fmt::format("records found at byte {} by the label ({})", *found, why)};
  }
  if (table && found.error().code == Code::kNotFound) return fail(*table);
  return fail(found.error());
}

}  // namespace lastword
