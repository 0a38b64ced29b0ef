// The partner's disks that could not be read when its takeover began, and those of a node that
// waits: when to look again, and what to take then. Pure; the driver is takeover_run.h.
//
// Disks of the service are taken as soon as they can be read, while the takeover of the others
// lasts as long as the dump. Any other disk, which the dump writer may have turned to, waits until
// no dump is waited for any more.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/takeover/takeover_report.h"

namespace lastword {

class LatePlan {
 public:
  // `config` and `state` outlive this. `first`: what the takeover began with.
  LatePlan(const Config& config, const NodeState& state, const Survey& first);

  // Some disks could not be read by the last look, and may be the partner's.
  [[nodiscard]] bool wants_look() const;
  // No disk of the partner's that could not be read from the beginning can be left: nothing is
  // late.
  [[nodiscard]] bool nothing_is_late() const { return nothing_is_late_; }
  // Of the disks that could not be read from the beginning, those that an earlier look knew to be
  // of the service that is taken: by path and UUID.
  [[nodiscard]] const std::map<std::string, std::string>& expected_service() const {
    return expected_service_;
  }

  // Of those, the paths that the last look found to be no part of it after all. Each is told once.
  [[nodiscard]] const std::vector<std::string>& no_part_of_it() const { return no_part_of_it_; }

  // What a look found. Returns the disks to take now: those of the service.
  [[nodiscard]] std::vector<DiskView> service_in(const Survey& survey);
  // The same when the takeover of all others is over: every disk that was not taken.
  [[nodiscard]] std::vector<DiskView> rest_in(const Survey& survey);

  // Adds the disks that no look could read, and that may be the partner's.
  void report_unreadable(TakeoverReport& report) const {
    add_unreadable(latest_, config_, state_, taken_uuids_, report);
  }

 private:
  [[nodiscard]] std::vector<DiskView> take(std::vector<DiskView> disks);
  void expect_no_more();

  const Config& config_;
  const NodeState& state_;
  Survey latest_;
  std::set<std::string> taken_uuids_;
  std::map<std::string, std::string> expected_service_;
  std::vector<std::string> no_part_of_it_;
  bool nothing_is_late_ = false;
};

}  // namespace lastword
