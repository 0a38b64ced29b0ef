// This node's heartbeats on the mailbox disks and the links, and the partner's
// (agent/protocol/peer_watch.h).
//
// Each mailbox disk has work of its own elsewhere, one at a time: a disk that hangs delays no other
// one, and nothing is sent to it before what was sent last has come back. Whatever loop is at work
// calls tick(): while the partner's disks are taken, too.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/daemon/links.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/state.pb.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/mailbox_trouble.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/peer_watch.h"

namespace lastword {

// What this machine is told by, whoever it is in the cluster: the running kernel's boot id. Empty:
// it cannot be read, and two machines that are one node are not told apart.
[[nodiscard]] std::string machine_id();

class Heartbeat {
 public:
  // All of them outlive this. `events`: partner-heard, partner-late, partner-away, partner-silent,
  // partner-deaf, heartbeat-problem, heartbeat-works, slot-went-back; called by tick() and leave().
  Heartbeat(const Config& config, Shelf& shelf, Executor& executor, EventSink events,
            std::string machine);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Sends and receives by these too; null: by none. Before the first tick().
  void use(std::unique_ptr<Links> links) { links_ = std::move(links); }
  // Writes and reads these disks from now on, as this life. Nothing is written where it is over
  // (`stopped`), or where this node is not registered.
  void follow(const Look& look, const NodeState& state);
  // Heartbeats say so from now on; the next one is due at once.
  void set_phase(pb::NodePhase phase) {
    phase_ = phase;
    beat_now();
  }
  // A heartbeat is due at once.
  void beat_now() { next_.reset(); }
  // What this node's operator has forbidden: heartbeats carry it from now on.
  void carry(const pb::Switches& switches) { switches_ = switches; }
  // Called at each tick(): the loop turns.
  void at_each_tick(std::function<void()> call) { each_tick_ = std::move(call); }
  // What is asked of the partner: heartbeats carry it from now on.
  void ask(const pb::LeaveRequest& request) { request_ = request; }
  // Sends what is due, and takes in what has come back. Call it every kPollInterval, also from
  // within what the thread waits for; from within itself it does nothing.
  void tick();
  // No heartbeat follows, and nobody is told.
  void end() { ended_ = true; }
  // Runs work that may last elsewhere, and goes on meanwhile: a node that stands still for longer
  // than a heartbeat counts its partner's silence anew. Not for work that may hang for good.
  template <class T>
  [[nodiscard]] T beat_during(std::function<T()> work) {
    struct Result {
      std::optional<T> value;
      Instant back{};
      std::atomic<bool> done = false;
    };
    const auto result = std::make_shared<Result>();
    executor_.elsewhere([result, work = std::move(work), executor = &executor_] {
      result->value = work();
      result->back = executor->now();
      result->done.store(true, std::memory_order_release);
    });
    while (!result->done.load(std::memory_order_acquire) || executor_.now() < result->back) {
      tick();
      executor_.sleep(kShortWait);
    }
    return std::move(*result->value);
  }
  // Says that no heartbeat follows, on each disk that answers within an I/O time-out.
  void leave();

  [[nodiscard]] const PeerWatch& peer() const { return peer_; }
  // What the heartbeats say that this node is at.
  [[nodiscard]] pb::NodePhase phase() const { return phase_; }
  // When follow() was called last, and the disks that were in sight then.
  struct Followed {
    Instant at{};
    std::size_t disks = 0;
  };
  [[nodiscard]] const std::optional<Followed>& followed() const { return followed_; }
  [[nodiscard]] Standing standing() const { return peer_.standing(executor_.now()); }
  // Each mailbox disk that is followed, in the order of their UUIDs, and each link.
  [[nodiscard]] std::vector<PathReport> paths() const;

 private:
  static constexpr milliseconds kShortWait{10};
  struct Path;

  [[nodiscard]] Beat beat(pb::Presence presence) const;
  void send(Path& path, const Beat& beat);
  void send_by_links(const Beat& beat);
  void collect();
  void tell_trouble(const Path& path, MailboxTrouble::News news);
  void on_slot(const Path& path, const pb::MailboxSlot& slot, Instant asked);
  void tell_went_back(const Path& path, const pb::MailboxSlot& slot);
  [[nodiscard]] bool expects_to_hear() const;
  void keep_set();
  void keep_seen();
  void tell_standing();
  void turn();
  void tell_deaf(Instant now);

  const Config& config_;
  Shelf& shelf_;
  Executor& executor_;
  EventSink events_;
  std::string machine_;
  std::function<void()> each_tick_;
  pb::PartnerSeen seen_;  // as it was written last
  PeerWatch peer_;
  Standing told_ = Standing::kUnseen;
  bool told_deaf_ = false;
  std::optional<NodeState> state_;
  std::optional<Followed> followed_;
  pb::NodePhase phase_ = pb::PHASE_UNKNOWN;
  std::uint64_t sees_ = 0;
  std::uint64_t sees_partner_ = 0;
  pb::Switches switches_;
  pb::LeaveRequest request_;
  std::map<std::string, std::unique_ptr<Path>> paths_;  // by disk UUID
  std::unique_ptr<Links> links_;                        // null: none
  pb::MailboxSlot own_slot_;                            // the newest that a mailbox disk has
  std::uint64_t sequence_;                              // of the last heartbeat that was written
  std::optional<Instant> next_;                         // when one is due; absent: at once
  bool ticking_ = false;
  bool ended_ = false;
};

}  // namespace lastword
