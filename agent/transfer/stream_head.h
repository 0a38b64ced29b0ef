// What may stand in the head of a clone stream. The stream comes from another machine: nothing of
// it is believed before it was looked at here. Pure.
#pragma once

#include <string_view>

#include "agent/transfer/clone.pb.h"
#include "proto/error.h"
#include "proto/uuid.h"

namespace lastword {

// kCorrupt, of a clone stream.
[[nodiscard]] tl::unexpected<Error> corrupt_stream(std::string_view detail);
// In the one form in which records and directories have it.
[[nodiscard]] bool is_canonical_uuid(std::string_view text);

// Names of volumes and sets become names of files: 1 to 200 bytes of UTF-8 without control
// characters or '/', that do not begin with '.' or '-' and are not "snapshots". kRefused, with the
// name in `disk` and what is wrong in `detail`.
[[nodiscard]] Status check_clone_name(std::string_view name);

// Every field of the head, against `id`, the UUID that its section carries. kCorrupt.
[[nodiscard]] Status check_head(const pb::CloneStreamHead& head, const UuidBytes& id);

// Multiples of it are shared.
[[nodiscard]] std::uint64_t share_bytes_of(const pb::CloneStreamHead& head);

// Whether they may be those of a server's snapshot: UUIDs, sizes, and a table for each volume.
// kCorrupt.
[[nodiscard]] Status check_hashes(const pb::CloneHashes& hashes);

// Is one of the two streams the other one, or its continuation: the same snapshot from the same
// base? The bytes of both volumes are then the same ones, whatever the codec.
[[nodiscard]] bool same_stream(const pb::CloneStreamHead& one, const pb::CloneStreamHead& other);

}  // namespace lastword
