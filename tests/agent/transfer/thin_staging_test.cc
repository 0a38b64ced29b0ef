// What a stream costs a thin pool, told before the first block is taken.
#include "agent/transfer/thin_staging.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

constexpr std::uint64_t kKiB = 1024;

pb::CloneStreamHead head_with(std::uint64_t block_bytes, bool parents) {
  pb::CloneStreamHead head;
  head.set_block_bytes(static_cast<std::uint32_t>(block_bytes));
  head.set_data_bytes(512 * kKiB);
  head.set_shared_bytes(512 * kKiB);
  head.set_made_bytes(576 * kKiB);
  for (int i = 0; i < 2; ++i) {
    head.mutable_snapshot()->add_volumes()->set_size(4096 * kKiB);
    if (parents) head.add_parents();
  }
  return head;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thin_staging)

BOOST_AUTO_TEST_CASE(blocks_that_divide_are_shared) {
  for (const std::uint64_t block : {64 * kKiB, 128 * kKiB}) {
    const auto cost = cost_of(head_with(128 * kKiB, true), block);
    BOOST_TEST(cost.shares);
    BOOST_TEST(cost.bytes == 576 * kKiB);
  }
}

BOOST_AUTO_TEST_CASE(large_blocks_are_shared_as_a_whole) {
  auto head = head_with(64 * kKiB, true);
  head.set_share_bytes(512 * kKiB);
  BOOST_TEST(cost_of(head, 512 * kKiB).shares);
  BOOST_TEST(!cost_of(head, 1024 * kKiB).shares);
}

BOOST_AUTO_TEST_CASE(blocks_that_do_not_divide_cost_each_volume) {
  const auto larger = cost_of(head_with(128 * kKiB, true), 256 * kKiB);
  BOOST_TEST(!larger.shares);
  // Each of the 8 blocks takes one of the pool's, and each volume may end in another.
  BOOST_TEST(larger.bytes == (8 + 2) * 256 * kKiB);
  const auto odd = cost_of(head_with(128 * kKiB, true), 192 * kKiB);
  BOOST_TEST(!odd.shares);
}

BOOST_AUTO_TEST_CASE(files_cost_no_more_than_their_sizes) {
  const auto cost = cost_of(head_with(4 * kKiB, false), 64 * kKiB);
  BOOST_TEST(!cost.shares);
  BOOST_TEST(cost.bytes == 2 * 4096 * kKiB);
}

BOOST_AUTO_TEST_CASE(without_parents_nothing_is_shared) {
  BOOST_TEST(!cost_of(head_with(64 * kKiB, false), 64 * kKiB).shares);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
