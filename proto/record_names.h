// Names of record values for messages; protobuf-lite has none of its own. A record comes from a
// disk and may hold any number: one that has no name here is "unknown", "an unknown attribute", ...
#pragma once

#include <string_view>

#include "proto/disk.pb.h"

namespace lastword {

[[nodiscard]] std::string_view name_of(pb::Role role);            // "spare", as people give it
[[nodiscard]] std::string_view name_of(pb::Attribute attribute);  // "ARMED"
[[nodiscard]] std::string_view name_of(pb::Reason reason);        // "LIMIT"

}  // namespace lastword
