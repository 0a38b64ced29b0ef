// What is data and what is shared, on a pool in memory.
#include "agent/transfer/share_plan.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "tests/agent/transfer/planned.h"
#include "tests/fake/check.h"

namespace lastword {

static std::ostream& operator<<(std::ostream& out, const CloneRun& run) {
  return out << "kind " << run.kind << ", length " << run.length << ", from volume " << run.source
             << " at " << run.source_offset;
}

namespace {

using fake::Blocks;
using fake::FakePool;
using fake::kBlock;
using fake::MappedVolume;
using fake::plan_by_hashes;
using fake::plan_sharing;
using fake::range;
using fake::SharePlan;
using Runs = std::vector<CloneRun>;

CloneRun run(CloneRunKind kind, std::uint64_t blocks, std::uint32_t source = 0,
             std::uint64_t source_block = 0) {
  return {.kind = static_cast<std::uint32_t>(kind),
          .source = source,
          .length = blocks * kBlock,
          .source_offset = source_block * kBlock};
}
CloneRun data(std::uint64_t blocks) {
  return run(CloneRunKind::kData, blocks);
}
CloneRun zero(std::uint64_t blocks) {
  return run(CloneRunKind::kZero, blocks);
}
CloneRun sent(std::uint64_t blocks, std::uint32_t source, std::uint64_t at) {
  return run(CloneRunKind::kSent, blocks, source, at);
}
CloneRun base(std::uint64_t blocks, std::uint32_t source, std::uint64_t at) {
  return run(CloneRunKind::kBase, blocks, source, at);
}

struct Fixture {
  FakePool pool;
  SharePlan plan(const std::vector<Blocks>& base_volumes, const std::vector<Blocks>& volumes) {
    const auto map = [&](const std::vector<Blocks>& all) {
      std::vector<MappedVolume> mapped;
      for (const Blocks& blocks : all) {
        pool.put("volume", blocks);
        mapped.push_back(pool.mapped("volume"));
      }
      return mapped;
    };
    return *plan_sharing(map(base_volumes), map(volumes), kBlock);
  }
};

void equal(const Runs& found, const Runs& wanted) {
  BOOST_TEST(found == wanted, boost::test_tools::per_element());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(share_plan, Fixture)

BOOST_AUTO_TEST_CASE(volume_alone_is_data_and_holes) {
  const auto result = plan({}, {{0, 0, 7, 8, 20, 0}});
  equal(result.runs[0], {zero(2), data(3), zero(1)});
  BOOST_TEST(result.data_bytes == 3 * kBlock);
  BOOST_TEST(result.shared_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(clone_sends_only_what_it_changed) {
  const auto result =
      plan({}, {range(100, 10), {100, 101, 102, 500, 104, 105, 106, 107, 108, 109}});
  equal(result.runs[0], {data(10)});
  equal(result.runs[1], {sent(3, 0, 0), data(1), sent(6, 0, 4)});
  BOOST_TEST(result.data_bytes == 11 * kBlock);
  BOOST_TEST(result.shared_bytes == 9 * kBlock);
}

BOOST_AUTO_TEST_CASE(blocks_that_the_base_has_anywhere_never_go) {
  const auto result = plan({range(10, 4), range(50, 4)}, {{52, 53, 1, 11, 12, 0}});
  equal(result.runs[0], {base(2, 1, 2), data(1), base(2, 0, 1), zero(1)});
  BOOST_TEST(result.data_bytes == kBlock);
}

BOOST_AUTO_TEST_CASE(base_comes_before_what_was_sent) {
  const auto result = plan({{9, 10}}, {{30, 10}, {30, 10}});
  equal(result.runs[0], {data(1), base(1, 0, 1)});
}

BOOST_AUTO_TEST_CASE(whole_range_comes_from_one_volume) {
  // Blocks 10 and 12 had the first volume of the base first; the second has all three.
  const auto result = plan({{10, 0, 12}, {10, 11, 12}}, {{10, 11, 12}, {0, 60}, {0, 60}});
  equal(result.runs[0], {base(3, 1, 0)});
  equal(result.runs[1], {zero(1), data(1)});
  equal(result.runs[2], {sent(2, 1, 0)});
}

BOOST_AUTO_TEST_CASE(origin_overwritten_since_its_clones_still_shares_among_them) {
  const auto result = plan({}, {range(900, 4), range(100, 4), range(100, 4)});
  equal(result.runs[1], {data(4)});
  equal(result.runs[2], {sent(4, 1, 0)});
}

BOOST_AUTO_TEST_CASE(block_twice_in_one_volume_goes_once) {
  const auto result = plan({}, {{40, 41, 40, 41, 41}});
  equal(result.runs[0], {data(2), sent(2, 0, 0), sent(1, 0, 1)});
}

BOOST_AUTO_TEST_CASE(one_mapping_over_several_owners_is_cut_at_each) {
  const auto result = plan({range(10, 2)}, {range(14, 2), range(8, 10)});
  // 8 9 | 10 11 | 12 13 | 14 15 | 16 17
  equal(result.runs[1], {data(2), base(2, 0, 0), data(2), sent(2, 0, 0), data(2)});
}

BOOST_AUTO_TEST_CASE(preallocated_blocks_are_zero) {
  const std::vector<MappedVolume> volumes{
      {.size = 4 * kBlock,
       .mappings = {{.offset = 0, .length = 2 * kBlock, .physical = 8 * kBlock, .written = false},
                    {.offset = 2 * kBlock, .length = kBlock, .physical = 50 * kBlock}}}};
  equal(plan_sharing({}, volumes, kBlock)->runs[0], {zero(2), data(1), zero(1)});
}

BOOST_AUTO_TEST_CASE(odd_end_of_a_volume_is_never_shared) {
  const MappedVolume volume{
      .size = 2 * kBlock + 100,
      .mappings = {{.offset = 0, .length = 3 * kBlock, .physical = 10 * kBlock}}};
  const auto result = plan_sharing(std::array{volume}, std::array{volume}, kBlock);
  const CloneRun end{.kind = 0, .length = 100};
  equal(result->runs[0], {base(2, 0, 0), end});
  BOOST_TEST(result->data_bytes == 100U);
}

BOOST_AUTO_TEST_CASE(blocks_behind_the_end_do_not_go) {
  const std::vector<MappedVolume> volumes{
      {.size = kBlock,
       .mappings = {{.offset = 0, .length = 16 * kBlock, .physical = 16 * kBlock},
                    {.offset = 32 * kBlock, .length = kBlock, .physical = 90 * kBlock}}}};
  equal(plan_sharing({}, volumes, kBlock)->runs[0], {data(1)});
}

BOOST_AUTO_TEST_CASE(empty_volume_has_no_runs) {
  const std::vector<MappedVolume> volumes{{.size = 0, .mappings = {}}};
  BOOST_TEST(plan_sharing({}, volumes, kBlock)->runs[0].empty());
}

BOOST_AUTO_TEST_CASE(map_that_contradicts_itself_is_refused) {
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max() / kBlock * kBlock;
  const std::vector<std::vector<Mapping>> wrong{
      {{.offset = 0, .length = 0, .physical = 0}},
      {{.offset = 1, .length = kBlock, .physical = 0}},
      {{.offset = 0, .length = kBlock, .physical = 7}},
      {{.offset = kBlock, .length = kBlock, .physical = 0},
       {.offset = 0, .length = kBlock, .physical = kBlock}},
      {{.offset = 0, .length = 2 * kBlock, .physical = 0},
       {.offset = kBlock, .length = kBlock, .physical = 9 * kBlock}},
      {{.offset = huge, .length = 2 * kBlock, .physical = 0}},
      {{.offset = 0, .length = 2 * kBlock, .physical = huge}},
  };
  for (const auto& mappings : wrong) {
    const std::vector<MappedVolume> volumes{{.size = 64 * kBlock, .mappings = mappings}};
    BOOST_TEST(fake::fails(plan_sharing({}, volumes, kBlock), Code::kCorrupt));
    BOOST_TEST(fake::fails(plan_sharing(volumes, {}, kBlock), Code::kCorrupt));
  }
}

// Against a plain answer, block by block, for volumes that share at random.
BOOST_AUTO_TEST_CASE(runs_say_what_the_blocks_say) {
  std::uint64_t seed = 1;
  const auto random = [&](std::uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % below;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<Blocks> base_volumes(random(3));
    std::vector<Blocks> volumes(1 + random(4));
    for (auto* all : {&base_volumes, &volumes}) {
      for (Blocks& blocks : *all) {
        blocks.resize(random(30));
        for (std::size_t i = 0; i < blocks.size();) {
          const std::uint64_t first = random(3) == 0 ? 0 : 1 + random(40);
          for (std::uint64_t n = 1 + random(6); n > 0 && i < blocks.size(); --n, ++i) {
            blocks[i] = first == 0 ? 0 : first + n;
          }
        }
      }
    }
    const SharePlan result = plan(base_volumes, volumes);
    std::vector<std::uint64_t> as_data;
    for (std::size_t v = 0; v < volumes.size(); ++v) {
      std::size_t at = 0;
      for (const CloneRun& one : result.runs[v]) {
        for (std::uint64_t i = 0; i < one.length / kBlock; ++i, ++at) {
          const std::uint64_t block = volumes[v].at(at);
          const std::uint64_t there = one.source_offset / kBlock + i;
          switch (static_cast<CloneRunKind>(one.kind)) {
            case CloneRunKind::kZero:
              BOOST_TEST(block == 0U);
              break;
            case CloneRunKind::kData:
              as_data.push_back(block);
              break;
            case CloneRunKind::kSent:
              BOOST_TEST((one.source < v || (one.source == v && there < at)));
              BOOST_TEST(volumes[one.source].at(there) == block);
              break;
            case CloneRunKind::kBase:
              BOOST_TEST(base_volumes[one.source].at(there) == block);
              break;
          }
        }
      }
      BOOST_TEST(at == volumes[v].size());
    }
    std::ranges::sort(as_data);
    BOOST_TEST((std::ranges::adjacent_find(as_data) == as_data.end()));
    for (const Blocks& blocks : base_volumes) {
      for (const std::uint64_t block : blocks) {
        BOOST_TEST(!std::ranges::binary_search(as_data, block));
      }
    }
    BOOST_TEST(result.data_bytes == as_data.size() * kBlock);
  }
}

BOOST_AUTO_TEST_CASE(range_that_the_other_side_has_by_its_hash_goes_by_reference) {
  constexpr std::uint64_t kRangeBlocks = kRangeBytes / kBlock;
  const Hash128 one{.bytes = {1}};
  const Hash128 two{.bytes = {2}};
  const Hash128 three{.bytes = {3}};
  Blocks volume = range(1000, 2 * kRangeBlocks + 3);
  pool.put("volume", volume);
  // The second shares half of the first range that is there, and half of the one that is not.
  Blocks second = range(1000, kRangeBlocks / 2);
  const Blocks half = range(1000 + kRangeBlocks, kRangeBlocks / 2);
  second.insert(second.end(), half.begin(), half.end());
  pool.put("second", second);
  const std::vector<MappedVolume> volumes{pool.mapped("volume"), pool.mapped("second")};
  const std::vector<RangeTable> base_tables{{kZeroRange, one}, {three}};
  const std::vector<std::uint64_t> base_sizes{2 * kRangeBytes, kRangeBytes};
  const std::vector<RangeTable> tables{{one, two, three}, {Hash128{.bytes = {4}}}};
  const auto plan = plan_by_hashes(base_sizes, base_tables, volumes, tables, kBlock);
  BOOST_REQUIRE(fake::ok(plan));
  // The last range has the hash of a longer one: that is no reason to take it.
  equal(plan->runs[0], {base(kRangeBlocks, 0, kRangeBlocks), data(kRangeBlocks + 3)});
  equal(plan->runs[1],
        {base(kRangeBlocks / 2, 0, kRangeBlocks), sent(kRangeBlocks / 2, 0, kRangeBlocks)});
  BOOST_TEST(plan->data_bytes == (kRangeBlocks + 3) * kBlock);
}

// Learnt once, then the pool moves a block.
BOOST_AUTO_TEST_CASE(blocks_that_move_under_way_are_noticed) {
  fake::MemoryMap maps;
  const MappedVolume old{.size = 8 * kBlock,
                         .mappings = {{.offset = 0, .length = 4 * kBlock, .physical = 0}}};
  const MappedVolume now{.size = 8 * kBlock,
                         .mappings = {{.offset = 0, .length = 8 * kBlock, .physical = 0}}};
  SharePlanner planner(kBlock);
  BOOST_REQUIRE(fake::ok(planner.add_base(maps.add(old))));
  BOOST_REQUIRE(fake::ok(planner.add_volume(maps.add(now))));
  BOOST_TEST(fake::ok(planner.check_unmoved()));
  for (const std::size_t moved : {0U, 1U}) {
    maps.mappings(moved)[0].physical = 64 * kBlock;
    BOOST_TEST(fake::fails(planner.check_unmoved(), Code::kIo));
    planner.begin(0);
    const auto runs = planner.next_range();
    if (moved == 1) BOOST_TEST(fake::fails(runs, Code::kIo));
    if (moved == 0) BOOST_TEST(fake::ok(runs));
    maps.mappings(moved)[0].physical = 0;
  }
  BOOST_TEST(fake::ok(planner.check_unmoved()));
}

BOOST_AUTO_TEST_CASE(totals_count_from_where_the_stream_begins) {
  fake::MemoryMap maps;
  SharePlanner planner(kBlock, {.volume = 0, .offset = kRangeBytes});
  const MappedVolume one{.size = 3 * kRangeBytes,
                         .mappings = {{.offset = 0, .length = 2 * kRangeBytes, .physical = 0}}};
  BOOST_REQUIRE(fake::ok(planner.add_volume(maps.add(one))));
  BOOST_REQUIRE(fake::ok(planner.add_volume(maps.add(one))));
  BOOST_TEST(planner.data_bytes() == 2 * kRangeBytes);
  BOOST_TEST(planner.data_from_start() == kRangeBytes);
  BOOST_TEST(planner.shared_from_start() == 2 * kRangeBytes);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
