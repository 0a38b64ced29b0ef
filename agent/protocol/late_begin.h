// Is the grace time enough for the dumps that there were?
#pragma once

#include <optional>
#include <string>

#include "agent/protocol/disk_view.h"
#include "proto/timing.h"

namespace lastword {

// Did a dump begin so late after the panic that `grace` is too short, or leaves little to spare?
// Then what to do, as a sentence; else empty. 0: it is not known when the dump began.
[[nodiscard]] std::string late_begin(milliseconds began_after, milliseconds grace);

// The disk with the newest dump of this node that tells when it began, SAVED or overwritten by an
// armed header too. Wall clocks decide which is the newest.
[[nodiscard]] std::optional<std::size_t> newest_beginning(const Survey& survey, std::uint8_t node);

}  // namespace lastword
