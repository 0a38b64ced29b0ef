// What commands leave in the state directory for later commands of the same boot. Every file
// carries the kernel's boot id: a state left by an earlier boot counts as absent. Each is written
// to a temporary file, synced and renamed, so that a reader sees the old or the new state.
#pragma once

#include "agent/node/state.pb.h"
#include "agent/protocol/config.h"
#include "agent/protocol/node_state.h"
#include "proto/keys.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// Of the running kernel, from /proc/sys/kernel/random/boot_id. Tests pass one of their own instead.
[[nodiscard]] Result<std::string> read_boot_id();

// kNotFound: `lastword start` has not run since boot, or `lastword stop` has ended that life.
[[nodiscard]] Result<NodeState> load_node_state(const Config& config);
[[nodiscard]] Result<NodeState> load_node_state(const Config& config, std::string_view boot_id);
// To release what is left: also a life that was ended.
[[nodiscard]] Result<NodeState> load_last_life(const Config& config);
[[nodiscard]] Result<NodeState> load_last_life(const Config& config, std::string_view boot_id);
[[nodiscard]] Status save_node_state(const Config& config, const NodeState& state);
// After a `lastword stop` that left nothing under this key: the next start is a new life, with a
// generation of its own.
[[nodiscard]] Status remove_node_state(const Config& config);
[[nodiscard]] Status save_node_state(const Config& config, const NodeState& state,
                                     std::string_view boot_id);

// The highest boot generation that this machine ever used under this node's id, over reboots, in
// PERSISTENT/generation-ID: the disks in sight may not tell of it. Written by `lastword start`
// before it touches a disk. 0: none was kept. kCorrupt: not a number.
[[nodiscard]] Result<std::uint32_t> load_last_generation(const Config& config);
[[nodiscard]] Status keep_last_generation(const Config& config, std::uint32_t generation);

// UUIDs of all mailbox disks that this node ever saw, over reboots, sorted: both nodes must count
// votes by the same disks, whichever are in sight. An operator takes the line of a disk that is
// gone for good out of PERSISTENT/mailbox-disks.
[[nodiscard]] Result<std::vector<std::string>> load_known_mailboxes(const Config& config);
[[nodiscard]] Status keep_known_mailboxes(const Config& config,
                                          const std::vector<std::string>& uuids);

// Written by `lastword arm` once the capture image is loaded; removed by `lastword disarm`. The
// boot_id field is filled in here. kNotFound: not armed since boot.
[[nodiscard]] Result<pb::ArmedState> load_armed_state(const Config& config);
[[nodiscard]] Result<pb::ArmedState> load_armed_state(const Config& config,
                                                      std::string_view boot_id);
[[nodiscard]] Status save_armed_state(const Config& config, const pb::ArmedState& state);
[[nodiscard]] Status save_armed_state(const Config& config, const pb::ArmedState& state,
                                      std::string_view boot_id);
[[nodiscard]] Status remove_armed_state(const Config& config);

// One of start, stop, arm and disarm at a time: kRefused while another one runs. Held until the
// descriptor is closed.
[[nodiscard]] Result<FileDescriptor> lock_state(const Config& config);

// One takeover at a time. kRefused while another one runs, unless `wait`.
[[nodiscard]] Result<FileDescriptor> lock_takeover(const Config& config, bool wait);

// Creates the state directory where it is missing. Private to root: the capture image in it names
// the reservation key.
[[nodiscard]] Status make_state_directory(const Config& config);

}  // namespace lastword
