// What the actions of a node do to the shelf of node_pair.h, one command at a time.
#include <algorithm>

#include "tests/agent/protocol/node_pair.h"

namespace lastword::test {
namespace {

std::uint8_t id_of(unsigned node) {
  return static_cast<std::uint8_t>(node + 1);
}

}  // namespace

void NodePair::write_intent(unsigned self, IntentPhase phase) {
  Node& node = nodes_[self];
  const std::uint32_t latest = std::max(facts(self).disks->peer_generation,
                                        node.seen ? nodes_[other(self)].said.generation : 0);
  const std::uint32_t victim =
      phase == pb::TakeoverIntent::TAKING ? latest : node.intent->victim_generation();
  node.intent = next_intent(node.intent, phase, id_of(other(self)), victim);
}

void NodePair::reopen_intent(unsigned self) {
  Node& node = nodes_[self];
  const PeerWord& said = nodes_[other(self)].said;
  if (!open(node.intent))
    return write_intent(self, pb::TakeoverIntent::TAKING);  // both copies lost
  const std::uint32_t victim = node.intent->victim_generation();
  const bool waits = node.seen && said.phase == Phase::kWaiting && said.generation > victim;
  const bool proven = node.intent->proven();
  node.intent = next_intent(node.intent, pb::TakeoverIntent::TAKING, id_of(other(self)),
                            waits ? said.generation - 1 : victim);
  node.intent->set_proven(proven);
}

bool NodePair::take_own(unsigned self) {
  Node& node = nodes_[self];
  if (mailbox_ && node.joined != node.life) {
    node.joined = node.registered = node.life;
    return false;
  }
  for (Disk& disk : disks_) {
    if (disk.home != self) continue;
    if (disk.holder == int(self) && disk.holder_life == node.life && disk.owner == int(self))
      continue;
    const bool peers = disk.owner == int(other(self)) || disk.holder == int(other(self));
    if (disk.home_life == node.life && peers) continue;  // it was taken meanwhile
    if (peers) continue;
    disk.holder = disk.owner = int(self);
    disk.holder_life = disk.home_life = node.life;
    disk.promised_to = 0;
    return false;
  }
  return true;
}

bool NodePair::take_peers(unsigned self, bool both) {
  Node& node = nodes_[self];
  const std::uint32_t victim = node.intent->victim_generation();
  if (nodes_[other(self)].registered <= victim) nodes_[other(self)].registered = 0;
  if (mailbox_ && node.joined != node.life) node.joined = node.registered = node.life;
  bool all = true;
  for (Disk& disk : disks_) {
    if (disk.home == self && !both) continue;
    const bool held = disk.holder == int(self) && disk.holder_life == node.life;
    if (held && disk.owner == int(self)) continue;
    if (!held && disk.holder == int(other(self)) && disk.holder_life > victim) {
      all = false;  // another life's: respected
      continue;
    }
    if (!held) {
      disk.holder = int(self);
      disk.holder_life = node.life;
    } else {
      disk.owner = int(self);
      disk.promised_to = 0;
      if (disk.home == self) disk.home_life = node.life;
    }
    return false;
  }
  if (all) happen(self, NodeEvent::kTakeoverDone);
  return all;
}

bool NodePair::give_back(unsigned self) {
  Node& node = nodes_[self];
  const std::uint32_t to = nodes_[other(self)].said.generation;
  const Phase phase = nodes_[other(self)].said.phase;
  const bool may = node.seen && mode_of(phase) != NodeMode::kStopped;
  bool left = false;
  for (Disk& disk : disks_) {
    if (disk.home == self || (disk.owner != int(self) && disk.holder != int(self))) continue;
    left = true;
    if (!may || disk.promised_to == to) continue;
    disk.holder = disk.owner = int(self);
    disk.holder_life = node.life;
    disk.promised_to = to;
    return false;
  }
  return !left;
}

bool NodePair::receive(unsigned self) {
  Node& node = nodes_[self];
  bool all = true;
  for (Disk& disk : disks_) {
    if (disk.home != self) continue;
    if (disk.owner == int(self) && disk.holder == int(self) && disk.holder_life == node.life)
      continue;
    const bool free = disk.owner != int(other(self)) && disk.holder != int(other(self));
    if (disk.promised_to != node.life && !free) {
      all = false;
      continue;
    }
    disk.holder = disk.owner = int(self);
    disk.holder_life = disk.home_life = node.life;
    disk.promised_to = 0;
    return false;
  }
  if (all) happen(self, NodeEvent::kAllReceived);
  return all;
}

void NodePair::cast_votes(unsigned self) {
  Node& node = nodes_[self];
  Node& peer = nodes_[other(self)];
  if (!mailbox_)
    return happen(self, node.ordered ? NodeEvent::kMajorityWon : NodeEvent::kTooFewVotes);
  const bool voter = node.registered == node.life;
  if (!voter || peer.registered > node.intent->victim_generation()) {
    return happen(self, NodeEvent::kTooFewVotes);
  }
  peer.registered = 0;
  happen(self, NodeEvent::kMajorityWon);
}

bool NodePair::perform(unsigned self, NodeAction action, NodeEvent why) {
  Node& node = nodes_[self];
  switch (action) {
    case NodeAction::kTakeOwnDisks:
      return take_own(self);
    case NodeAction::kReleaseDisks:
      for (Disk& disk : disks_) {
        if (disk.holder != int(self)) continue;
        disk.holder = -1;
        if (disk.home == self) disk.owner = -1;
        return false;
      }
      return true;
    case NodeAction::kTellWaiting:
      if (mailbox_ && node.joined != node.life) node.joined = node.registered = node.life;
      return true;
    case NodeAction::kRegisterAnew:
      if (facts(self).disks->reservations_lost) node.registered = node.life;
      return true;
    case NodeAction::kAnnounceTakeover:
    case NodeAction::kKeepIntent:
      if (open(node.intent) && why == NodeEvent::kStartOrdered) {
        if (action == NodeAction::kAnnounceTakeover)
          node.timers.push_back(NodeEvent::kAnnouncementOver);
        return true;
      }
      write_intent(self, pb::TakeoverIntent::TAKING);
      node.intent->set_proven(why == NodeEvent::kPeerPanicked);
      node.ordered = why == NodeEvent::kTakeoverOrdered || why == NodeEvent::kCountdownOver ||
                     why == NodeEvent::kPeerReleased ||
                     (why == NodeEvent::kMayResume && node.ordered);
      if (action == NodeAction::kAnnounceTakeover) {
        node.timers.push_back(NodeEvent::kAnnouncementOver);
      }
      return true;
    case NodeAction::kReopenIntent:
      reopen_intent(self);
      return true;
    case NodeAction::kCallOff:
      std::erase(node.timers, NodeEvent::kAnnouncementOver);
      if (open(node.intent)) {
        const bool has = facts(self).disks->has_peer_disk;
        write_intent(self, has ? pb::TakeoverIntent::TAKEN : pb::TakeoverIntent::ENDED);
      }
      return true;
    case NodeAction::kCloseIntent:
      if (open(node.intent)) write_intent(self, pb::TakeoverIntent::ENDED);
      return true;
    case NodeAction::kMarkTaken:
      write_intent(self, pb::TakeoverIntent::TAKEN);
      return true;
    case NodeAction::kCastVotes:
      cast_votes(self);
      return true;
    case NodeAction::kTakePeerDisks:
      return take_peers(self, false);
    case NodeAction::kTakeBothSets:
      return take_peers(self, true);
    case NodeAction::kGiveBack:
      node.giveback = true;  // durable before the first promise
      return give_back(self);
    case NodeAction::kCloseGiveback:
      node.giveback = false;
      return true;
    case NodeAction::kReceiveDisks:
      return receive(self);
    case NodeAction::kAskToLeave:
      if (node.asks == 0) node.asks = nodes_[other(self)].said.generation;
      node.timers.push_back(NodeEvent::kCountdownOver);
      return true;
    case NodeAction::kCancelGraceful:
      node.asks = 0;
      std::erase(node.timers, NodeEvent::kCountdownOver);
      return true;
    case NodeAction::kEndService:
      happen(self, NodeEvent::kServiceEnded);
      return true;
    case NodeAction::kFence:
      node.alive = false;
      return true;
    default:
      return true;
  }
}

}  // namespace lastword::test
