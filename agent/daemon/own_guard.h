// What an agent goes on looking after while a takeover is at work on this node, its own or an
// operator's, which may last as long as the recovery of a dump: whether this node is fenced,
// reservations that the shelf has lost, new mailbox disks, and an order to stop.
#pragma once

#include <functional>
#include <optional>

#include "agent/daemon/failure_watch.h"
#include "agent/daemon/shelf_watch.h"
#include "agent/daemon/take_anew.h"
#include "agent/node/locks.h"

namespace lastword {

class OwnGuard {
 public:
  // Why it ends what is at work. Absent: `stop_wanted`.
  using End = std::function<void(const std::optional<Error>& fenced)>;

  // All that is referred to outlives this, and this outlives the loop's last run. `end` is called
  // once, on the loop; heartbeats go on after that. Nothing is asked of the disks while `takes()`,
  // and in the first seconds.
  OwnGuard(const Config& config, Surveyor& surveyor, const EventSink& events,
           const AgentWatch& watch, Loop& loop, std::function<bool()> takes, End end);

 private:
  void turn();
  void on_survey(const Result<ShelfWatch::Seen>& seen);
  void end_by(const std::optional<Error>& fenced);

  const Config& config_;
  const AgentWatch& watch_;
  Loop& loop_;
  std::function<bool()> takes_;
  End end_;
  Executor& executor_;
  Instant looks_from_;
  bool ended_ = false;
  ShelfWatch shelf_;
  TakeAnew take_anew_;
};

struct TakeoverTurn {
  FileDescriptor lock;  // lock_takeover()
  bool waited = false;  // another takeover of this node had it
};
// Waits under guard while another takeover of this node is at work. Absent: `watch.stop_wanted`.
// kFenced: the partner has taken over from this node meanwhile.
[[nodiscard]] Result<std::optional<TakeoverTurn>> wait_for_takeover_turn(const Config& config,
                                                                         Surveyor& surveyor,
                                                                         const EventSink& events,
                                                                         const AgentWatch& watch);

}  // namespace lastword
