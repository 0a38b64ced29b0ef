#include "agent/transfer/node_reader.h"

#include <algorithm>

namespace lastword {
namespace {

// The first mapping that ends behind `at`.
std::vector<Mapping>::const_iterator mapping_at(const std::vector<Mapping>& map, std::uint64_t at) {
  return std::ranges::partition_point(
      map, [&](const Mapping& one) { return one.offset + one.length <= at; });
}

}  // namespace

Result<std::vector<Mapping>> NodeMaps::some(const std::string& volume, std::uint64_t from) {
  constexpr std::ptrdiff_t kSome = 1024;
  const std::vector<Mapping>& content = plan_.nodes.at(std::stoul(volume)).content;
  const auto first = mapping_at(content, from);
  std::vector<Mapping> some(first, first + std::min(kSome, content.end() - first));
  if (!some.empty() && some.front().offset < from) {
    Mapping& cut = some.front();
    const std::uint64_t skip = from - cut.offset;
    cut.offset += skip;
    cut.physical += skip;
    cut.length -= skip;
  }
  return some;
}

NodeReader::NodeReader(const FamilyPlan& plan, std::vector<ReadableVolume> volumes,
                       std::vector<ReadableVolume> others)
    : plan_(plan), volume_count_(volumes.size()), all_(std::move(volumes)) {
  std::ranges::move(others, std::back_inserter(all_));
}

Status NodeReader::read(std::uint32_t node, std::uint64_t offset, std::span<std::byte> buffer) {
  const FamilyNode& from = plan_.nodes[node];
  if (from.volume) return all_[*from.volume].read(offset, buffer);
  std::ranges::fill(buffer, std::byte{0});
  const std::uint64_t end = offset + buffer.size();
  for (auto one = mapping_at(from.content, offset); one != from.content.end() && one->offset < end;
       ++one) {
    const std::uint64_t begin = std::max(one->offset, offset);
    const std::uint64_t stop = std::min(one->offset + one->length, end);
    const Mapping block{
        .offset = begin, .length = stop - begin, .physical = one->physical + (begin - one->offset)};
    if (Status status = read_block(block, buffer.subspan(begin - offset, stop - begin)); !status) {
      return status;
    }
  }
  return {};
}

Status NodeReader::read_block(const Mapping& block, std::span<std::byte> buffer) {
  const std::uint64_t delta = block.physical - block.offset;
  for (std::uint64_t at = 0; at < block.length;) {
    bool found = false;
    for (std::size_t tried = 0; tried < all_.size() && !found; ++tried) {
      const std::size_t index = (last_ + tried) % all_.size();
      const std::vector<Mapping>& map = *all_[index].map;
      const auto one = mapping_at(map, block.offset + at);
      found = one != map.end() && one->offset <= block.offset + at && one->written &&
              one->physical - one->offset == delta;
      if (!found) continue;
      last_ = index;
      const std::uint64_t most = one->offset + one->length - (block.offset + at);
      const std::uint64_t length = std::min(block.length - at, most);
      if (Status status = all_[index].read(block.offset + at, buffer.subspan(at, length));
          !status) {
        return status;
      }
      at += length;
    }
    if (found) continue;
    return fail({.code = Code::kCorrupt,
                 .operation = "read joint ancestor",
                 .offset = block.offset + at,
                 .detail = "no volume has its block"});
  }
  return {};
}

}  // namespace lastword
