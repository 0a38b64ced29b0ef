// Disks that do not answer are left in peace for a while, longer each time: whoever looks at the
// shelf all night must not leave a thread, or a descriptor with a read under way, behind with every
// look.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "agent/base/executor.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

// All members may be called from several threads at once. Disks are told apart by path.
class RestingDisks {
 public:
  static constexpr milliseconds kFirstRest{1000};

  explicit RestingDisks(milliseconds longest_rest) : longest_rest_(longest_rest) {}

  // Is somebody stuck in it, or did a read of it not come back lately?
  [[nodiscard]] bool rests(const std::string& path, Instant now);
  // Between these two somebody may be stuck.
  void work_begins(const std::string& path);
  void work_ends(const std::string& path);
  // The kernel may still write into `buffer`: it is kept for good.
  void read_hangs(const std::string& path, AlignedBuffer buffer, Instant now);
  void read_came_back(const std::string& path);

 private:
  struct Rest {
    milliseconds length{kFirstRest / 2};
    Instant until{};
  };
  milliseconds longest_rest_;
  std::mutex mutex_;
  std::set<std::string> stuck_;
  std::map<std::string, Rest> rests_;
};

}  // namespace lastword
