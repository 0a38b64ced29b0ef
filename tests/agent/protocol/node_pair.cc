#include "tests/agent/protocol/node_pair.h"

#include <fmt/format.h>

#include <algorithm>

namespace lastword::test {
namespace {

constexpr unsigned kChaos = 60;    // draws before the faults stop
constexpr unsigned kPeace = 400;   // rounds in which both must come to rest
constexpr unsigned kSettled = 12;  // rounds in which nothing happens any more

// With the state; nothing is observed before it is done.
bool writes_record(NodeAction action) {
  switch (action) {
    case NodeAction::kAnnounceTakeover:
    case NodeAction::kCallOff:
    case NodeAction::kKeepIntent:
    case NodeAction::kReopenIntent:
    case NodeAction::kMarkTaken:
    case NodeAction::kCloseIntent:
    case NodeAction::kAskToLeave:
    case NodeAction::kCancelGraceful:
    case NodeAction::kCloseGiveback:
      return true;
    default:
      return false;
  }
}

}  // namespace

unsigned NodePair::other(unsigned self) {
  return 1 - self;
}

bool NodePair::open(const std::optional<pb::TakeoverIntent>& intent) {
  return intent && (intent->phase() == pb::TakeoverIntent::TAKING ||
                    intent->phase() == pb::TakeoverIntent::TAKEN);
}

NodePair::NodePair(std::uint64_t seed) : random_(seed) {
  mailbox_ = draw(4) != 0;
  for (unsigned i = 0; i < disks_.size(); ++i) disks_[i].home = i / 2;
}

unsigned NodePair::draw(unsigned below) {
  return static_cast<unsigned>(random_() % below);
}

void NodePair::tell(const std::string& line) {
  if (trace_.empty() || trace_.back() != line) trace_.push_back(line);
}

void NodePair::boot(unsigned self) {
  Node& node = nodes_[self];
  node.alive = true;
  ++node.life;
  node.plan = NodePlan(Phase::kLooking);
  node.todo.clear();
  node.timers.clear();
  node.seen = false;
  node.silence = Silence::kNone;
  node.asks = 0;
  nodes_[other(self)].seen = false;  // its present life was not heard yet
  tell(fmt::format("node {} boots, life {}", self, node.life));
}

void NodePair::speak(unsigned self) {
  Node& node = nodes_[self];
  node.said.generation = node.life;
  node.said.phase = node.plan.phase();
  node.said.version = 1;
  node.said.mailbox_set = 1;
  node.said.has_our_disks = std::ranges::any_of(
      disks_, [&](const Disk& disk) { return disk.home != self && disk.owner == int(self); });
}

void NodePair::listen(unsigned self, bool heard) {
  Node& node = nodes_[self];
  if (heard) {
    speak(other(self));
    node.seen = true;
    node.silence = Silence::kNone;
  } else {
    node.silence = Silence::kWhole;
  }
}

NodeFacts NodePair::facts(unsigned self) const {
  const Node& node = nodes_[self];
  const Node& peer = nodes_[other(self)];
  DiskFacts seen;
  std::uint32_t latest = std::max(peer.registered, 0U);
  for (const Disk& disk : disks_) {
    if (disk.home != self) latest = std::max(latest, disk.home_life);
    if (disk.holder == int(other(self))) latest = std::max(latest, disk.holder_life);
  }
  seen.peer_generation = latest;
  bool lost_own = false;
  for (const Disk& disk : disks_) {
    if (disk.home == self) {
      const bool peers = disk.owner == int(other(self)) || disk.holder == int(other(self));
      const bool had = disk.home_life == node.life;
      const bool promised = disk.promised_to == node.life;
      seen.promised |= promised && peers;
      seen.peer_owns_ours |= peers && !had && !promised;
      lost_own |= had && peers;
      seen.peer_life_holds_ours |= peers && !had && !promised && disk.holder == int(other(self)) &&
                                   disk.holder_life == latest;
    } else {
      seen.has_peer_disk |= disk.owner == int(self) || disk.holder == int(self);
      seen.peer_in_service |= disk.owner == int(other(self)) && disk.holder == int(other(self)) &&
                              disk.holder_life == latest;
    }
  }
  const bool against_us = mailbox_ && open(peer.intent);
  seen.announced = against_us && peer.intent->victim_generation() >= node.life;
  seen.announced_earlier = against_us && peer.intent->phase() == pb::TakeoverIntent::TAKING &&
                           peer.intent->victim_generation() < node.life;
  const bool lost_vote = mailbox_ && node.joined == node.life && node.registered != node.life;
  seen.preempted = lost_own || (lost_vote && seen.announced);
  seen.reservations_lost = lost_vote && !seen.announced && !seen.peer_owns_ours;
  seen.peer_panicked = peer.panicked != 0 && peer.panicked >= latest;
  seen.mailbox_majority = mailbox_;
  if (open(node.intent)) {
    const bool later = latest > node.intent->victim_generation();
    seen.verdict = later                                                ? IntentVerdict::kEnded
                   : node.intent->phase() == pb::TakeoverIntent::TAKING ? IntentVerdict::kResume
                                                                        : IntentVerdict::kNothing;
  }
  NodeFacts all;
  all.disks = seen;
  all.voice = {.seen = node.seen, .silence = node.silence};
  if (node.seen) all.word = peer.said;
  all.intent = node.intent;
  all.intent_ordered = node.ordered;
  all.giveback_open = node.giveback;
  all.asked_to_leave = node.seen && peer.asks == node.life && peer.said.phase == Phase::kStandingBy;
  all.asked_life = node.asks;
  all.gives_first = self == 1;
  all.version = 1;
  all.mailbox_set = 1;
  all.mailbox_disks = mailbox_ ? 1 : 0;
  return all;
}

void NodePair::take(unsigned self, const NodePlan::Step& step) {
  Node& node = nodes_[self];
  const bool quiet = step.row->outcome == RowOutcome::kIgnored;
  if (step.row->outcome == RowOutcome::kImpossible) {
    tell(fmt::format("IMPOSSIBLE: node {} {} in {}", self, name_of(step.event),
                     name_of(step.before)));
  }
  if (quiet) return;
  tell(fmt::format("node {} {}: {} -> {}", self, name_of(step.event), name_of(step.before),
                   name_of(step.after)));
  // A driver gives up what belonged to the state that was left.
  std::erase_if(node.todo, [&](const auto& left) { return !goes_on(left.first, step.after); });
  if (chaos_ && draw(50) == 0) return restart(self);
  for (const NodeAction action : step.row->actions.get()) {
    if (writes_record(action)) {
      perform(self, action, step.event);
    } else {
      node.todo.emplace_back(action, step.event);
    }
  }
}

// With what is durable.
void NodePair::restart(unsigned self) {
  Node& node = nodes_[self];
  tell(fmt::format("daemon of node {} restarts as {}", self, name_of(node.plan.phase())));
  node.plan = NodePlan(node.plan.phase());
  node.todo.clear();
  node.timers.clear();
  observe(self);
  const ActionList actions = resumed_actions(node.plan.phase());
  for (const NodeAction action : actions.get()) {
    if (writes_record(action)) {
      perform(self, action, NodeEvent::kStartOrdered);
    } else {
      node.todo.emplace_back(action, NodeEvent::kStartOrdered);
    }
  }
}

void NodePair::observe(unsigned self) {
  Node& node = nodes_[self];
  for (const NodePlan::Step& step : node.plan.observe(facts(self))) take(self, step);
}

void NodePair::happen(unsigned self, NodeEvent event) {
  take(self, nodes_[self].plan.happened(event));
}

bool NodePair::work(unsigned self) {
  Node& node = nodes_[self];
  if (!node.alive || node.todo.empty()) return false;
  const auto [action, why] = node.todo.front();
  node.todo.pop_front();
  const bool over = perform(self, action, why);
  if (!over && goes_on(action, node.plan.phase())) node.todo.emplace_front(action, why);
  return true;
}

void NodePair::chaos() {
  const unsigned self = draw(2);
  Node& node = nodes_[self];
  Node& peer = nodes_[other(self)];
  if (!node.alive) {
    if (draw(3) == 0) boot(self);
    return;
  }
  switch (draw(24)) {
    case 0: {
      const bool dumps = std::ranges::any_of(disks_, [&](const Disk& disk) {
        return disk.home == self && disk.owner == int(self) && disk.holder == int(self) &&
               disk.holder_life == node.life;
      });
      if (dumps) node.panicked = node.life;
      tell(fmt::format("node {} panics{}", self, dumps ? "" : ", without a dump"));
      node.alive = false;
      return;
    }
    case 1:
      tell(fmt::format("node {} loses power", self));
      node.alive = false;
      return;
    case 2: {
      if (mode_of(node.plan.phase()) == NodeMode::kStopped) return;
      return restart(self);
    }
    case 3:
      listen(self, false);
      break;
    case 4:
    case 5:
    case 6:
      listen(self, peer.alive);
      break;
    case 7:
      if (!node.timers.empty()) {
        const NodeEvent event = node.timers.front();
        node.timers.erase(node.timers.begin());
        return happen(self, event);
      }
      return;
    case 8: {
      static constexpr std::array kOrders{NodeEvent::kTakeoverOrdered,   NodeEvent::kGracefulAgreed,
                                          NodeEvent::kGracefulCancelled, NodeEvent::kGivebackAgreed,
                                          NodeEvent::kStopOrdered,       NodeEvent::kStartOrdered};
      const NodeEvent order = kOrders[draw(kOrders.size())];
      if (order == NodeEvent::kGivebackAgreed &&
          (!node.seen || peer.said.phase != Phase::kWaiting || peer.said.generation != peer.life)) {
        return;
      }
      if (order == NodeEvent::kStartOrdered && node.plan.phase() == Phase::kClean) ++node.life;
      return happen(self, order);
    }
    case 9:
    case 10:
    case 11:
    case 12:
      break;
    default:
      work(self);
      return;
  }
  observe(self);
}

std::string NodePair::describe_all() const {
  std::string text;
  for (unsigned self = 0; self < 2; ++self) {
    const Node& node = nodes_[self];
    text += fmt::format("node {} life {} {} registered {} {}{}; ", self, node.life,
                        name_of(node.plan.phase()), node.registered,
                        node.intent ? fmt::format("intent {} against {}", int(node.intent->phase()),
                                                  node.intent->victim_generation())
                                    : "",
                        node.giveback ? " giveback" : "");
  }
  for (const Disk& disk : disks_) {
    text +=
        fmt::format("[home {} owner {} holder {}/{} home life {} promised {}] ", disk.home,
                    disk.owner, disk.holder, disk.holder_life, disk.home_life, disk.promised_to);
  }
  return text;
}

std::string NodePair::judge() const {
  const auto serves = [&](unsigned self, unsigned home) {
    return std::ranges::all_of(disks_, [&](const Disk& disk) {
      return disk.home != home || (disk.owner == int(self) && disk.holder == int(self) &&
                                   disk.holder_life == nodes_[self].life);
    });
  };
  const auto rests = [&](unsigned self) {
    const Phase phase = nodes_[self].plan.phase();
    const Phase peer = nodes_[other(self)].plan.phase();
    const bool stopped = mode_of(peer) == NodeMode::kStopped;
    switch (phase) {
      case Phase::kPaired:
        return serves(self, self) && mode_of(peer) == NodeMode::kNormal;
      case Phase::kUnseen:
      case Phase::kSuspect:
        return serves(self, self) && stopped;
      case Phase::kServing:
        return serves(self, self) && serves(self, other(self)) &&
               (stopped || peer == Phase::kWaiting);
      case Phase::kWaiting:
        return peer == Phase::kServing || stopped;
      case Phase::kGivingBack:
        return stopped;
      case Phase::kResuming:
        return stopped;
      case Phase::kClean:
      case Phase::kHandedOver:
        return true;
      default:
        return false;
    }
  };
  if (std::ranges::any_of(trace_,
                          [](const std::string& line) { return line.starts_with("IMP"); })) {
    return "an event that is impossible came";
  }
  if (rests(0) && rests(1)) return {};
  return "no rest: " + describe_all();
}

std::string NodePair::run() {
  boot(0);
  if (draw(4) != 0) boot(1);
  for (unsigned i = 0; i < kChaos; ++i) chaos();
  chaos_ = false;
  tell("the faults stop");
  const bool start = draw(2) == 0;
  unsigned quiet = 0;
  for (unsigned round = 0; round < kPeace && quiet < kSettled; ++round) {
    const std::size_t told = trace_.size();
    bool worked = false;
    for (unsigned self = 0; self < 2; ++self) {
      Node& node = nodes_[self];
      if (!node.alive) boot(self);
      if (start && mode_of(node.plan.phase()) == NodeMode::kStopped &&
          node.plan.phase() != Phase::kFenced && node.todo.empty()) {
        ++node.life;
        happen(self, NodeEvent::kStartOrdered);
      }
      for (unsigned i = 0; i < 8; ++i) work(self);
      listen(self, nodes_[other(self)].alive);
      observe(self);
      // What is undone of a takeover, a giveback or a handover is tried again at each survey.
      const Phase phase = node.plan.phase();
      if (node.todo.empty()) {
        const bool undone = std::ranges::any_of(disks_, [&](const Disk& disk) {
          return disk.home != self && disk.holder != int(self);
        });
        if (phase == Phase::kServing && undone) happen(self, NodeEvent::kTakeoverUndone);
        if (goes_on(NodeAction::kTakeOwnDisks, phase)) {
          node.todo.emplace_back(NodeAction::kTakeOwnDisks, NodeEvent::kOwnDisksFree);
        }
        if (phase == Phase::kTaking)
          node.todo.emplace_back(NodeAction::kTakePeerDisks, NodeEvent::kMajorityWon);
        if (phase == Phase::kGivingBack)
          node.todo.emplace_back(NodeAction::kGiveBack, NodeEvent::kGivebackOpen);
        if (phase == Phase::kReceiving)
          node.todo.emplace_back(NodeAction::kReceiveDisks, NodeEvent::kDisksPromised);
      }
      if (round % 4 == 3 && !node.timers.empty()) {
        const NodeEvent event = node.timers.front();
        node.timers.erase(node.timers.begin());
        happen(self, event);
        worked = true;
      }
    }
    quiet = trace_.size() == told && !worked ? quiet + 1 : 0;
  }
  return judge();
}

}  // namespace lastword::test
