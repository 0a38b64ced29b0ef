// Does the partner live? By its heartbeats (MailboxSlot in proto/disk.proto): in its slots of the
// mailbox disks, and in the datagrams of the links. Pure: what was read, and when, goes in.
//
// The partner is heard when it says something newer than all that was known, on whichever path.
// What a disk says when it is read for the first time may be old, and is only where newer starts
// from. A datagram may be a replay, and is believed from when one has shown that it answers this
// agent: it names a heartbeat that this agent has sent. From then on whatever is replayed is older
// than what is known.
//
// Silence is counted while this node is able to hear, and from the beginning again where it was
// not:
//   - its own ticks are on time. A node that was paused must not call its partner dead;
//   - a majority of the mailbox disks has been read a moment ago. A partner that lives writes to a
//     majority too, and the two have a disk in common.
// When the time is over, each path that answers, links too, is read once more before the partner
// counts as silent.
//
// So a link only keeps a partner alive: without mailbox disks nobody is silent, and a life that was
// heard by links alone is not either.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/protocol/datagram.h"
#include "proto/disk.pb.h"
#include "proto/timing.h"

namespace lastword {

enum class Standing : std::uint8_t {
  kUnseen,    // not heard in this boot
  kExpected,  // an agent of this boot has heard it, and this one not yet: its word may be old
  kHeard,
  kLate,    // nothing for half of the silence time
  kSilent,  // nothing for the silence time
  kAway,    // it said that no heartbeat follows: its silence says nothing
};
[[nodiscard]] std::string_view name_of(Standing standing);
// It is heard, or was a moment ago.
[[nodiscard]] constexpr bool may_live(Standing standing) {
  return standing == Standing::kHeard || standing == Standing::kExpected;
}

// Of two slots of one node, the one that was written later.
[[nodiscard]] bool is_newer(const pb::MailboxSlot& one, const pb::MailboxSlot& other);

class PeerWatch {
 public:
  // `seen`: what an agent of this boot has heard of that life first; then the count of its silence
  // begins at `now`.
  PeerWatch(const Timing& timing, std::uint8_t peer, std::optional<pb::MailboxSlot> seen,
            Instant now);

  // The number of mailbox disks that votes are counted by. With none nobody is ever silent.
  void set_paths(std::size_t count) { paths_ = count; }
  // This node is at work. Call it much more often than a heartbeat is due.
  void tick(Instant now);
  // The partner's slot on one mailbox disk, asked for at `asked`. True: the partner was heard.
  bool read(const std::string& path, const pb::MailboxSlot& slot, Instant asked, Instant now);
  // This node's heartbeats are of this life, and this agent's have sequences beyond `since`.
  void speak_as(std::uint32_t generation, std::uint64_t since);
  // What an authenticated datagram of the partner's says that came by this link.
  enum class Hearing : std::uint8_t {
    kHeard,     // it is newer than all that was known
    kKnown,     // it came by another path before
    kOld,       // this link has brought it, or a newer one, before; or it contradicts the end of
                // that life, which a newer heartbeat has told
    kUnproven,  // nothing shows yet that it is no replay
  };
  [[nodiscard]] Hearing hear(const std::string& link, const Datagram& datagram, Instant now);
  // All that had arrived by this link until `now` was given to hear(). A link on which that fails
  // does not answer.
  void emptied(const std::string& link, Instant now);

  [[nodiscard]] Standing standing(Instant now) const;
  // The newest that is known of the partner; absent: nothing.
  [[nodiscard]] const std::optional<pb::MailboxSlot>& newest() const { return newest_; }
  // Since the partner was heard, or the count of its silence began anew.
  [[nodiscard]] milliseconds quiet_for(Instant now) const { return now - quiet_since_; }
  // The longer one of both nodes' settings.
  [[nodiscard]] milliseconds silence() const;
  // The life that was heard on a mailbox disk last, or that the agent before has heard; 0: none.
  // Only that life's silence counts.
  [[nodiscard]] std::uint32_t life_on_disks() const;
  // The newest life was heard on a mailbox disk: when it falls silent, it can be called dead.
  [[nodiscard]] bool counts_silence() const;
  // Since the newest heartbeat of this agent that the partner has named grew, or since it can name
  // one: it does not hear this node where that is long.
  [[nodiscard]] milliseconds unanswered_for(Instant now) const { return now - answered_; }
  // Since the partner was heard on that path, and how often; nullptr: never asked.
  struct Ear {
    Instant asked{};  // when the last read that came back was asked for
    HeartbeatId newest;
    std::optional<Instant> heard_at;
    std::uint64_t heard = 0;
    unsigned back = 0;  // reads in a row that were older than what the disk had shown before
  };
  // A slot that was caught between two writes may be older once. After so many reads it went back.
  static constexpr unsigned kWentBack = 3;
  [[nodiscard]] const Ear* disk(const std::string& path) const;
  [[nodiscard]] const Ear* link(const std::string& name) const;

 private:
  using Ears = std::map<std::string, Ear>;
  [[nodiscard]] std::size_t read_since(Instant from) const;
  [[nodiscard]] bool all_read_since(Instant from, Instant now) const;
  [[nodiscard]] bool answers_this_agent(const HeartbeatId& named) const;
  [[nodiscard]] bool contradicts_end(const pb::MailboxSlot& slot) const;
  void take(const pb::MailboxSlot& slot, Instant now);

  Timing timing_;
  std::uint8_t peer_;
  std::size_t paths_ = 0;
  bool heard_ = false;
  bool heard_here_ = false;  // by this agent
  bool looked_ = false;      // a mailbox disk has shown the partner's slot
  bool heard_on_disks_ = false;
  std::optional<pb::MailboxSlot> newest_;
  HeartbeatId newest_on_disks_;
  HeartbeatId own_;     // this agent's heartbeats are beyond
  HeartbeatId answer_;  // the newest of them that the partner has named
  Instant news_at_;
  Instant answered_;
  bool proven_ = false;  // a datagram has answered this agent
  Instant quiet_since_;
  Instant last_tick_;
  Ears disks_;
  Ears links_;
};

}  // namespace lastword
