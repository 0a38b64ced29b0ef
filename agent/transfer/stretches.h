// Volumes beside each other, place by place: who has which block there. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "agent/transfer/block_map.h"

namespace lastword {

// Volumes that have the same block at one place.
struct Sharers {
  std::vector<std::size_t> volumes;  // ascending
  std::uint64_t physical = 0;
  std::uint32_t age = 0;  // of the first one
  bool same_age = true;   // of all
};

// `visit(offset, length, groups)` for stretches of bytes in ascending order, without overlap, in
// each of which the same volumes share the same blocks; stretches that nobody has are left out. A
// block is in one group only if all have it at the same place. Mappings that are not `written`
// count as holes. The maps ascend without overlap.
template <class Visit>
void walk_stretches(std::span<const std::vector<Mapping>* const> maps, const Visit& visit) {
  struct Edge {
    std::uint64_t at;
    std::size_t volume;
    bool operator>(const Edge& other) const { return at > other.at; }
  };
  std::priority_queue<Edge, std::vector<Edge>, std::greater<>> edges;  // next one of each volume
  std::vector<std::size_t> next(maps.size());                          // its mapping
  struct Present {
    std::uint64_t delta;  // physical - offset, modulo 2^64: equal for an equal block at one place
    std::size_t volume;
    std::uint32_t age;
  };
  std::vector<Present> present;  // by delta, then by volume
  const auto order = [](const Present& a, const Present& b) {
    return std::pair(a.delta, a.volume) < std::pair(b.delta, b.volume);
  };
  const auto enter = [&](std::size_t volume) {
    const Mapping& one = (*maps[volume])[next[volume]];
    if (!one.written) return;
    const Present entry{one.physical - one.offset, volume, one.age};
    present.insert(std::ranges::upper_bound(present, entry, order), entry);
  };
  std::vector<bool> inside(maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (!maps[i]->empty()) edges.push({maps[i]->front().offset, i});
  }
  std::vector<Sharers> groups;
  std::uint64_t at = 0;
  while (!edges.empty()) {
    const Edge edge = edges.top();
    if (edge.at != at && !present.empty()) {
      std::size_t used = 0;
      for (std::size_t i = 0; i < present.size();) {
        if (used == groups.size()) groups.emplace_back();
        Sharers& group = groups[used++];
        group.volumes.clear();
        group.physical = present[i].delta + at;
        group.age = present[i].age;
        group.same_age = true;
        const std::uint64_t delta = present[i].delta;
        for (; i < present.size() && present[i].delta == delta; ++i) {
          group.volumes.push_back(present[i].volume);
          group.same_age = group.same_age && present[i].age == group.age;
        }
      }
      visit(at, edge.at - at, std::span<const Sharers>(groups).first(used));
    }
    at = edge.at;
    edges.pop();
    const std::size_t volume = edge.volume;
    const std::vector<Mapping>& map = *maps[volume];
    if (!inside[volume]) {
      enter(volume);
      inside[volume] = true;
      edges.push({map[next[volume]].offset + map[next[volume]].length, volume});
      continue;
    }
    std::erase_if(present, [&](const Present& one) { return one.volume == volume; });
    inside[volume] = false;
    ++next[volume];
    if (next[volume] < map.size()) edges.push({map[next[volume]].offset, volume});
  }
}

}  // namespace lastword
