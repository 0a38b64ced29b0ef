// Places in the volumes of a snapshot: in messages, in text, and what a receiver has staged up to
// one. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/transfer/clone.pb.h"
#include "proto/clone_stream.h"

namespace lastword {

[[nodiscard]] ClonePosition position_of(const pb::ClonePosition& position);
void set_position(pb::ClonePosition& to, const ClonePosition& position);
// Does a range of one of these volumes begin there, or is it behind the last one?
[[nodiscard]] bool is_place_in(const pb::CloneSnapshot& snapshot, const ClonePosition& position);
// Bytes of the volumes before it; it is a place in them.
[[nodiscard]] std::uint64_t bytes_before(const pb::CloneSnapshot& snapshot,
                                         const ClonePosition& position);

// "2:1048576": volume and byte.
[[nodiscard]] std::string to_string(const ClonePosition& position);
[[nodiscard]] std::optional<ClonePosition> parse_position(std::string_view text);

// A line of `lastword clone staged`: UUID of the snapshot, how far, UUID of the base if there is
// one.
[[nodiscard]] std::string to_string(const pb::CloneStaged& staged);
[[nodiscard]] std::optional<pb::CloneStaged> parse_staged(const std::string& line);

}  // namespace lastword
