// Who has which stretch of physical bytes first. 16 bytes for each mapping, and what the leaves
// have free: with 10 million mappings 160 to 320 MB, where a std::map takes 800.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "proto/clone_stream.h"

namespace lastword {

struct Owner {
  CloneRunKind kind = CloneRunKind::kSent;
  std::uint32_t volume = 0;  // below kMaxCloneVolumes
  std::uint64_t offset = 0;  // in the volume, at most kMaxVolumeBytes
  bool operator==(const Owner&) const = default;
};

class OwnerTable {
 public:
  // All numbers of bytes below are multiples of it, 512 at least.
  explicit OwnerTable(std::uint64_t block_bytes);
  OwnerTable(OwnerTable&&) = default;

  struct Piece {
    std::uint64_t length = 0;
    std::optional<Owner> owner;  // of its first byte
  };
  // How [physical, physical + length), which is not empty, begins: owned by one, or by nobody.
  [[nodiscard]] Piece look(std::uint64_t physical, std::uint64_t length) const;
  // Nobody owns any of it.
  void claim(std::uint64_t physical, std::uint64_t length, const Owner& owner);

 private:
  struct Entry {
    std::uint64_t first = 0;  // physical block
    // Kind 1 bit, volume 10, length 18 and offset 35: in blocks.
    std::uint64_t packed = 0;
  };
  static constexpr std::uint32_t kLeafEntries = 255;
  struct Leaf {
    std::uint32_t count = 0;
    Entry entries[kLeafEntries];
  };
  // By a block: entries from there on, up to the next leaf's, are in the leaf.
  using Leaves = std::map<std::uint64_t, std::unique_ptr<Leaf>>;

  static std::uint32_t entries_up_to(const Leaf& leaf, std::uint64_t block);
  static std::uint64_t length_of(const Entry& entry);
  [[nodiscard]] Owner owner_of(const Entry& entry) const;
  void insert(const Entry& entry);

  std::uint64_t block_bytes_;
  Leaves leaves_;
};

}  // namespace lastword
