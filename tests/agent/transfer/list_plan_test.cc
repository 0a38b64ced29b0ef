// Who shares how much with whom, on maps made by hand.
#include "agent/transfer/list_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/transfer/fake_pool.h"

namespace lastword {
namespace {

using fake::Blocks;
using fake::kBlock;
using fake::range;

struct Fixture {
  fake::FakePool pool;
  std::vector<ListedVolume> volumes;
  void add(std::int64_t born, const Blocks& blocks) {
    pool.put("volume", blocks);
    volumes.push_back({.born_ns = born, .mappings = *pool.map("volume")});
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(list_plan, Fixture)

BOOST_AUTO_TEST_CASE(golden_image_and_its_clones) {
  add(1, range(10, 10));
  add(2, {10, 11, 12, 50, 51, 15, 16, 17, 18, 19});
  add(3, {10, 11, 12, 50, 51, 15, 16, 17, 18, 60});
  const Sharing list = plan_list(volumes);
  BOOST_TEST(list.distinct_bytes == 13 * kBlock);
  BOOST_TEST(list.volumes[0].own == 2 * kBlock);  // 13, 14
  BOOST_TEST(list.volumes[1].own == 0U);
  BOOST_TEST(list.volumes[2].own == kBlock);
  BOOST_TEST(list.volumes[0].mapped == 10 * kBlock);
  BOOST_TEST(list.volumes[0].parent == 0U);
  BOOST_TEST(list.volumes[1].parent == 0U);
  BOOST_TEST(list.volumes[2].parent == 1U);  // 9 blocks of it, 7 of the first
  BOOST_TEST(list.volumes[2].shared[0].first == 1U);
  BOOST_TEST(list.volumes[2].shared[0].second == 9 * kBlock);
  BOOST_TEST(list.volumes[2].shared[1].second == 7 * kBlock);
}

BOOST_AUTO_TEST_CASE(block_twice_in_one_volume_is_its_own) {
  add(1, {5, 5, 6});
  const Sharing list = plan_list(volumes);
  BOOST_TEST(list.distinct_bytes == 2 * kBlock);
  BOOST_TEST(list.volumes[0].own == 2 * kBlock);
  BOOST_TEST(list.volumes[0].mapped == 3 * kBlock);
  BOOST_TEST(list.volumes[0].shared.empty());
}

BOOST_AUTO_TEST_CASE(of_equal_parents_the_youngest_older_one) {
  add(1, range(10, 4));
  add(5, range(10, 4));
  add(3, range(10, 4));
  const Sharing list = plan_list(volumes);
  BOOST_TEST(list.volumes[1].parent == 2U);
  BOOST_TEST(list.volumes[2].parent == 0U);
}

BOOST_AUTO_TEST_CASE(no_volumes) {
  BOOST_TEST(plan_list({}).distinct_bytes == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
