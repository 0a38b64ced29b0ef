// Takes some of the partner's disks at once: the driver of TakeoverPlan. A takeover begins with one
// wave of all disks that could be read; disks that can be read only later come in waves of their
// own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/disks/header_watch.h"
#include "agent/disks/partner_disk.h"
#include "agent/protocol/takeover_plan.h"
#include "agent/takeover/announce_run.h"
#include "agent/takeover/takeover_report.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// The life of the partner that is taken over.
struct FailedLife {
  // The life that the takeover is about (life_taken_over()). A header of any other life says
  // nothing about this crash.
  std::uint32_t latest = 0;
  // The life that is known to have failed. Its keys and those of earlier lives are preempted on
  // every disk, a key of a later life is respected. Absent: on each disk, the label tells up to
  // which life keys are preempted, but never beyond `latest`.
  std::optional<std::uint32_t> panicked{};
  // See Arbitrated: no key of the life `latest` is removed. Those before it are of nobody any more.
  bool without_right = false;
};

class TakeoverWave {
 public:
  // `work`, `loop` and `announcements` outlive this, and this outlives the loop's last run.
  TakeoverWave(const TakeoverWork& work, Loop& loop, AnnounceRun& announcements,
               std::vector<DiskView> disks, const OpenDisks& open, const FailedLife& failed);

  void begin();
  // Every disk is taken or given up, every dump recovered.
  [[nodiscard]] bool over() const { return plan_.over(); }
  // Commands that take a disk are under way.
  [[nodiscard]] bool takes() const { return taking_ != 0; }
  // Valid when over().
  [[nodiscard]] TakeoverReport report() const;

 private:
  void step();
  void tick();
  void perform(const TakeoverPlan::Actions& actions);
  void look_at_headers();
  void take(const TakeoverAction& action);
  void recover(std::size_t disk);
  void give_up_recovery(std::size_t disk);
  void leave_to_later_life(std::size_t disk);
  void announce(const TakeoverAction& action);
  void tell_unreadable(std::size_t disk, const Error& problem);

  void on_header(const SeenHeader& seen, Instant asked);
  void on_taken(std::size_t disk, const TakenDisk& taken);
  void on_recovered(std::size_t disk, const Result<std::string>& core);

  [[nodiscard]] Instant now() const { return work_.executor().now(); }
  void emit(std::string name, std::size_t disk, std::string detail) const;
  void emit_news(const std::string& name, std::size_t disk, const std::string& detail);

  const TakeoverWork& work_;
  Loop& loop_;
  AnnounceRun& announcements_;
  std::vector<DiskView> disks_;
  OpenDisks open_;  // of these disks
  FailedLife failed_;
  std::vector<std::string> outcomes_;                                // the last error of each disk
  std::map<std::pair<std::size_t, std::string>, std::string> told_;  // by disk and event
  std::vector<bool> unreadable_;  // each disk: reserved by this node, and reads fail
  TakeoverPlan plan_;
  std::shared_ptr<HeaderWatch> watch_;  // used by one look at a time
  unsigned taking_ = 0;                 // disks
  bool looking_ = false;
  Instant next_look_{};
};

}  // namespace lastword
