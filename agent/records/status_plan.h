// `lastword status`, decided: what is to be said of nodes, disks, dumps and messages. Pure: what
// was read in, a report out. agent/records/status_run.h reads it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/node/state.pb.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/switches.h"
#include "agent/records/status.pb.h"

namespace lastword {

// How old the newest heartbeat of a node on a mailbox disk is. Nobody's clock is asked but this
// node's: what was seen to change is new.
class BeatAges {
 public:
  // The slots as they were read between these two times.
  void read(const Survey& survey, const Config& config, Instant asked, Instant back);

  struct Age {
    bool heard = false;   // it changed between two reads
    milliseconds time{};  // heard: the age at most; otherwise at least
  };
  // Absent: no slot of that node was read there.
  [[nodiscard]] std::optional<Age> of(const std::string& disk_uuid, std::uint8_t node,
                                      Instant now) const;
  // On some disk, and within `time`.
  [[nodiscard]] bool heard(std::uint8_t node, Instant now, milliseconds time) const;

 private:
  struct Seen {
    std::pair<std::uint32_t, std::uint64_t> number;  // life and sequence
    bool changed = false;
    Instant since{};  // changed: it is newer than this; otherwise, it was there at this time
    Instant last_asked{};
  };
  std::map<std::pair<std::string, std::uint8_t>, Seen> seen_;
};

// What a look at this node and its disks has found.
struct StatusFacts {
  const Config* config = nullptr;  // outlives the call
  std::optional<NodeState> state;  // of this boot; also of a life that was stopped
  Survey survey;
  std::optional<pb::TakeoverIntent> intent;  // this node's
  ClusterSwitches switches;
  std::optional<pb::MailboxSlot> heard;  // of the partner, by an agent of this boot
  std::optional<pb::AgentPhase> phase;   // phase.json
  std::optional<pb::StatusAgent> agent;  // absent: it was not asked
  BeatAges ages;
  Instant now{};
  std::int64_t unix_ms = 0;
  std::vector<std::string> problems;  // files that could not be read
};

[[nodiscard]] pb::StatusReport report_status(const StatusFacts& facts);
// Of a way that messages come by, which has a problem or works one way only.
[[nodiscard]] std::string remedy_of_path(const pb::StatusAgentPath& path);

}  // namespace lastword
