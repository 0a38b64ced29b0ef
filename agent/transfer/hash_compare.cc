#include "agent/transfer/hash_compare.h"

#include <string_view>

#include "agent/transfer/range_hash.h"

namespace lastword {

Result<std::vector<DifferentRange>> compare_hashes(const pb::CloneHashes& one,
                                                   const pb::CloneHashes& other) {
  const pb::CloneSnapshot& a = one.snapshot();
  const pb::CloneSnapshot& b = other.snapshot();
  bool same = a.uuid() == b.uuid() && a.volumes_size() == b.volumes_size();
  for (int i = 0; same && i < a.volumes_size(); ++i) {
    same = a.volumes(i).uuid() == b.volumes(i).uuid() && a.volumes(i).size() == b.volumes(i).size();
  }
  if (!same) {
    return fail({.code = Code::kRefused,
                 .operation = "compare snapshots",
                 .disk = a.uuid(),
                 .detail = "the other server's snapshot of that UUID has other volumes"});
  }
  std::vector<DifferentRange> different;
  for (int i = 0; i < a.volumes_size(); ++i) {
    const std::uint64_t size = a.volumes(i).size();
    for (std::uint64_t k = 0; k < range_count(size); ++k) {
      const auto hash_in = [k](const std::string& table) {
        return std::string_view(table).substr(k * sizeof(Hash128), sizeof(Hash128));
      };
      if (hash_in(one.tables(i)) == hash_in(other.tables(i))) continue;
      const std::uint64_t offset = k * kRangeBytes;
      const bool goes_on = !different.empty() && different.back().volume == a.volumes(i).name() &&
                           different.back().offset + different.back().length == offset;
      if (!goes_on) different.push_back({.volume = a.volumes(i).name(), .offset = offset});
      different.back().length += range_length(size, k);
    }
  }
  return different;
}

}  // namespace lastword
