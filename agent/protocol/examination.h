// What a closer look at a disk found, as plain data: all that a decision needs to know of a
// candidate beyond the survey. The look itself is agent/disks/examine.h.
#pragma once

#include <optional>
#include <string>

#include "proto/error.h"

namespace lastword {

// Nothing is set for a disk that was not looked at.
struct Examination {
  std::optional<Error> not_ready;       // TEST UNIT READY failed, or the disk does not answer
  std::optional<Error> probe_failed;    // the data region could not be searched for signatures
  std::string signature;                // what the data region holds, "ext4 ..."; empty: nothing
  std::optional<std::string> excluded;  // the caller's own reason to leave this disk out
};

}  // namespace lastword
