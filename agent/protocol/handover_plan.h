// Leaving in good order, decided: what stands against this node leaving its disks to the partner
// (`lastword handover`), what stands against asking the partner to leave (`lastword takeover
// --graceful`), and how the partner's disks are found to be left. Pure; the drivers are
// agent/service/handover_run.h, agent/daemon/graceful_run.h and agent/daemon/failure_watch.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/partner_word.h"

namespace lastword {

struct HandoverPlan {
  std::uint32_t life = 0;            // of the partner, that the disks are left to
  std::vector<std::size_t> own;      // this node's disks, as indices into the survey
  std::vector<std::size_t> service;  // of these, the disks of the service
  std::vector<Veto> vetoes;          // all that stand
};
// `intent`: the newest of this node's. What operators have forbidden (switches.h) does not count:
// this is an order.
[[nodiscard]] HandoverPlan plan_handover(const Survey& survey, const Config& config,
                                         const NodeState& state,
                                         const std::optional<pb::TakeoverIntent>& intent,
                                         const PartnerWord& partner);

// What stands against asking the partner to leave. That this node can take its disks is for
// forecast_takeover() to say.
[[nodiscard]] std::vector<Veto> against_asking(const Survey& survey, const Config& config,
                                               const NodeState& state, const PartnerWord& partner);

// Is it one of the three phases of a node that serves its own disks and nothing else, or is it
// standing by while the other one leaves?
[[nodiscard]] bool is_normal(pb::NodePhase phase);

// This node's own disks, as indices, each once: mailbox disks are not among them, nor clones and
// snapshots that neither node holds.
[[nodiscard]] std::vector<std::size_t> own_disks(const Survey& survey, const Config& config);
// The partner holds and owns it.
[[nodiscard]] bool partner_owns_and_holds(const DiskView& disk, const Config& config);
// This node holds and owns it.
[[nodiscard]] bool is_here(const DiskView& disk, const Config& config, ReservationKey own);

// That life of the partner's has left its disks to this node, and nothing tells of a later one.
// `heard`: the newest of the partner's slots that came to this node; the survey may have a newer
// one.
[[nodiscard]] bool has_left(const Survey& survey, const Config& config,
                            const std::optional<pb::MailboxSlot>& heard, std::uint32_t life);
// The life of the partner's whose disks this node is to take because they were left to it. Absent:
// there is none, or all of them are here, or this node has begun to take them. `intent`: this
// node's.
[[nodiscard]] std::optional<std::uint32_t> life_to_take_from(
    const Survey& survey, const Config& config, const NodeState& state,
    const std::optional<pb::MailboxSlot>& heard, const std::optional<pb::TakeoverIntent>& intent);

// The partner asks this life of this node to leave.
[[nodiscard]] bool asks_to_leave(const pb::MailboxSlot& slot, const NodeState& state);

}  // namespace lastword
