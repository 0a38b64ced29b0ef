// Has the partner failed? A panicked node says so itself, in the coredump header of the disk that
// it dumps to; the network has no part in it.
//
// A node that dies without reaching its capture kernel says nothing: then its silence is what there
// is to go by (peer_watch.h), where nothing speaks against that.
#pragma once

#include <optional>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/refusal.h"

namespace lastword {

// The partner has panicked in its current life, `latest` (latest_generation): the header of this
// disk of its own says so. A disk that its `start` could not take may tell of an earlier one.
[[nodiscard]] bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest);
// By the label, or by the reservation.
[[nodiscard]] bool is_with_partner(const DiskView& disk, const Config& config);
// The partner owns or holds a disk that is this node's: it has taken over from this node.
[[nodiscard]] bool partner_has_taken_over(const Survey& survey, const Config& config);
// It has done so from a life of this node that is in service: this node takes nothing over any
// more. What an open takeover of this node's, `intent`, has left with its victim is no sign of it.
[[nodiscard]] bool is_taken_over_from(const Survey& survey, const Config& config,
                                      const NodeState& state,
                                      const std::optional<pb::TakeoverIntent>& intent);
// Why this node may not take over because the partner, whose newest slot is `last`, is silent: the
// first reason, if any. `intent`: the newest of this node's. That the partner is silent is for
// peer_watch.h to say; who wins is for the mailbox disks.
[[nodiscard]] std::optional<Refusal> against_acting_on_silence(
    const Survey& survey, const Config& config, const NodeState& state, const pb::MailboxSlot& last,
    const std::optional<pb::TakeoverIntent>& intent);
// Has this life of this node lost disks, or a majority, to the partner while it lived? kFenced,
// with a disk: what this node has in its caches is stale, and its service cannot write. An own key
// that is gone without the partner's doing is another thing (find_lost_reservations() in
// mailbox.h). Only disks that this life held count: what the partner took from an earlier life is
// not lost now. Those of the partner's that its service was told of are among them.
[[nodiscard]] Status check_not_fenced(const Survey& survey, const Config& config,
                                      const NodeState& state);
// The part of it that concerns a node that waits, too: a disk that its service was told of.
[[nodiscard]] Status check_served(const Survey& survey, const Config& config,
                                  const NodeState& state);
// Names of the settings that differ, each with both values; empty: none.
[[nodiscard]] std::string settings_that_differ(const pb::SharedSettings& one,
                                               const pb::SharedSettings& other);
// Why such a node takes nothing: what it has in its caches is stale. kFenced.
[[nodiscard]] Error taken_over_from();

}  // namespace lastword
