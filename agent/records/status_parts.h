// The parts of a status report, for status_plan.cc alone.
#pragma once

#include "agent/records/status_plan.h"

namespace lastword {

// Empty for 0; "node 7" for neither of both.
[[nodiscard]] std::string node_name(const Config& config, std::uint32_t node);

// The slot that counts of that node's in sight, if it is of its latest life.
[[nodiscard]] std::optional<pb::MailboxSlot> present_slot(const StatusFacts& facts,
                                                          std::uint8_t node);
// Heartbeats of the node came a moment ago.
[[nodiscard]] bool agent_beats(const StatusFacts& facts, std::uint8_t node);

[[nodiscard]] pb::StatusNode status_of_self(const StatusFacts& facts);
[[nodiscard]] pb::StatusNode status_of_partner(const StatusFacts& facts);
[[nodiscard]] pb::StatusTakeover status_of_takeover(const StatusFacts& facts);
void add_disks(const StatusFacts& facts, pb::StatusReport& report);
void add_dumps(const StatusFacts& facts, pb::StatusReport& report);
// Nothing where no disk of the partner is here.
void add_giveback(const StatusFacts& facts, pb::StatusReport& report);
void add_paths(const StatusFacts& facts, pb::StatusReport& report);

void add_reason(google::protobuf::RepeatedPtrField<pb::StatusReason>& reasons, std::string reason,
                std::string remedy);

}  // namespace lastword
