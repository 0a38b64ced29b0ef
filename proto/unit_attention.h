// Unit attentions: what a target tells a nexus before it executes its next command (SAM-5 5.14).
#pragma once

#include "proto/error.h"

namespace lastword {

// A target queues a few for each nexus; one that never runs out of them is broken.
inline constexpr unsigned kMaxUnitAttentions = 16;

// Sends a command again for as long as it is answered by a unit attention, which means that it was
// not executed: at most kMaxUnitAttentions times. Returns the last reply. Allocates nothing.
template <class Command>
[[nodiscard]] auto past_unit_attentions(Command command) {
  auto reply = command();
  for (unsigned i = 1; i < kMaxUnitAttentions; ++i) {
    if (reply || reply.error().code != Code::kUnitAttention) break;
    reply = command();
  }
  return reply;
}

}  // namespace lastword
