// Why a takeover is not possible now, each reason with what ends it: for `status` and `check`, and
// for the node itself (node_plan.h). Pure.
#pragma once

#include <string>

#include "agent/protocol/node_facts.h"

namespace lastword {

// "takeover is switched off here (DISABLE): `lastword enable` here", all reasons in their order.
[[nodiscard]] std::string describe(const Refusals& refusals);

// Automatic takeover is switched off, here or by the peer: it holds for a proven panic too.
[[nodiscard]] Refusals refusals_on_panic(const NodeFacts& facts);
// A takeover of a peer that falls silent. `phase`: this node's. A node that resumes an open
// takeover need not have seen the peer in this boot.
[[nodiscard]] Refusals refusals_on_silence(Phase phase, const NodeFacts& facts);
// A graceful takeover. An operator's order, it overrides switches.
[[nodiscard]] Refusals refusals_of_graceful(Phase phase, const NodeFacts& facts);

}  // namespace lastword
