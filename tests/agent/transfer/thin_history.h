// A dm-thin pool in memory and its history: volumes that are written, discarded, snapshotted and
// deleted at random, and block maps with the times that dm-thin would note.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "agent/transfer/block_map.h"

namespace lastword::fake {

class ThinPool {
 public:
  static constexpr std::uint64_t kBlock = 64 << 10;
  struct Block {
    std::uint64_t number = 0;
    std::uint32_t time = 0;
    bool operator==(const Block&) const = default;
  };
  using Volume = std::map<std::uint64_t, Block>;  // by place, in blocks

  Volume& create() { return volumes_.emplace_back(); }
  // dm-thin counts it, and a block that the two share is replaced when it is written.
  std::size_t snapshot(std::size_t origin) {
    ++time_;
    volumes_.push_back(Volume(volumes_[origin]));
    return volumes_.size() - 1;
  }
  void write(std::size_t volume, std::uint64_t place) {
    volumes_[volume][place] = {.number = ++last_block_, .time = time_};
  }
  void discard(std::size_t volume, std::uint64_t place) { volumes_[volume].erase(place); }
  void remove(std::size_t volume) { volumes_.erase(volumes_.begin() + static_cast<long>(volume)); }
  [[nodiscard]] const std::vector<Volume>& volumes() const { return volumes_; }

  [[nodiscard]] static std::vector<Mapping> map_of(const Volume& volume) {
    std::vector<Mapping> map;
    for (const auto& [place, block] : volume) {
      const Mapping one{.offset = place * kBlock,
                        .length = kBlock,
                        .physical = block.number * kBlock,
                        .age = block.time};
      if (!map.empty() && map.back().age == one.age &&
          map.back().offset + map.back().length == one.offset &&
          map.back().physical + map.back().length == one.physical) {
        map.back().length += kBlock;
      } else {
        map.push_back(one);
      }
    }
    return map;
  }
  [[nodiscard]] std::vector<std::vector<Mapping>> maps() const {
    std::vector<std::vector<Mapping>> all;
    for (const Volume& volume : volumes_) all.push_back(map_of(volume));
    return all;
  }

 private:
  std::vector<Volume> volumes_;
  std::uint64_t last_block_ = 0;
  std::uint32_t time_ = 0;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  std::uint64_t below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_;
};

// Writes and discards in runs; a place that is written often, as a database has it, and the rest.
inline void age_volume(ThinPool& pool, std::size_t volume, std::uint64_t places, Dice& dice) {
  for (std::uint64_t runs = 1 + dice.below(4); runs > 0; --runs) {
    const bool hot = dice.below(2) == 0;
    const std::uint64_t first = dice.below(hot ? places / 8 : places);
    const bool discards = dice.below(5) == 0;
    for (std::uint64_t i = first; i < std::min(places, first + 1 + dice.below(places / 8)); ++i) {
      if (discards) {
        pool.discard(volume, i);
      } else {
        pool.write(volume, i);
      }
    }
  }
}

// `steps` of a life with clones of clones; golden images are overwritten and deleted too, so that
// `keep` volumes, or a few less, are left at any time.
inline void live(ThinPool& pool, int steps, std::size_t keep, std::uint64_t places, Dice& dice) {
  for (int step = 0; step < steps; ++step) {
    const std::size_t count = pool.volumes().size();
    if (count == 0 || dice.below(25) == 0) {
      pool.create();
      for (std::uint64_t i = 0; i < places; ++i) pool.write(pool.volumes().size() - 1, i);
      continue;
    }
    const std::size_t one = dice.below(count);
    switch (dice.below(4)) {
      case 0:  // several at one moment: nothing is written between them
        for (std::uint64_t n = 1 + dice.below(3); n > 0; --n) (void)pool.snapshot(one);
        break;
      case 1:
        if (count > keep) pool.remove(one);
        break;
      default:
        age_volume(pool, one, places, dice);
    }
    while (pool.volumes().size() > keep) pool.remove(dice.below(pool.volumes().size()));
  }
}

}  // namespace lastword::fake
