// When the hook of the service is told of the partner's disks, and what: one announcement at a
// time, in order, and never one without a disk that is new. Where the service is to be whole, none
// while a disk is missing. Pure; the driver is
// agent/takeover/announce_run.h. TakeoverPlan decides when a disk may be announced at all.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lastword {

// The disks of the service, by path.
struct Announcement {
  unsigned number = 0;               // of this run of the hook
  std::vector<std::string> held;     // in this node's hands: `fresh`, and all that came before
  std::vector<std::string> fresh;    // in no announcement before this one
  std::vector<std::string> missing;  // the partner's, and not held, or of no use
  // Of `missing`: this node has the reservation, and reads fail.
  std::vector<std::string> unreadable{};
  std::vector<std::string> stale{};  // of `held`: this node may still read what it had cached
};
[[nodiscard]] std::string describe(const Announcement& announcement);

class AnnouncePlan {
 public:
  explicit AnnouncePlan(bool whole = false) : whole_(whole) {}

  // The disk is to be taken: it is missing until it is held. `acknowledged`: a hook of this
  // takeover was told of it before an interruption, and ended well; it is not new, unless it is
  // stale.
  void expect(const std::string& disk, bool acknowledged = false);
  // It has another path now, which is expected as a disk of its own; or it is no part of the
  // service. held() tells what follows.
  void forget(const std::string& disk);
  // This node has its reservation, and cannot read it: it is missing until it is held.
  void unreadable(const std::string& disk);
  // Another node has it now.
  void lost(const std::string& disk);
  // What this node had cached of it could not be dropped when it came to be held, or could. Of a
  // disk that is not expected, nothing is told.
  void set_stale(const std::string& disk, bool stale);

  // Each returns what to tell the hook now, if anything; answer with hook_ended(). What comes while
  // the hook is at work is told together when it has ended.
  [[nodiscard]] std::optional<Announcement> held(const std::vector<std::string>& disks);
  // The run of the hook with this number has ended, or is waited for no longer.
  [[nodiscard]] std::optional<Announcement> hook_ended(unsigned number);

  // Whether the hook's run with this number is the one at work.
  [[nodiscard]] bool is_running(unsigned number) const {
    return hook_running_ && number == number_;
  }
  [[nodiscard]] bool over() const { return !hook_running_; }
  // What would be told now if the service had not to be whole; absent: nothing is held back.
  [[nodiscard]] std::optional<Announcement> held_back() const;

 private:
  enum class State { kMissing, kHeld, kAnnounced };
  struct Disk {
    std::string path;
    State state = State::kMissing;
    bool stale = false;
    bool acknowledged = false;
    bool unreadable = false;
  };

  void set(const std::string& disk, State state);
  [[nodiscard]] Announcement present() const;
  [[nodiscard]] std::optional<Announcement> next();

  bool whole_;
  std::vector<Disk> disks_;  // in the order in which they were expected
  bool hook_running_ = false;
  unsigned number_ = 0;  // of the latest announcement
};

}  // namespace lastword
