// Whether this node stood still: a virtual machine that was moved, a process that was stopped. What
// it knew before may be out of date, and is looked at anew before it is acted on.
#pragma once

#include <utility>

#include "agent/base/executor.h"

namespace lastword {

class OwnPause {
 public:
  OwnPause(Instant now, milliseconds longest) : last_turn_(now), longest_(longest) {}

  // At each turn of the loop. True: the last one was too long ago, and nothing is looked at anew
  // because of that yet. A node on which each turn is late gets through with its look all the same.
  [[nodiscard]] bool stood_still(Instant now) {
    const bool late = now - std::exchange(last_turn_, now) > longest_;
    return late && !std::exchange(looks_anew_, true);
  }
  // A look that began after the pause has come to its end.
  void looked() { looks_anew_ = false; }

 private:
  Instant last_turn_;
  milliseconds longest_;
  bool looks_anew_ = false;
};

}  // namespace lastword
