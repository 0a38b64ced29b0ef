#include "agent/protocol/late_begin.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "proto/duration.h"

namespace lastword {

std::string late_begin(milliseconds began_after, milliseconds grace) {
  const auto began =
      std::chrono::floor<std::chrono::seconds>(std::min<milliseconds>(began_after, kLongestTime));
  if (2 * began <= grace) return {};
  return fmt::format(
      "the dump began {} after the panic, and grace is {}{}; make [timing] grace {} or more on "
      "both "
      "nodes, then run `lastword arm`",
      to_string(began), to_string(grace),
      began < grace
          ? ": that is little to spare"
          : ": a takeover that does not wait for a dump takes its disk before it is there",
      to_string(2 * began));
}

std::optional<std::size_t> newest_beginning(const Survey& survey, std::uint8_t node) {
  std::optional<std::size_t> newest;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const pb::CoredumpHeader& header = survey.disks[i].header;
    if (header.node() != node || header.began_after_ms() == 0) continue;
    if (!newest || header.started_unix_ms() > survey.disks[*newest].header.started_unix_ms()) {
      newest = i;
    }
  }
  return newest;
}

}  // namespace lastword
