// What the partner says of itself, and what in it stands against doing something together with it:
// a giveback (giveback_plan.h), a handover (handover_plan.h). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"

namespace lastword {

// What stands against it.
struct Veto {
  enum class Kind : std::uint8_t {
    kHard,
    kUnsavedDump,  // --leave-dump: the dump stays on the disk, for the partner to recover
  };
  Kind kind = Kind::kHard;
  std::optional<std::size_t> disk = {};  // index into the survey
  std::string reason;
  std::string remedy;
};

// What the partner says, in the newest of its slots.
struct PartnerWord {
  std::optional<pb::MailboxSlot> slot;  // absent: no mailbox disk tells
  bool heard = false;                   // it wrote that one while this node listened
  // An operator says that it waits in this life, in place of a word of its own; 0: nobody does.
  std::uint32_t told_life = 0;
};

// "standing-by"
[[nodiscard]] std::string phase_name(pb::NodePhase phase);

// The partner can speak to this node, and has: only then its word is worth judging.
[[nodiscard]] bool can_be_judged(const NodeState& state, const PartnerWord& partner);
// It cannot be believed: no mailbox disk, not heard, not of its newest life; or the two nodes go by
// other rules.
[[nodiscard]] std::vector<Veto> against_word(const Survey& survey, const Config& config,
                                             const NodeState& state, const PartnerWord& partner);
// `sees`: what its slot says of the disks with these indices, which it is to take (mailbox_set()).
// `whose`: "its own". `if_unknown`: added to the reason where `sees` is 0.
[[nodiscard]] std::vector<Veto> against_sight(const Survey& survey, const Config& config,
                                              std::uint64_t sees, std::string_view whose,
                                              const std::vector<std::size_t>& disks,
                                              std::string_view if_unknown = {});
// Its agent does not run.
[[nodiscard]] std::optional<Veto> against_presence(const Config& config,
                                                   const pb::MailboxSlot& slot);

// Why nothing can go on with that life of the partner's: it is over, or has panicked. Empty: it
// can.
[[nodiscard]] std::string why_life_ended(const Survey& survey, const Config& config,
                                         std::uint32_t life);

}  // namespace lastword
