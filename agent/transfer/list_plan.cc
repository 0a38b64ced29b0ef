#include "agent/transfer/list_plan.h"

#include <algorithm>
#include <map>

namespace lastword {
namespace {

// A volume begins or ends to have the blocks from here on.
struct Edge {
  std::uint64_t physical;
  std::size_t volume;
  bool begins;
};

std::vector<Edge> edges_of(std::span<const ListedVolume> volumes) {
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    for (const Mapping& one : volumes[i].mappings) {
      edges.push_back({one.physical, i, true});
      edges.push_back({one.physical + one.length, i, false});
    }
  }
  std::ranges::sort(edges, {}, &Edge::physical);
  return edges;
}

std::size_t parent_of(std::size_t self, const SharingOf& sharing,
                      std::span<const ListedVolume> volumes) {
  std::size_t best = self;
  std::uint64_t most = 0;
  for (const auto& [other, bytes] : sharing.shared) {
    if (std::pair(volumes[other].born_ns, other) >= std::pair(volumes[self].born_ns, self)) {
      continue;
    }
    const bool younger = bytes == most && volumes[other].born_ns > volumes[best].born_ns;
    if (bytes > most || younger) best = other;
    most = std::max(most, bytes);
  }
  return best;
}

}  // namespace

Sharing plan_list(std::span<const ListedVolume> volumes) {
  Sharing result;
  result.volumes.resize(volumes.size());
  std::vector<std::map<std::size_t, std::uint64_t>> shared(volumes.size());
  std::map<std::size_t, unsigned> present;  // volume: how often it has the blocks at `at`
  std::uint64_t at = 0;
  for (const Edge& edge : edges_of(volumes)) {
    const std::uint64_t bytes = edge.physical - at;
    at = edge.physical;
    if (bytes != 0 && !present.empty()) {
      result.distinct_bytes += bytes;
      if (present.size() == 1) result.volumes[present.begin()->first].own += bytes;
      for (const auto& [volume, times] : present) {
        result.volumes[volume].mapped += bytes * times;
        for (const auto& [other, ignored] : present) {
          if (other != volume) shared[volume][other] += bytes;
        }
      }
    }
    if (edge.begins) {
      ++present[edge.volume];
    } else if (--present[edge.volume] == 0) {
      present.erase(edge.volume);
    }
  }
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    SharingOf& one = result.volumes[i];
    one.shared.assign(shared[i].begin(), shared[i].end());
    std::ranges::stable_sort(one.shared, std::ranges::greater{},
                             [](const auto& pair) { return pair.second; });
    one.parent = parent_of(i, one, volumes);
  }
  return result;
}

}  // namespace lastword
