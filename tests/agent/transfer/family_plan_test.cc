// A pool that is made anew by snapshots of whole volumes has what the old one had, and takes no
// more.
#include "agent/transfer/family_plan.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/agent/transfer/thin_history.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

using fake::Dice;
using fake::ThinPool;
using Maps = std::vector<std::vector<Mapping>>;
using Kind = FamilyParent::Kind;

constexpr std::uint64_t kBlock = ThinPool::kBlock;

// Blocks that differ: number of distinct ones in `maps` that are not in `base`.
std::uint64_t distinct_bytes(const Maps& base, const Maps& maps) {
  std::set<std::uint64_t> there;
  std::set<std::uint64_t> found;
  for (const auto* all : {&base, &maps}) {
    for (const auto& map : *all) {
      for (const Mapping& one : map) {
        for (std::uint64_t i = 0; i < one.length; i += kBlock) {
          (all == &base ? there : found).insert(one.physical + i);
        }
      }
    }
  }
  std::erase_if(found, [&](std::uint64_t block) { return there.contains(block); });
  return found.size() * kBlock;
}

// Does what the plan says in a new pool: what the volumes hold is what they are to hold, and so
// many bytes of blocks are there that the base does not have. Blocks are known by number here: what
// is written is a new one with the content of an old one.
struct Rebuilt {
  std::uint64_t taken_bytes = 0;  // with the ancestors
  std::uint64_t left_bytes = 0;   // when they are deleted
};
Rebuilt rebuild(const Maps& base, const Maps& volumes, const FamilyPlan& plan) {
  using Instance = std::pair<std::uint64_t, std::uint64_t>;  // content, which copy of it
  using Volume = std::map<std::uint64_t, Instance>;
  const auto by_place = [](const std::vector<Mapping>& map) {
    std::map<std::uint64_t, std::uint64_t> contents;
    for (const Mapping& one : map) {
      for (std::uint64_t i = 0; i < one.length; i += kBlock) {
        contents[one.offset + i] = one.physical + i;
      }
    }
    return contents;
  };
  std::uint64_t copies = 0;
  std::vector<Volume> there;
  for (const auto& map : base) {
    Volume& volume = there.emplace_back();
    for (const auto& [place, content] : by_place(map)) volume[place] = {content, 0};
  }
  std::vector<Volume> nodes;
  std::set<Instance> taken;
  std::set<Instance> left;
  std::vector<std::size_t> seen;
  for (const FamilyNode& node : plan.nodes) {
    Volume volume;
    if (node.parent.kind == Kind::kBase) volume = there.at(node.parent.index);
    if (node.parent.kind == Kind::kNode) volume = nodes.at(node.parent.index);
    const auto wanted = by_place(node.content);
    std::erase_if(volume, [&](const auto& one) { return !wanted.contains(one.first); });
    for (const auto& [place, content] : wanted) {
      Instance& instance = volume[place];
      if (instance.first == content) continue;
      instance = {content, ++copies};
      taken.insert(instance);
    }
    if (node.volume) {
      BOOST_TEST((by_place(volumes.at(*node.volume)) == wanted));
      seen.push_back(*node.volume);
      for (const auto& [place, instance] : volume) {
        if (instance.second != 0) left.insert(instance);
      }
    }
    nodes.push_back(std::move(volume));
  }
  std::ranges::sort(seen);
  BOOST_TEST(seen.size() == volumes.size());
  BOOST_TEST((std::ranges::adjacent_find(seen) == seen.end()));
  BOOST_TEST(plan.made_bytes == taken.size() * kBlock);
  return {.taken_bytes = taken.size() * kBlock, .left_bytes = left.size() * kBlock};
}

// What it costs to make each volume a snapshot of the one that it has most in common with.
std::uint64_t by_best_survivor(const Maps& maps) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    std::uint64_t least = different_bytes(maps[i], {});
    for (std::size_t j = 0; j < i; ++j) least = std::min(least, different_bytes(maps[i], maps[j]));
    bytes += least;
  }
  return bytes;
}

struct Fixture {
  ThinPool pool;
  Fixture() { pool.create(); }
  void write(std::size_t volume, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) pool.write(volume, first + i);
  }
  FamilyPlan plan() {
    const Maps maps = pool.maps();
    const auto result = plan_family({}, maps);
    BOOST_REQUIRE(fake::ok(result));
    BOOST_TEST(result->exact_bytes == distinct_bytes({}, maps));
    BOOST_TEST(rebuild({}, maps, *result).left_bytes == result->exact_bytes);
    return *result;
  }
};

