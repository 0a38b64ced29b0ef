// When something has happened that a node could act upon; since then its polls and heartbeats
// repeat what they did before.
//
// No news: reads, a heartbeat that says what its writer's last one said, the writes of the service.
// All else that is executed is news, and what fails is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include "tests/sim/director.h"

namespace lastword::sim {

class News {
 public:
  // `content` of a write that was executed.
  void executed(const Actor& actor, const fake::CommandTrace& about,
                std::span<const std::byte> content);
  // Something else: a loss, a crash.
  void happened() { ++number_; }
  // The first of its like since the last news. `kind`: of what is to be chosen about it.
  [[nodiscard]] bool is_first(const Actor& actor, const fake::CommandTrace& about,
                              std::uint64_t kind);

 private:
  std::uint64_t number_ = 1;
  std::map<std::uint64_t, std::uint64_t> seen_;                            // by digest
  std::map<std::pair<std::uint8_t, unsigned>, std::uint64_t> heartbeats_;  // by node and disk
};

}  // namespace lastword::sim
