// The partner's disks whose label could not be read when the takeover began: when they are looked
// at again, and when they are taken. The work itself is the caller's.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/disks/survey.h"
#include "agent/node/config.h"
#include "agent/takeover/takeover_report.h"

namespace lastword {

class LateDisks {
 public:
  struct Work {
    std::function<Result<Survey>()> look;
    std::function<TakeoverReport(std::vector<SurveyedDisk>)> take;  // to the end
    std::function<bool()> wait;  // before each further look; false: no more of them
  };
  // `config` must outlive this. `first`: what the takeover of the other disks began with.
  LateDisks(const Config& config, const Survey& first, Work work);

  // Those of the service, as soon as they can be read: the other disks' takeover lasts as long as
  // the dump. Meant for a thread beside it.
  void take_service();
  // The others, which the dump writer may have turned to: to be called when take_service() has
  // returned and no dump is waited for any more. Reports on all of them, and on those that can
  // still not be read.
  [[nodiscard]] TakeoverReport take_rest();

 private:
  [[nodiscard]] bool look();
  void take(std::vector<SurveyedDisk> disks);

  const Config& config_;
  Work work_;
  const bool none_;
  Survey latest_;
  std::set<std::string> had_;  // UUIDs
  TakeoverReport report_{.disks = {}, .obstacles = {}, .complete = true};
};

}  // namespace lastword
