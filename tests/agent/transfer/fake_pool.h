// A pool in memory: volumes of numbered blocks, and its block map. A block's number is what it
// holds, so that what shares a number shares a block.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "agent/transfer/block_map.h"
#include "agent/transfer/share_plan.h"

namespace lastword::fake {

inline constexpr std::uint64_t kBlock = 4096;
using Blocks = std::vector<std::uint64_t>;  // 0: a hole

struct MappedVolume {
  std::uint64_t size = 0;  // bytes
  std::vector<Mapping> mappings;
};

// A few, so that even a small volume takes several calls.
inline std::vector<Mapping> some_of(const std::vector<Mapping>& all, std::uint64_t from) {
  std::vector<Mapping> some;
  for (const Mapping& one : all) {
    if (one.length != 0 && one.offset + one.length <= from && some.empty()) continue;
    some.push_back(one);
    if (some.size() == 5) break;
  }
  return some;
}

class FakePool final : public BlockMap {
 public:
  void put(const std::string& volume, Blocks blocks) { volumes_[volume] = std::move(blocks); }

  Result<std::vector<Mapping>> some(const std::string& volume, std::uint64_t from) override {
    std::vector<Mapping> mappings;
    const Blocks& blocks = volumes_.at(volume);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (blocks[i] == 0) continue;
      const Mapping one{.offset = i * kBlock, .length = kBlock, .physical = blocks[i] * kBlock};
      if (!mappings.empty()) {
        Mapping& last = mappings.back();
        const bool goes_on =
            last.offset + last.length == one.offset && last.physical + last.length == one.physical;
        if (goes_on) last.length += kBlock;
        if (goes_on) continue;
      }
      mappings.push_back(one);
    }
    return some_of(mappings, from);
  }

  [[nodiscard]] MappedVolume mapped(const std::string& volume) {
    return {.size = volumes_.at(volume).size() * kBlock, .mappings = *map(volume)};
  }
  [[nodiscard]] const Blocks& blocks(const std::string& volume) const {
    return volumes_.at(volume);
  }

  // What such a block holds. `zeros` of them hold zeros although they are there.
  static std::vector<std::byte> content(std::uint64_t block) {
    std::vector<std::byte> bytes(kBlock);
    if (block == 0 || block >= kZeroFrom) return bytes;
    for (std::size_t i = 0; i < kBlock; i += sizeof block) {
      const std::uint64_t word = block * 0x9e3779b97f4a7c15ULL + i;
      std::memcpy(bytes.data() + i, &word, sizeof word);
    }
    return bytes;
  }
  static constexpr std::uint64_t kZeroFrom = 1'000'000;
  static std::vector<std::byte> content_of(const Blocks& blocks) {
    std::vector<std::byte> bytes;
    for (const std::uint64_t block : blocks) {
      const auto one = content(block);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    return bytes;
  }

 private:
  std::map<std::string, Blocks> volumes_;
};

// Blocks first, first + 1, ...
inline Blocks range(std::uint64_t first, std::size_t count) {
  Blocks blocks(count);
  for (std::size_t i = 0; i < count; ++i) blocks[i] = first + i;
  return blocks;
}

}  // namespace lastword::fake
