// Tells operator and hook of the service's disks, for all waves of a takeover: the driver of
// AnnouncePlan (agent/protocol/announce_plan.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/node/state_files.h"
#include "agent/protocol/announce_plan.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

class AnnounceRun {
 public:
  // `work` and `loop` outlive this, and this outlives the loop's last run. Made before the takeover
  // does anything to a disk of the service. `victim`: the partner's life that is taken over.
  // `whole`: see AnnouncePlan; what is held back for its sake is told (event service-held-back).
  AnnounceRun(const TakeoverWork& work, Loop& loop, std::uint32_t victim, bool whole = false);

  // See AnnouncePlan.
  void expect(const std::string& disk, const std::string& uuid);
  // It is no part of the service after all: nothing waits for it any more.
  void forget(const std::string& disk);
  void lost(const std::string& disk) { plan_.lost(disk); }
  void unreadable(const std::string& disk) { plan_.unreadable(disk); }
  void set_stale(const std::string& disk, bool stale) { plan_.set_stale(disk, stale); }
  void held(const std::vector<std::string>& disks) { tell(plan_.held(disks)); }

  // In this life, whatever came of the hook: its service may write to the disk.
  [[nodiscard]] bool was_told_of(const std::string& uuid) const {
    return std::ranges::count(announced_.told(), uuid) != 0;
  }
  // No hook is at work, or waited for.
  [[nodiscard]] bool over() const { return plan_.over(); }
  // Any of them, so far.
  [[nodiscard]] bool hook_failed() const { return hook_failed_; }
  // No hook has failed, and nothing is held back.
  [[nodiscard]] bool all_told() const { return !hook_failed_ && !plan_.held_back(); }

 private:
  void tell(const std::optional<Announcement>& announcement);
  void tell_held_back();
  void tell_of_opener(const std::string& disk, const std::string& opener);
  void on_hook_ended(unsigned number, const Status& status);
  using UuidList = google::protobuf::RepeatedPtrField<std::string>;
  void remember(const std::vector<std::string>& disks, UuidList& list);
  void give_up(unsigned number);
  void on_resumed(unsigned number, const Status& resumed);

  const TakeoverWork& work_;
  Loop& loop_;
  std::uint64_t before_;  // the kernel's uevents
  AnnouncePlan plan_;
  pb::AnnouncedService announced_;            // as it is kept
  std::map<std::string, std::string> uuids_;  // by path
  std::string told_held_back_;
  std::shared_ptr<std::atomic<bool>> given_up_;  // on the hook that was begun last
  unsigned resumed_ = 0;  // the number of the last one whose hook resume is over
  bool hook_failed_ = false;
};

}  // namespace lastword
