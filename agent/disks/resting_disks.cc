#include "agent/disks/resting_disks.h"

namespace lastword {

bool RestingDisks::rests(const std::string& path, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(path);
  if (open == open_.end()) return false;
  const auto& asked = open->second;
  const bool overdue = now >= *asked.begin() + kPatience;
  return overdue && (asked.size() >= kMostOpen || now < *asked.rbegin() + kRest);
}

bool RestingDisks::hangs(const std::string& path, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(path);
  return open != open_.end() && now >= *open->second.begin() + kRest;
}

void RestingDisks::asked(const std::string& path, Instant when) {
  const std::lock_guard lock(mutex_);
  open_[path].insert(when);
}

void RestingDisks::answered(const std::string& path, Instant when) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(path);
  if (open == open_.end()) return;
  if (const auto one = open->second.find(when); one != open->second.end()) open->second.erase(one);
  if (open->second.empty()) open_.erase(open);
}

}  // namespace lastword
