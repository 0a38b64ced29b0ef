#include "agent/transfer/block_map.h"

namespace lastword {

Result<std::vector<Mapping>> BlockMap::map(const std::string& volume) {
  std::vector<Mapping> all;
  for (std::uint64_t from = 0;;) {
    const auto more = some(volume, from);
    if (!more) return more;
    if (more->empty()) return all;
    for (const Mapping& one : *more) {
      Mapping* const last = all.empty() ? nullptr : &all.back();
      if (last != nullptr && last->offset + last->length == one.offset &&
          last->physical + last->length == one.physical && last->written == one.written &&
          last->age == one.age) {
        last->length += one.length;
      } else {
        all.push_back(one);
      }
    }
    from = more->back().offset + more->back().length;
  }
}

}  // namespace lastword
