// Disks that do not answer are left in peace for a moment, and not asked again and again while they
// hang: whoever looks at the shelf all night must not leave a thread, or a descriptor with a read
// under way, behind with every look. A disk that heals is asked within seconds: at the next look if
// all that was asked of it has been answered, and after kRest otherwise.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "agent/base/executor.h"
#include "proto/timing.h"

namespace lastword {

// All members may be called from several threads at once. Disks are told apart by path.
class RestingDisks {
 public:
  static constexpr milliseconds kRest{5000};
  // An answer is overdue after so long, and not before: two looks may be at work side by side.
  static constexpr milliseconds kPatience = kShortestIoTimeout;
  // Questions to one disk that may be without an answer. The kernel answers each one in the end, if
  // only with an error: then the disk is asked anew.
  static constexpr unsigned kMostOpen = 3;

  // Not to be asked now.
  [[nodiscard]] bool rests(const std::string& path, Instant now);
  // It owes an answer for so long already: whoever asks it all the same does not wait for it.
  [[nodiscard]] bool hangs(const std::string& path, Instant now);
  // Between these two the disk is asked something, by a thread that may be stuck or by a read that
  // may hang. `when` is the same for both.
  void asked(const std::string& path, Instant when);
  void answered(const std::string& path, Instant when);

 private:
  std::mutex mutex_;
  std::map<std::string, std::multiset<Instant>> open_;  // when what was not answered was asked
};

}  // namespace lastword
