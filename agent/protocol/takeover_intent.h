// The takeover intent: what this node began to do to its partner's disks, and whether that is still
// to be finished. Pure. agent/disks/intent_log.h keeps it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"

namespace lastword {

using IntentPhase = pb::TakeoverIntent::Phase;

// Of the copies of this node's intent the last written one counts. Absent: there is none.
[[nodiscard]] std::optional<pb::TakeoverIntent> newest_intent(
    std::span<const pb::TakeoverIntent> copies);

// What is to be written next. `before`: what counts now. Its number of automatic givebacks goes on.
[[nodiscard]] pb::TakeoverIntent next_intent(const std::optional<pb::TakeoverIntent>& before,
                                             IntentPhase phase, std::uint8_t victim_node,
                                             std::uint32_t victim_generation);

// This node owns or holds a disk of the partner's.
[[nodiscard]] bool has_partner_disk(const Survey& survey, const Config& config);

// This node owns a disk that the partner had in that life.
[[nodiscard]] bool has_disk_of_life(const Survey& survey, const Config& config, std::uint32_t life);

// This node owns and holds, by this life or an earlier one, every disk of the partner's, promises
// none, and can read all that it sees: nothing is left that a vote would decide.
[[nodiscard]] bool owns_all_of_partner(const Survey& survey, const Config& config);

// A disk of this node's own that the life with the key `own` never had, and that lives of the
// partner's have which this node has taken over from, or begun to: it belongs to that takeover,
// whenever it comes to light, and is no sign that the partner has taken over.
[[nodiscard]] bool is_left_with_victim(const DiskView& disk, const Config& config,
                                       ReservationKey own,
                                       const std::optional<pb::TakeoverIntent>& intent);

// The UUIDs of such disks.
[[nodiscard]] std::vector<std::string> left_with_victim(
    const Survey& survey, const Config& config, ReservationKey own,
    const std::optional<pb::TakeoverIntent>& intent);

enum class IntentVerdict : std::uint8_t {
  kNothing,    // no takeover is under way, or it is done
  kResume,     // it was interrupted, or this node has been rebooted since
  kEnded,      // the victim lives again: the intent is to be closed, and nothing to be taken
  kCalledOff,  // an announcement that nothing followed: likewise
};
// A later life of the victim ends the intent as soon as it has had a disk, whatever is left undone;
// one that only waits for its giveback does not. A takeover that was done is resumed where a disk
// of it is held by the key of an earlier life of this node: its writes would meet a conflict. So is
// one that has left a disk behind: is_left_with_victim().
// One whose disks go back ends when none is left here.
[[nodiscard]] IntentVerdict judge_intent(const std::optional<pb::TakeoverIntent>& intent,
                                         const Survey& survey, const Config& config,
                                         ReservationKey own);

// The takeover was begun or done, its disks may be on their way back, and the partner waits in a
// later life, without a disk of its own: what is left is of the life that the intent names.
[[nodiscard]] bool is_left_undone(const pb::TakeoverIntent& intent, const Survey& survey,
                                  const Config& config);

// It goes on although the victim is heard: its panic is proven, an operator wants it, a disk of the
// partner's is here, which neither node can do without, or the victim has left its disks. `heard`:
// as for has_left() in handover_plan.h.
[[nodiscard]] bool needs_no_silence(const pb::TakeoverIntent& intent, const Survey& survey,
                                    const Config& config,
                                    const std::optional<pb::MailboxSlot>& heard);

// What becomes of an intent that was announced, or found no majority, and touched nothing: disks
// that this node has of the partner's, from a takeover before, are to go back.
[[nodiscard]] pb::TakeoverIntent called_off(const std::optional<pb::TakeoverIntent>& before,
                                            const pb::TakeoverIntent& now, const Survey& survey,
                                            const Config& config);

// What becomes of an intent whose takeover won no majority. A vote that was lost (kFenced) ends it.
// So does too few votes, unless an earlier takeover of the same life had got further: that one
// stays to be resumed, as soon as the mailbox disks are there.
[[nodiscard]] IntentPhase phase_after_no_majority(const std::optional<pb::TakeoverIntent>& before,
                                                  const pb::TakeoverIntent& now, Code why);

// A giveback was begun, and neither finished nor called off: its service may run nowhere. One that
// was called off when the partner had some disks stays RETURNING, to no life.
[[nodiscard]] bool is_under_way(const std::optional<pb::TakeoverIntent>& intent);

// "takeover from node 1, life 7"
[[nodiscard]] std::string describe(const pb::TakeoverIntent& intent);

}  // namespace lastword
