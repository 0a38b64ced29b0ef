// `lastword giveback`, decided: which of the partner's disks go back to which of its lives, in
// which order, and what stands against it. Pure; the driver is agent/service/giveback_run.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/partner_word.h"

namespace lastword {

// Where one of the partner's disks is on its way back, as far as its label and its reservation say.
enum class Whereabouts : std::uint8_t {
  kHere,      // this node's, by label and by reservation, and promised to nobody who lives
  kPromised,  // likewise, and promised to the partner's present life
  kOnItsWay,  // the partner has its reservation or its label, and not both in its present life
  kReturned,  // the partner's present life owns and holds it
  kAstray,    // none of these: a takeover was interrupted, or the shelf has lost reservations
};
// `own`: this node's key. `life`: the partner's present one.
[[nodiscard]] Whereabouts whereabouts(const DiskView& disk, const Config& config,
                                      ReservationKey own, std::uint32_t life);

// The partner has taken it in a giveback, to its end or not. `victim`: the life that it was taken
// over from.
[[nodiscard]] bool has_gone(const DiskView& disk, const Config& config, std::uint32_t victim);

struct GivebackPlan {
  std::uint32_t life = 0;  // of the partner, that the disks go back to
  // Disks that are not returned yet, as indices into the survey, in the order in which they go.
  std::vector<std::size_t> dumps;    // with role dump or spare: these come first
  std::vector<std::size_t> service;  // these when the partner is armed
  // Some disk may hold the partner's dump, returned or not: it can be armed.
  bool can_arm = false;
  // A disk of the service is promised, or is not here any more: its service has ended here, and the
  // way on is the only one.
  bool past_return = false;
  std::vector<Veto> vetoes;  // all that stand
};
// `intent`: the newest of this node's. A giveback that was interrupted, and has left nothing but
// its intent, is planned with no disk and no veto.
[[nodiscard]] GivebackPlan plan_giveback(const Survey& survey, const Config& config,
                                         const NodeState& state,
                                         const std::optional<pb::TakeoverIntent>& intent,
                                         const PartnerWord& partner);

// The disks whose home is the partner, as indices, each once: mailbox disks are not among them, nor
// clones and snapshots that neither node holds.
[[nodiscard]] std::vector<std::size_t> disks_of_partner(const Survey& survey, const Config& config);
// That life of the partner is armed on one of these.
[[nodiscard]] bool partner_is_armed(const Survey& survey, const Config& config, std::uint32_t life);
// The partner's life that this node took over from, as the intent says; without one, as the labels
// do.
[[nodiscard]] std::uint32_t life_given_back(const Survey& survey, const Config& config,
                                            const std::optional<pb::TakeoverIntent>& intent);

}  // namespace lastword
