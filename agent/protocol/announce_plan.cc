#include "agent/protocol/announce_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace lastword {

std::string describe(const Announcement& announcement) {
  std::string text =
      fmt::format("{} disk{}, new: {}", announcement.held.size(),
                  announcement.held.size() == 1 ? "" : "s", fmt::join(announcement.fresh, " "));
  if (!announcement.missing.empty()) {
    text += fmt::format(", still without: {}", fmt::join(announcement.missing, " "));
  }
  if (!announcement.unreadable.empty()) {
    text += fmt::format(", of which reserved and not readable: {}",
                        fmt::join(announcement.unreadable, " "));
  }
  if (!announcement.stale.empty()) {
    text +=
        fmt::format(", perhaps stale in the page cache: {}", fmt::join(announcement.stale, " "));
  }
  return text;
}

void AnnouncePlan::set(const std::string& disk, State state) {
  const auto known = std::ranges::find(disks_, disk, &Disk::path);
  if (known == disks_.end()) {
    disks_.push_back({.path = disk, .state = state});
  } else {
    known->state = state;
  }
}

void AnnouncePlan::expect(const std::string& disk, bool acknowledged) {
  set(disk, State::kMissing);
  std::ranges::find(disks_, disk, &Disk::path)->acknowledged = acknowledged;
}

void AnnouncePlan::forget(const std::string& disk) {
  std::erase_if(disks_, [&](const Disk& known) { return known.path == disk; });
}

void AnnouncePlan::unreadable(const std::string& disk) {
  set(disk, State::kMissing);
  std::ranges::find(disks_, disk, &Disk::path)->unreadable = true;
}

// What another node may have written since, no hook of this one has seen.
void AnnouncePlan::lost(const std::string& disk) {
  expect(disk);
}

void AnnouncePlan::set_stale(const std::string& disk, bool stale) {
  const auto known = std::ranges::find(disks_, disk, &Disk::path);
  if (known != disks_.end()) known->stale = stale;
}

std::optional<Announcement> AnnouncePlan::held(const std::vector<std::string>& disks) {
  for (const std::string& path : disks) {
    set(path, State::kHeld);
    Disk& disk = *std::ranges::find(disks_, path, &Disk::path);
    disk.unreadable = false;
    if (disk.acknowledged && !disk.stale) disk.state = State::kAnnounced;
  }
  return next();
}

std::optional<Announcement> AnnouncePlan::hook_ended(unsigned number) {
  if (!is_running(number)) return std::nullopt;
  hook_running_ = false;
  return next();
}

Announcement AnnouncePlan::present() const {
  Announcement announcement;
  for (const Disk& disk : disks_) {
    if (disk.state == State::kMissing) {
      announcement.missing.push_back(disk.path);
      if (disk.unreadable) announcement.unreadable.push_back(disk.path);
      continue;
    }
    announcement.held.push_back(disk.path);
    if (disk.stale) announcement.stale.push_back(disk.path);
    if (disk.state == State::kHeld) announcement.fresh.push_back(disk.path);
  }
  return announcement;
}

std::optional<Announcement> AnnouncePlan::held_back() const {
  Announcement announcement = present();
  if (!whole_ || announcement.missing.empty() || announcement.fresh.empty()) return std::nullopt;
  return announcement;
}

std::optional<Announcement> AnnouncePlan::next() {
  if (hook_running_ || held_back()) return std::nullopt;
  Announcement announcement = present();
  if (announcement.fresh.empty()) return std::nullopt;
  for (Disk& disk : disks_) {
    if (disk.state == State::kHeld) disk.state = State::kAnnounced;
  }
  hook_running_ = true;
  announcement.number = ++number_;
  return announcement;
}

}  // namespace lastword
