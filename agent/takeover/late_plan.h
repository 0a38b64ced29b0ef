// The partner's disks that could not be read when its takeover began: when to look again, and what
// to take then. Pure; the driver is takeover_run.h.
//
// Disks of the service are taken as soon as they can be read, while the takeover of the others
// lasts as long as the dump. Any other disk, which the dump writer may have turned to, waits until
// no dump is waited for any more.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/takeover/takeover_report.h"

namespace lastword {

class LatePlan {
 public:
  // `config` outlives this. `first`: what the takeover began with.
  LatePlan(const Config& config, const Survey& first);

  // Some disks could not be read by the last look: they may be the partner's.
  [[nodiscard]] bool wants_look() const;
  // All disks could be read from the beginning: nothing can be late.
  [[nodiscard]] bool nothing_is_late() const { return all_readable_; }

  // What a look found. Returns the disks to take now: those of the service.
  [[nodiscard]] std::vector<DiskView> service_in(const Survey& survey);
  // The same when the takeover of all others is over: every disk that was not taken.
  [[nodiscard]] std::vector<DiskView> rest_in(const Survey& survey);

  // Adds the disks that no look could read.
  void report_unreadable(TakeoverReport& report) const { add_unreadable(latest_, report); }

 private:
  [[nodiscard]] std::vector<DiskView> take(std::vector<DiskView> disks);

  const Config& config_;
  bool all_readable_;
  Survey latest_;
  std::set<std::string> taken_uuids_;
};

}  // namespace lastword