std::size_t ancestors_of(const FamilyPlan& plan) {
  return static_cast<std::size_t>(
      std::ranges::count_if(plan.nodes, [](const FamilyNode& one) { return !one.volume; }));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(family_plan, Fixture)

BOOST_AUTO_TEST_CASE(strangers_have_no_ancestor) {
  pool.create();
  write(0, 0, 4);
  write(1, 0, 4);
  const FamilyPlan result = plan();
  BOOST_TEST(result.nodes.size() == 2U);
  BOOST_TEST(result.made_bytes == 8 * kBlock);
}

BOOST_AUTO_TEST_CASE(deleted_origin_comes_back_for_a_while) {
  write(0, 0, 8);
  pool.snapshot(0);
  pool.snapshot(0);
  pool.remove(0);
  write(0, 0, 4);
  write(1, 4, 2);
  const FamilyPlan result = plan();
  BOOST_TEST(ancestors_of(result) == 1U);
  BOOST_TEST(result.made_bytes == 14 * kBlock);
}

BOOST_AUTO_TEST_CASE(overwritten_origin_shares_what_is_left_with_each_clone) {
  write(0, 0, 8);
  pool.snapshot(0);  // 1 has all of 0 to 7
  write(0, 0, 4);
  pool.snapshot(0);  // 2 has the new 0 to 3
  write(0, 2, 4);
  const FamilyPlan result = plan();
  BOOST_TEST(result.made_bytes == 16 * kBlock);
  // 0 and 2 are nearer to each other than to 1, and their ancestor has the common one's blocks.
  const auto parent_of = [&](std::size_t volume) {
    return std::ranges::find(result.nodes, std::optional(volume), &FamilyNode::volume)->parent;
  };
  BOOST_TEST(parent_of(0).index == parent_of(2).index);
  BOOST_TEST(parent_of(0).index != parent_of(1).index);
}

// All that is common is of one time, though they divided at different ones.
BOOST_AUTO_TEST_CASE(equal_times_make_one_ancestor) {
  write(0, 0, 8);
  for (int i = 0; i < 6; ++i) pool.snapshot(static_cast<std::size_t>(i));
  for (std::size_t i = 0; i < 7; ++i) write(i, i, 1);
  const FamilyPlan result = plan();
  BOOST_TEST(ancestors_of(result) == 1U);
}

BOOST_AUTO_TEST_CASE(discarded_place_does_not_come_back) {
  write(0, 0, 8);
  pool.snapshot(0);
  pool.discard(0, 3);
  pool.snapshot(0);
  pool.discard(1, 5);
  write(0, 3, 1);
  (void)plan();
}

BOOST_AUTO_TEST_CASE(empty_volume_is_made) {
  const FamilyPlan result = plan();
  BOOST_REQUIRE(result.nodes.size() == 1U);
  BOOST_TEST(result.nodes[0].content.empty());
}

BOOST_AUTO_TEST_CASE(histories_of_many_volumes_cost_no_block_more) {
  std::uint64_t exact = 0;
  std::uint64_t made = 0;
  std::uint64_t survivors = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Dice dice(seed);
      ThinPool lived;
      fake::live(lived, 500, 35 + seed % 12, 160, dice);
      const Maps maps = lived.maps();
      const auto result = plan_family({}, maps);
      BOOST_REQUIRE(fake::ok(result));
      BOOST_TEST(result->exact_bytes == distinct_bytes({}, maps));
      const Rebuilt rebuilt = rebuild({}, maps, *result);
      BOOST_TEST(rebuilt.left_bytes == result->exact_bytes);
      BOOST_TEST(rebuilt.taken_bytes == result->exact_bytes);
      exact += result->exact_bytes;
      made += result->made_bytes;
      survivors += by_best_survivor(maps);
    }
  }
  const auto excess = [&](std::uint64_t bytes) {
    return 100.0 * static_cast<double>(bytes - exact) / static_cast<double>(exact);
  };
  BOOST_TEST_MESSAGE("more than exact: " << excess(made) << " percent; by the best survivor "
                                         << excess(survivors) << " percent");
  BOOST_TEST(excess(survivors) > 1.0);
}

BOOST_AUTO_TEST_CASE(increments_begin_as_what_is_there) {
  std::uint64_t exact = 0;
  std::uint64_t made = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Dice dice(seed);
      ThinPool lived;
      fake::live(lived, 300, 20, 160, dice);
      const std::size_t count = lived.volumes().size();
      Maps base;
      for (std::size_t i = 0; i < count; ++i) {
        base.push_back(ThinPool::map_of(lived.volumes()[i]));
      }
      // The snapshots of the base count, though the history goes on without them.
      for (std::size_t i = 0; i < count; ++i) lived.remove(lived.snapshot(i));
      fake::live(lived, 100, 20, 160, dice);
      const Maps maps = lived.maps();
      const auto result = plan_family(base, maps);
      BOOST_REQUIRE(fake::ok(result));
      BOOST_TEST(result->exact_bytes == distinct_bytes(base, maps));
      const Rebuilt rebuilt = rebuild(base, maps, *result);
      BOOST_TEST(rebuilt.left_bytes >= result->exact_bytes);
      exact += result->exact_bytes;
      made += result->made_bytes;
    }
  }
  BOOST_TEST_MESSAGE("increments: " << made - exact << " bytes more than exact of " << exact);
  BOOST_TEST(static_cast<double>(made) <= 1.01 * static_cast<double>(exact));
}

BOOST_AUTO_TEST_CASE(without_times_the_excess_is_told) {
  write(0, 0, 8);
  pool.snapshot(0);
  pool.snapshot(0);
  write(0, 0, 1);
  pool.snapshot(0);
  Maps maps = pool.maps();
  for (auto& map : maps) {
    for (Mapping& one : map) one.age = 0;
  }
  const auto result = plan_family({}, maps);
  BOOST_REQUIRE(fake::ok(result));
  BOOST_TEST(result->exact_bytes == 9 * kBlock);
  BOOST_TEST(result->made_bytes == 10 * kBlock);
  BOOST_TEST(rebuild({}, maps, *result).left_bytes == 10 * kBlock);
}

BOOST_AUTO_TEST_CASE(maps_that_contradict_are_refused) {
  const Mapping good{.offset = 0, .length = kBlock, .physical = 0, .age = 3};
  Mapping other = good;
  other.age = 4;
  BOOST_TEST(fake::fails(plan_family({}, Maps{{good}, {other}}), Code::kCorrupt));
  other = good;
  other.offset = ~std::uint64_t{0} - 1;
  BOOST_TEST(fake::fails(plan_family({}, Maps{{other}}), Code::kCorrupt));
  BOOST_TEST(fake::fails(plan_family({}, Maps{{good, good}}), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
