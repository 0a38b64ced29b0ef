// What commands leave in the state directory for later commands of the same boot: node.json,
// armed.json, partner.json, request.json, answer.json, phase.json and announced.json
// (agent/node/state.proto). All carry the kernel's boot id; a file of an earlier boot counts as
// absent. A file is written under another name, synced and renamed: a reader sees the old state or
// the new one, also after an error or a kill. A save that fails may leave FILE.new behind, which
// the next save overwrites. Saving makes the directory where it is missing.
//
// Errors, where nothing else is said: kCorrupt, the file is not what lastword writes; kIo or
// kNoSpace, the system failed.
#pragma once

#include "agent/node/state.pb.h"
#include "agent/protocol/config.h"
#include "agent/protocol/node_state.h"
#include "proto/keys.h"

namespace lastword {

// Of the running kernel, from /proc/sys/kernel/random/boot_id. Tests pass one of their own instead.
[[nodiscard]] Result<std::string> read_boot_id();

// kNotFound: `lastword start` has not run since boot, `lastword stop` has ended that life, or it
// has left its disks to the partner.
[[nodiscard]] Result<NodeState> load_node_state(const Config& config);
[[nodiscard]] Result<NodeState> load_node_state(const Config& config, std::string_view boot_id);
// Also a life that has left its disks, or that `lastword stop` has ended but could not release
// everywhere: for whoever releases what that life still holds. kNotFound: no life has begun since
// boot.
[[nodiscard]] Result<NodeState> load_last_life(const Config& config);
[[nodiscard]] Result<NodeState> load_last_life(const Config& config, std::string_view boot_id);
[[nodiscard]] Status save_node_state(const Config& config, const NodeState& state);
[[nodiscard]] Status save_node_state(const Config& config, const NodeState& state,
                                     std::string_view boot_id);
// Of the life with this key, if it is the present one: whether the hook service-returned is to run
// yet. Takes lock_state().
[[nodiscard]] Status set_unannounced(const Config& config, ReservationKey key, bool unannounced);
[[nodiscard]] bool is_unannounced(const Config& config, ReservationKey key);
// After a `lastword stop` that left nothing under this key: the next start is a new life, with a
// generation of its own. A file that is not there counts as removed.
[[nodiscard]] Status remove_node_state(const Config& config);

// Written by `lastword arm` once the capture image is loaded; removed by `lastword disarm`. The
// boot_id field is filled in here. kNotFound: not armed since boot.
[[nodiscard]] Result<pb::ArmedState> load_armed_state(const Config& config);
[[nodiscard]] Result<pb::ArmedState> load_armed_state(const Config& config,
                                                      std::string_view boot_id);
[[nodiscard]] Status save_armed_state(const Config& config, const pb::ArmedState& state);
[[nodiscard]] Status save_armed_state(const Config& config, const pb::ArmedState& state,
                                      std::string_view boot_id);
// A file that is not there counts as removed.
[[nodiscard]] Status remove_armed_state(const Config& config);

// Written by the agent when it first hears the partner in this boot, a later life of it, or another
// set of mailbox disks that it counts votes by. The boot_id field is filled in here. kNotFound: it
// has not been heard since boot.
[[nodiscard]] Result<pb::PartnerSeen> load_partner_seen(const Config& config);
[[nodiscard]] Status save_partner_seen(const Config& config, const pb::PartnerSeen& seen);

// Written by `lastword takeover --graceful`, and removed when it ends. The boot_id field is filled
// in here. kNotFound: nothing is asked.
[[nodiscard]] Result<pb::OpenRequest> load_request(const Config& config);
[[nodiscard]] Status save_request(const Config& config, const pb::OpenRequest& request);
[[nodiscard]] Status remove_request(const Config& config);
// Written by the agent of the node that was asked. kNotFound: it has answered none since boot.
[[nodiscard]] Result<pb::RequestAnswer> load_answer(const Config& config);
[[nodiscard]] Status save_answer(const Config& config, const pb::RequestAnswer& answer);
// Written by the agent as its state changes. kNotFound: none has run since boot.
[[nodiscard]] Result<pb::AgentPhase> load_agent_phase(const Config& config);
[[nodiscard]] Status save_agent_phase(const Config& config, const pb::AgentPhase& phase);

// Written before each run of the hook `service-taken`, and when one has ended well: an agent that
// goes on with that takeover does not run it again. kNotFound: none has run since boot.
[[nodiscard]] Result<pb::AnnouncedService> load_announced(const Config& config);
[[nodiscard]] Status save_announced(const Config& config, const pb::AnnouncedService& announced);
// Before the service of these disks (UUIDs) is ended for a giveback, or when it has ended with the
// life before this one. The hook runs again.
[[nodiscard]] Status forget_told(const Config& config, const std::vector<std::string>& disks);
// Another run of the hook, for what stays here after a giveback was called off, is told of `disks`
// (UUIDs).
[[nodiscard]] Status add_told(const Config& config, std::uint32_t life,
                              const std::vector<std::string>& disks);
// As after an order to take over: the hook runs again. What the service was told of stays known.
[[nodiscard]] Status forget_acknowledged(const Config& config);

}  // namespace lastword
