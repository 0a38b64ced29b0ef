// What planning a stream takes in memory, with block maps that are made up as they are asked for. A
// million mappings; LASTWORD_MAPPINGS=10000000 for the figure in docs/clone-stream.md.
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "agent/transfer/share_plan.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

constexpr std::uint64_t kBlock = 4096;

std::uint64_t mappings_wanted() {
  const char* const text = std::getenv("LASTWORD_MAPPINGS");
  return text == nullptr ? 1'000'000 : std::strtoull(text, nullptr, 10);
}

// Volume "base": `count` blocks, each apart from the next one in the pool. Volume "now": the same,
// with one of 1000 changed.
class ScatteredMap final : public BlockMap {
 public:
  explicit ScatteredMap(std::uint64_t count) : count_(count) {}
  Result<std::vector<Mapping>> some(const std::string& volume, std::uint64_t from) override {
    std::vector<Mapping> mappings;
    for (std::uint64_t i = from / kBlock; i < count_ && mappings.size() < 1000; ++i) {
      // Odd factor, power of two: each block once, in no order.
      std::uint64_t block = i * 0x9e3779b1 % (std::uint64_t{1} << 28) * 2;
      if (volume == "now" && i % 1000 == 0) block += 1;
      mappings.push_back({.offset = i * kBlock, .length = kBlock, .physical = block * kBlock});
    }
    return mappings;
  }
  [[nodiscard]] VolumeMap volume(const std::string& name) {
    return {.blocks = this, .volume = name, .size = count_ * kBlock};
  }

 private:
  std::uint64_t count_;
};

std::uint64_t most_resident_bytes() {
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_memory)

BOOST_AUTO_TEST_CASE(plan_takes_at_most_50_bytes_for_each_mapping) {
  const std::uint64_t count = mappings_wanted();
  const std::uint64_t before = most_resident_bytes();
  ScatteredMap pool(count);
  SharePlanner planner(kBlock);
  BOOST_REQUIRE(fake::ok(planner.add_base(pool.volume("base"))));
  BOOST_REQUIRE(fake::ok(planner.add_volume(pool.volume("now"))));
  planner.begin(0);
  std::uint64_t data = 0;
  std::uint64_t runs = 0;
  for (std::uint64_t i = 0; i < range_count(count * kBlock); ++i) {
    const auto range = planner.next_range();
    BOOST_REQUIRE(fake::ok(range));
    for (const CloneRun& run : *range) {
      ++runs;
      if (static_cast<CloneRunKind>(run.kind) == CloneRunKind::kData) data += run.length;
    }
  }
  BOOST_TEST(fake::ok(planner.check_unmoved()));
  BOOST_TEST(data == (count + 999) / 1000 * kBlock);
  BOOST_TEST(planner.data_bytes() == data);
  const std::uint64_t all = most_resident_bytes();
  BOOST_TEST_MESSAGE(count << " mappings, " << runs << " runs: " << (all >> 20)
                           << " MiB resident at most, " << (all - before) / count
                           << " bytes for each mapping");
#ifndef __SANITIZE_ADDRESS__
  BOOST_TEST(all - before < count * 50);
#endif
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
