// lastword-dump from a command line: one vmcore to one disk or image.
#pragma once

#include <optional>
#include <span>

#include "dumpwriter/options.h"
#include "proto/disk.pb.h"
#include "proto/reservation.h"

namespace lastword {

// What a person may do to a disk. Pure. kRefused: it would destroy something; kConflict: another
// node, or none, holds the reservation. `reservation` and `registered` are those of a device; an
// image has none.
struct ByHandFacts {
  bool is_image = false;
  bool overwrite = false;
  std::span<const ReservationKey> registered = {};
};
[[nodiscard]] Status check_by_hand(const ByHandFacts& facts, const pb::Label& label,
                                   const pb::CoredumpHeader& header,
                                   const std::optional<Reservation>& reservation);

// What a person wants to know at the end, from the last header of a dump whose clock began with it:
// "244445184 bytes on disk in 1.3 s (3303 MB/s of memory); of 1048576 pages 201344 stored, 12 zero,
// 847220 left out; compressed 3.3 : 1".
[[nodiscard]] FixedText<256> describe_figures(const pb::CoredumpHeader& header);

// Returns the exit status.
[[nodiscard]] int run_by_hand(const DumpOptions& options);

}  // namespace lastword
