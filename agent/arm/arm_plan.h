// Arming: which header changes, and in which order, so that a kill or a crash at any moment leaves
// either the old plan or the new one valid. A plan is valid for as long as check_candidate()
// (proto/candidate_check.h) accepts its disks.
//
//   1. every new candidate becomes ARMED, with the new nonce beside the nonces that it has already
//   2. the image is loaded into the kernel: from here on the new plan counts
//   3. every new candidate keeps the new nonce alone; own disks that are armed but not in the plan
//      become INACTIVE
//
// After an interruption in 1, the old plan's nonce is still on its disks; after one in 3, the new
// plan's nonce is. The next run that completes removes what an interrupted run left behind.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "agent/disks/own_disk.h"
#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/plan.pb.h"

namespace lastword {

struct ArmStep {
  enum class Kind : std::uint8_t { kArm, kLoad, kCollapse, kRetire };
  Kind kind = Kind::kLoad;
  std::size_t disk = 0;     // index into the survey; not for kLoad
  pb::Candidate candidate;  // kArm only
};

// `disks`: for each of the plan's candidates, in its order, the index into the survey.
// `armed`: own disks that are ARMED now.
[[nodiscard]] std::vector<ArmStep> arm_steps(const pb::Plan& plan,
                                             const std::vector<std::size_t>& disks,
                                             const std::vector<std::size_t>& armed);

// What the steps act on.
struct ArmTargets {
  // Reads the header of a disk that this node holds, and writes what the change makes of it. Writes
  // nothing when the header stays the same.
  std::function<Status(std::size_t disk, const HeaderChange& change)> change_header;
  std::function<Status()> load;
};

struct ArmOutcome {
  bool loaded = false;                     // the new plan counts
  std::optional<Error> error;              // what ended it before it was loaded
  std::optional<std::size_t> failed_disk;  // the disk that could not be armed
  std::vector<Error> leftovers;            // step 3, on disks where it did not work; harmless
};
[[nodiscard]] ArmOutcome run_arm_steps(const std::vector<ArmStep>& steps, const pb::Plan& plan,
                                       const ArmTargets& targets);

}  // namespace lastword
