#include "agent/disks/resting_disks.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace lastword {
namespace {

// Never destroyed, as the kernel does not ask whether this object still lives.
void keep_for_good(AlignedBuffer buffer) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<AlignedBuffer>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(buffer));
}

}  // namespace

bool RestingDisks::rests(const std::string& path, Instant now) {
  const std::lock_guard lock(mutex_);
  if (stuck_.contains(path)) return true;
  const auto found = rests_.find(path);
  return found != rests_.end() && now < found->second.until;
}

void RestingDisks::work_begins(const std::string& path) {
  const std::lock_guard lock(mutex_);
  stuck_.insert(path);
}

void RestingDisks::work_ends(const std::string& path) {
  const std::lock_guard lock(mutex_);
  stuck_.erase(path);
}

void RestingDisks::read_hangs(const std::string& path, AlignedBuffer buffer, Instant now) {
  const std::lock_guard lock(mutex_);
  Rest& rest = rests_[path];
  rest.length = std::min(2 * rest.length, longest_rest_);
  rest.until = now + rest.length;
  keep_for_good(std::move(buffer));
}

void RestingDisks::read_came_back(const std::string& path) {
  const std::lock_guard lock(mutex_);
  rests_.erase(path);
}

}  // namespace lastword
