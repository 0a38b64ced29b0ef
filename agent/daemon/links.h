// This node's heartbeats on the links, and the partner's: beside the mailbox disks. What is told of
// a link:
//
//   link-works, link-quiet, link-one-way, link-failed   its state has changed (link_watch.h)
//   link-drops                                          the first datagram that was dropped for a
//                                                       reason that somebody should look into
//
// Whoever owns it calls it from one thread, often.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/daemon/udp_link.h"
#include "agent/node/event.h"
#include "agent/protocol/link_watch.h"
#include "agent/protocol/path_report.h"
#include "agent/protocol/peer_watch.h"

namespace lastword {

class Links {
 public:
  // `config` outlives it. A link that cannot be opened is tried again with each heartbeat.
  Links(const Config& config, Seal seal, OpenLink open, EventSink events, Instant now);
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  [[nodiscard]] bool any() const { return !links_.empty(); }
  // Sends this by each of them. `peer` knows what has come by which.
  void send(const pb::MailboxSlot& slot, const PeerWatch& peer);
  // Gives all that has arrived to `peer`. Of a flood a part stays for the next call, and the link
  // does not count as read.
  void receive(PeerWatch& peer, Instant now);
  // Tells what has changed. `expected`: the partner is heard somewhere, so that a link by which
  // nothing comes is worth telling.
  void tell(bool expected, Instant now);

  [[nodiscard]] std::vector<PathReport> reports(const PeerWatch& peer, Instant now) const;

 private:
  struct Link;

  void open(Link& link);
  void on_error(Link& link, const Error& error);
  void take(Link& link, Bytes received, PeerWatch& peer, Instant now);
  void drop(Link& link, DatagramFault fault);

  const Config& config_;
  Seal seal_;
  OpenLink open_;
  EventSink events_;
  LinkEnds ends_;
  std::uint32_t own_life_ = 0;  // of the last heartbeat
  std::vector<std::unique_ptr<Link>> links_;
};

// The links of the configuration, with real sockets. Null: it has none; or its key file is of no
// use, which the event link-failed tells: the agent goes on by the mailbox disks.
[[nodiscard]] std::unique_ptr<Links> links_of(const Config& config, const EventSink& events,
                                              Instant now);

}  // namespace lastword
