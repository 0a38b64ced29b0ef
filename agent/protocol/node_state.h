// What a node knows of its present life. The file that keeps it is agent/node/state_files.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/keys.h"

namespace lastword {

// Begun by `lastword start`.
struct NodeState {
  std::uint32_t boot_generation = 0;
  ReservationKey key;  // this node's key in this boot
  // Disk UUIDs, sorted. One that cannot be seen at a takeover counts as a vote that was not won.
  std::vector<std::string> mailbox_disks = {};
  // Those of them that this key was registered on, or was about to be: where it is gone, the
  // partner won that vote.
  std::vector<std::string> mailbox_joined = {};
  // `lastword stop` has ended this life, but something is left under its key: `stop` again may
  // still release it.
  bool stopped = false;
  // The partner has this node's disks, of an earlier life: this life has touched none of them, and
  // waits for their giveback.
  bool waiting = false;
  // It has its disks again, and the hook service-returned has not ended well since.
  bool unannounced = false;
  // This life has left its disks to the partner in good order, and does not come back by itself.
  bool handed_over = false;
  // The state directory was lost in this boot while a life was in service: what served its disks
  // may write on, and no record tells of it.
  bool lost = false;
  // Disk UUIDs that the hook service-taken was told of since boot, but for those of takeovers
  // that were given back, and of services that have ended with a life: one may write there. Kept
  // with announced.json.
  std::vector<std::string> served = {};
};

}  // namespace lastword
