// A disk and its copies: clones and snapshots carry the label of the disk that they were made of,
// and nothing but the reservation tells which one is the disk of the cluster.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/protocol/disk_view.h"

namespace lastword {

// Another disk carries the same label, and `key` does not hold this one. Nothing is written to such
// a disk.
[[nodiscard]] bool is_unheld_copy(const Survey& survey, const Config& config, std::size_t disk,
                                  std::optional<ReservationKey> key);
// Of such a disk: what it is a copy of, and the way out.
[[nodiscard]] std::string describe_copy(const Survey& survey, const Config& config,
                                        std::size_t disk, std::optional<ReservationKey> key);

}  // namespace lastword
