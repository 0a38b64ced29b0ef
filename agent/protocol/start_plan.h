// `lastword start`, decided: what to take, under which key, and when to keep the hands off. Pure:
// the survey in, a plan out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/ownership.h"

namespace lastword {

// Lives that waited for their disks may have left no trace but in this node's own note: where that
// is lost, so many numbers are passed over. The partner may have heard those lives by a link, and a
// number that comes again would be older than what it heard. A note that is lost once more, before
// anything tells of the life after the first time, is told by the clock. So it is where no life has
// left a note or a trace, but not all mailbox disks are in sight: the first number may have been
// had there, and an order of the partner's operator may stand against it.
inline constexpr std::uint32_t kLivesWithoutTrace = 1000;
[[nodiscard]] std::uint32_t lives_passed_over(std::int64_t now_unix_ms);

struct DiskRemark {
  std::size_t disk = 0;  // index into the survey
  std::string text;
};

struct StartPlan {
  std::uint32_t boot_generation = 0;
  std::vector<std::size_t> own;      // disks to take (service, spare, dump)
  std::vector<std::size_t> mailbox;  // disks to register on
  // The partner has, or is getting, some of this node's disks. Not empty: touch none of `own`.
  std::vector<DiskRemark> taken_over;
  // The partner has announced to take disks of an earlier life, and may still come for them.
  bool announced = false;
  // This life has had none of its disks yet: it joins the mailbox disks, to say that it waits for
  // its giveback. Otherwise a partner that has some of them leaves nothing to be done.
  bool waits = false;
  std::vector<DiskRemark> refused;  // this disk is left alone, the others are taken
  std::vector<DiskRemark> remarks;  // of disks that are taken: what the operator should look after
};

// `state`: of an earlier start in this boot, that no stop has ended; its generation is kept.
// `may_be_coming`: a partner that has announced a takeover of an earlier life is waited for.
// `last_generation`: what this machine noted of its earlier boots as this node (0: nothing);
// absent: the disks are believed. Fails when there is no generation left, or when a disk shows a
// later one than this machine's: somebody else is this node, and would be fenced.
[[nodiscard]] Result<StartPlan> plan_start(const Survey& survey, const Config& config,
                                           const std::optional<NodeState>& state,
                                           std::optional<std::uint32_t> last_generation,
                                           bool may_be_coming = true, std::int64_t now_unix_ms = 0);

[[nodiscard]] OwnerIdentity own_identity(const Config& config, std::uint32_t boot_generation);

// This node's own disks and the mailbox disks that it registered on or should: what `lastword stop`
// hands back.
[[nodiscard]] bool is_own_disk(const DiskView& disk, const Config& config);
[[nodiscard]] bool is_mailbox_disk(const DiskView& disk, const Config& config);
// It cannot be read now, and an earlier look has read that it is a disk of this node's service.
[[nodiscard]] bool was_own_service_disk(const DiskView& disk, const Config& config);

}  // namespace lastword
