// May the dump writer write to this disk? Pure: the records and the reservation as they were just
// read, against the plan that the healthy node baked into the capture image.
#pragma once

#include <optional>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/plan.pb.h"
#include "proto/reservation.h"

namespace lastword {

// An error for the first thing that differs from the plan, in the order in which a difference
// explains the ones after it (another cluster's disk also has another owner). Whatever the code,
// nothing may then be written to the disk: kConflict when another key, or none, holds the
// reservation, kRefused for everything else. The caller adds the disk's name.
[[nodiscard]] Status check_candidate(const pb::Plan& plan, const pb::Candidate& candidate,
                                     const pb::Label& label, const pb::CoredumpHeader& header,
                                     const std::optional<Reservation>& reservation);

}  // namespace lastword
