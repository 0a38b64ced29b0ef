// What status shows of one path of messages between the nodes: a mailbox disk or a link. Plain
// data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/timing.h"

namespace lastword {

struct PathReport {
  enum class Kind : std::uint8_t { kMailboxDisk, kLink };
  // Datagrams that were not believed, for one reason.
  struct Dropped {
    std::string reason;  // name_of(DatagramFault): "bad-authentication"
    std::uint64_t count = 0;
  };

  Kind kind = Kind::kMailboxDisk;
  std::string name;   // a disk's UUID, a link's name
  std::string where;  // "/dev/sdc"; "192.168.7.1 to 192.168.7.2, port 7410"
  // Since the partner was last heard on this path; absent: not by this agent.
  std::optional<milliseconds> age;
  // Messages of the partner that were newer on this path than those before.
  std::uint64_t heard = 0;
  // Of a link: the partner does not hear this node there, by its own word.
  bool one_way = false;
  std::string problem;           // what fails at present, for people; empty: nothing
  std::vector<Dropped> dropped;  // of a link; reasons that have occurred
};

}  // namespace lastword
