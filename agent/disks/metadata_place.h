// Where the records of a disk are that an operator names: as its GPT says; where that is damaged or
// gone, by the label (storage/block/label_search.h).
#pragma once

#include <optional>
#include <string>

#include "proto/error.h"
#include "storage/block/linux_block_device.h"

namespace lastword {

struct MetadataPlace {
  std::uint64_t offset_bytes = 0;
  // Empty: the GPT says so. Else where they were found and why there, and nothing may be written:
  // by now the place may belong to something else.
  std::string found_by_label;
};

// With `offset` the GPT is not asked. Where neither helps: what is wrong with the GPT (kNotFound:
// none, or not one of lastword's), or with the label.
[[nodiscard]] Result<MetadataPlace> find_metadata(BlockDevice& device,
                                                  std::optional<std::uint64_t> offset);

}  // namespace lastword
