#include "agent/transfer/owner_table.h"

#include <algorithm>
#include <iterator>

namespace lastword {
namespace {

constexpr unsigned kOffsetBits = 35;
constexpr unsigned kLengthBits = 18;
constexpr unsigned kVolumeBits = 10;
constexpr std::uint64_t kMaxLength = (std::uint64_t{1} << kLengthBits) - 1;
static_assert(kMaxVolumeBytes / 512 <= std::uint64_t{1} << kOffsetBits);
static_assert(kMaxCloneVolumes <= std::size_t{1} << kVolumeBits);
static_assert(kOffsetBits + kLengthBits + kVolumeBits + 1 == 64);

constexpr std::uint64_t bits_of(std::uint64_t number, unsigned from, unsigned count) {
  return number >> from & ((std::uint64_t{1} << count) - 1);
}

}  // namespace

OwnerTable::OwnerTable(std::uint64_t block_bytes) : block_bytes_(block_bytes) {
  leaves_.emplace(0, std::make_unique<Leaf>());
}

// How many of them begin at `block` or before.
std::uint32_t OwnerTable::entries_up_to(const Leaf& leaf, std::uint64_t block) {
  const Entry* const end = leaf.entries + leaf.count;
  const Entry* const found = std::upper_bound(
      leaf.entries, end, block, [](std::uint64_t at, const Entry& one) { return at < one.first; });
  return static_cast<std::uint32_t>(found - leaf.entries);
}

std::uint64_t OwnerTable::length_of(const Entry& entry) {
  return bits_of(entry.packed, kOffsetBits, kLengthBits);
}

Owner OwnerTable::owner_of(const Entry& entry) const {
  const bool base = bits_of(entry.packed, 63, 1) != 0;
  return {.kind = base ? CloneRunKind::kBase : CloneRunKind::kSent,
          .volume = static_cast<std::uint32_t>(
              bits_of(entry.packed, kOffsetBits + kLengthBits, kVolumeBits)),
          .offset = bits_of(entry.packed, 0, kOffsetBits) * block_bytes_};
}

OwnerTable::Piece OwnerTable::look(std::uint64_t physical, std::uint64_t length) const {
  const std::uint64_t block = physical / block_bytes_;
  const auto next_leaf = leaves_.upper_bound(block);
  auto leaf = std::prev(next_leaf);
  const std::uint32_t before = entries_up_to(*leaf->second, block);
  const Entry* last = before > 0 ? &leaf->second->entries[before - 1] : nullptr;
  // The one before it may begin in another leaf.
  while (last == nullptr && leaf != leaves_.begin()) {
    --leaf;
    if (leaf->second->count > 0) last = &leaf->second->entries[leaf->second->count - 1];
  }
  if (last != nullptr && block - last->first < length_of(*last)) {
    const std::uint64_t inside = block - last->first;
    Owner owner = owner_of(*last);
    owner.offset += inside * block_bytes_;
    const std::uint64_t left = (length_of(*last) - inside) * block_bytes_;
    return {.length = std::min(length, left), .owner = owner};
  }
  const Leaf& here = *std::prev(next_leaf)->second;
  std::uint64_t free = length;
  if (before < here.count) {
    free = (here.entries[before].first - block) * block_bytes_;
  } else if (next_leaf != leaves_.end()) {
    free = (next_leaf->second->entries[0].first - block) * block_bytes_;
  }
  return {.length = std::min(length, free), .owner = std::nullopt};
}

void OwnerTable::claim(std::uint64_t physical, std::uint64_t length, const Owner& owner) {
  std::uint64_t block = physical / block_bytes_;
  std::uint64_t offset = owner.offset / block_bytes_;
  const std::uint64_t high =
      (owner.kind == CloneRunKind::kBase ? std::uint64_t{1} << kVolumeBits : 0) | owner.volume;
  for (std::uint64_t left = length / block_bytes_; left > 0;) {
    const std::uint64_t some = std::min(left, kMaxLength);
    insert({.first = block, .packed = (high << kLengthBits | some) << kOffsetBits | offset});
    block += some;
    offset += some;
    left -= some;
  }
}

void OwnerTable::insert(const Entry& entry) {
  const auto next = leaves_.upper_bound(entry.first);
  Leaf* leaf = std::prev(next)->second.get();
  std::uint32_t at = entries_up_to(*leaf, entry.first);
  if (leaf->count == kLeafEntries) {
    // Blocks that come in ascending order leave full leaves behind them.
    const std::uint32_t keep =
        next == leaves_.end() && at == leaf->count ? leaf->count : leaf->count / 2;
    auto upper = std::make_unique<Leaf>();
    upper->count = leaf->count - keep;
    std::copy(leaf->entries + keep, leaf->entries + leaf->count, upper->entries);
    leaf->count = keep;
    const std::uint64_t begin = upper->count > 0 ? upper->entries[0].first : entry.first;
    Leaf* const made = upper.get();
    leaves_.emplace_hint(next, begin, std::move(upper));
    if (entry.first >= begin) {
      leaf = made;
      at = entries_up_to(*leaf, entry.first);
    }
  }
  std::copy_backward(leaf->entries + at, leaf->entries + leaf->count,
                     leaf->entries + leaf->count + 1);
  leaf->entries[at] = entry;
  ++leaf->count;
}

}  // namespace lastword
