// Drives a Seize (agent/protocol/seize_plan.h) on a logical unit.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/protocol/seize_plan.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

struct SeizeNotes {
  bool used_reset = false;
  bool preempted = false;
  bool found_held = false;
  bool was_reset = false;
  bool aptpl_refused = false;
  std::vector<ReservationKey> foreign_removed = {};
};
// What to tell the operator of `aptpl_refused`.
inline constexpr std::string_view kAptplRefused =
    "the target was asked to keep registrations over a power loss (APTPL) and refused: after one, "
    "both nodes could write until `lastword start`. LIO needs the directory /var/target/pr";

// Is this node to register with APTPL? Where the target offers it, and where REPORT CAPABILITIES is
// not answered: without it this node would switch off what the target remembers for the other one,
// and a target that does not have it refuses it (refuses_aptpl()). Not where the target does not
// know the command, as many do not: they keep nothing.
[[nodiscard]] bool tries_aptpl(ScsiLun& lun);

// Blocks for at most the lun's time-out for each command. Returns Seize::result(), with the disk's
// name; `notes` may be null. `on_giving_up` is called when the result will be an error, before what
// there is to withdraw is withdrawn.
[[nodiscard]] Status seize(ScsiLun& lun, const SeizeGoal& goal, SeizeNotes* notes = nullptr,
                           std::optional<SeizeView> seen = {},
                           const std::function<void()>& on_giving_up = {});

// Removes this node's registration, and what it holds by it. With APTPL where that is offered: on
// LIO, one node's unregistering without it makes the target forget the others' at a power loss.
[[nodiscard]] Status unregister(ScsiLun& lun);

}  // namespace lastword
