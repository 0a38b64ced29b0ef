// What a takeover makes of a survey: which disks it is about, and how each is taken. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/seize_plan.h"
#include "agent/protocol/takeover_plan.h"

namespace lastword {

// The partner's disks: its own, and those of this node's that it owns or holds. Mailbox disks are
// not among them, nor are unheld_copies().
[[nodiscard]] std::vector<DiskView> partner_disks(const Survey& survey, const Config& config);
// All that a takeover is about: partner_disks(), and of a node that waits those of its own service
// that it has taken or got already. They are announced with the others.
[[nodiscard]] std::vector<DiskView> disks_to_take(const Survey& survey, const Config& config,
                                                  const NodeState& state);
// Disks with the label of the partner's disks while another disk in sight has the same, and held by
// neither node: clones or snapshots of the right one. They are never touched.
[[nodiscard]] std::vector<DiskView> unheld_copies(const Survey& survey, const Config& config);
// Those of partner_disks() that may hold its dump, as indices into the survey.
[[nodiscard]] std::vector<std::size_t> dump_places(const Survey& survey, const Config& config);
// Those of the partner's disks whose UUID is not among `had`. Of this node's own only those that a
// life which waits has never had.
[[nodiscard]] std::vector<DiskView> late_disks(const Survey& survey, const Config& config,
                                               const NodeState& state,
                                               const std::set<std::string>& had);
// Disks whose label cannot be read: they may be anybody's, of these two nodes too.
[[nodiscard]] std::vector<DiskView> unreadable_disks(const Survey& survey);
// One of these, which late_disks() may return once it can be read. Not one of which an earlier look
// has read that it is a mailbox disk, another cluster's, among `had`, or one of this node's own
// that late_disks() would leave alone.
[[nodiscard]] bool may_be_taken_late(const DiskView& disk, const Config& config,
                                     const NodeState& state, const std::set<std::string>& had);

// kNotFound.
[[nodiscard]] Error no_partner_disks(const Config& config);
// The mailbox disk with this UUID, in the survey. Null where none is in sight, or a clone beside
// it: on that each node could win a vote of its own.
[[nodiscard]] const DiskView* find_mailbox(const Survey& survey, const Config& config,
                                           std::string_view uuid);

// The partner's life that a takeover is about: the one that panicked, or where that is not known,
// the latest that any disk tells of, by a mailbox slot too. A dump or a plan of an earlier life is
// over, even on a disk whose label the later life could not write.
[[nodiscard]] std::uint32_t life_taken_over(const Survey& survey,
                                            std::optional<std::uint32_t> panicked,
                                            const Config& config);
[[nodiscard]] std::vector<TakeoverDisk> as_plan_input(const std::vector<DiskView>& disks,
                                                      const Config& config, std::uint32_t life);

// One disk that is to be taken, and by whose right.
struct TakeOrder {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::string cluster_uuid;
  std::string disk_uuid;  // as surveyed: names of devices may have moved since
  SeizeGoal goal;
  std::optional<SeizeView> seen;              // by the survey, if that is recent
  pb::Reason abort_reason = pb::REASON_NONE;  // for a header that is still IN_PROGRESS
  milliseconds io_timeout{};
  bool promised = false;  // to a life of the partner's that did not take it
  bool serves = false;    // a disk of the service: what this node's page cache has of it is dropped
};
// The partner's later life is not to be preempted: only keys up to the boot generation that failed
// are; where that is not known, up to the one that the label tells of.
[[nodiscard]] TakeOrder take_order(const DiskView& disk, const Config& config, ReservationKey own,
                                   pb::Reason abort_reason,
                                   std::optional<std::uint32_t> failed_generation = {});

}  // namespace lastword
