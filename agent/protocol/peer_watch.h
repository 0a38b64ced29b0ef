// Does the partner live? By the heartbeats in its slots of the mailbox disks (MailboxSlot in
// proto/disk.proto). Pure: what was read, and when, goes in.
//
// The partner is heard when it writes something newer than all that was known, on whichever path.
// What a path says when it is read for the first time may be old, and is only where newer starts
// from.
//
// Silence is counted while this node is able to hear, and from the beginning again where it was
// not:
//   - its own ticks are on time. A node that was paused must not call its partner dead;
//   - a majority of the mailbox disks has been read a moment ago. A partner that lives writes to a
//     majority too, and the two have a disk in common.
// When the time is over, each path that answers is read once more before the partner counts as
// silent.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "proto/disk.pb.h"
#include "proto/timing.h"

namespace lastword {

enum class Standing : std::uint8_t {
  kUnseen,  // not heard in this boot
  kHeard,
  kLate,    // nothing for half of the silence time
  kSilent,  // nothing for the silence time
  kAway,    // it said that no heartbeat follows: its silence says nothing
};
[[nodiscard]] std::string_view name_of(Standing standing);

// Of two slots of one node, the one that was written later.
[[nodiscard]] bool is_newer(const pb::MailboxSlot& one, const pb::MailboxSlot& other);

class PeerWatch {
 public:
  // `seen`: the newest that an agent of this boot has heard; then the partner counts as heard at
  // `now`.
  PeerWatch(const Timing& timing, std::uint8_t peer, std::optional<pb::MailboxSlot> seen,
            Instant now);

  // The number of mailbox disks that votes are counted by. With none nobody is ever silent.
  void set_paths(std::size_t count) { paths_ = count; }
  // This node is at work. Call it much more often than a heartbeat is due.
  void tick(Instant now);
  // The partner's slot on one mailbox disk, asked for at `asked`. True: the partner was heard.
  bool read(const std::string& path, const pb::MailboxSlot& slot, Instant asked, Instant now);

  [[nodiscard]] Standing standing(Instant now) const;
  // The newest that is known of the partner; absent: nothing.
  [[nodiscard]] const std::optional<pb::MailboxSlot>& newest() const { return newest_; }
  // Since the partner was heard, or the count of its silence began anew.
  [[nodiscard]] milliseconds quiet_for(Instant now) const { return now - quiet_since_; }
  // The longer one of both nodes' settings.
  [[nodiscard]] milliseconds silence() const;

 private:
  [[nodiscard]] std::size_t read_since(Instant from) const;
  [[nodiscard]] bool all_read_since(Instant from, Instant now) const;

  Timing timing_;
  std::uint8_t peer_;
  std::size_t paths_ = 0;
  bool heard_ = false;
  std::optional<pb::MailboxSlot> newest_;
  Instant quiet_since_;
  Instant last_tick_;
  std::map<std::string, Instant>
      asked_;  // by path: when the last read that came back was asked for
};

}  // namespace lastword
