// What a hostile stream may say in its runs, hashes and end, with every checksum right.
#include "agent/transfer/receive_plan.h"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limits>

#include "tests/fake/check.h"

namespace lastword {
namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

CloneRun run(CloneRunKind kind, std::uint64_t length, std::uint32_t source = 0,
             std::uint64_t source_offset = 0) {
  return {.kind = static_cast<std::uint32_t>(kind),
          .source = source,
          .length = length,
          .source_offset = source_offset};
}
CloneRun data(std::uint64_t length) {
  return run(CloneRunKind::kData, length);
}
CloneRun zero(std::uint64_t length) {
  return run(CloneRunKind::kZero, length);
}

// Two volumes of 3 MiB, and a base of one volume of 2 MiB.
struct Fixture {
  static constexpr std::uint64_t kSize = 3 << 20;
  RangeTable base_table = RangeTable(2, Hash128{.bytes = {77}});
  ReceivePlan plan{{.sizes = {kSize, kSize},
                    .base_sizes = {2 << 20},
                    .base_tables = {base_table},
                    .block_bytes = kBlock,
                    .data_bytes = kSize}};

  // `hashes`, then so many bytes of data.
  Status content(const std::vector<CloneRun>& runs, std::uint64_t bytes,
                 const std::vector<Hash128>& hashes = {}) {
    std::vector<std::byte> rest(hashes.size() * sizeof(Hash128) + bytes);
    if (!hashes.empty()) std::memcpy(rest.data(), hashes.data(), hashes.size() * sizeof(Hash128));
    const auto result = plan.content(runs, rest);
    return result ? Status{} : fail(result.error());
  }
  // Refused as the first section, in the same way as a fresh plan would.
  void refused(const CloneRun& one, std::uint64_t bytes = 0) {
    BOOST_TEST(fake::fails(content({one}, bytes), Code::kCorrupt));
  }
  void first_volume_is_there() { BOOST_REQUIRE(fake::ok(content({zero(kSize)}, 0))); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(receive_plan, Fixture)

BOOST_AUTO_TEST_CASE(actions_follow_each_other_from_byte_0) {
  const auto actions = plan.content(std::array{data(kBlock), zero(2 * kBlock), data(kBlock)},
                                    std::vector<std::byte>(2 * kBlock));
  BOOST_REQUIRE(fake::ok(actions));
  BOOST_TEST((*actions)[1].offset == kBlock);
  BOOST_TEST((*actions)[2].offset == 3 * kBlock);
  BOOST_TEST((*actions)[2].data_at == kBlock);
}

BOOST_AUTO_TEST_CASE(run_outside_its_volume) {
  refused(zero(kSize + kBlock));
  refused(zero(0));
  refused(zero(kHuge));
  refused(zero(kHuge / kBlock * kBlock));
  refused(zero(kBlock + 1));
  refused(data(1), 1);
}

BOOST_AUTO_TEST_CASE(unknown_kind) {
  refused({.kind = 4, .length = kBlock});
  refused({.kind = 0xffffffff, .length = kBlock});
}

BOOST_AUTO_TEST_CASE(data_and_runs_disagree) {
  refused(data(2 * kBlock), kBlock);
  refused(data(kBlock), 2 * kBlock);
  refused(zero(kBlock), kBlock);
}

BOOST_AUTO_TEST_CASE(data_with_a_source) {
  refused(run(CloneRunKind::kData, kBlock, 1), kBlock);
  refused(run(CloneRunKind::kZero, kBlock, 0, kBlock));
}

BOOST_AUTO_TEST_CASE(more_data_than_the_head_promised) {
  BOOST_TEST(fake::ok(content({data(kSize)}, kSize, std::vector<Hash128>(3))));
  refused(data(kBlock), kBlock);
}

BOOST_AUTO_TEST_CASE(reference_to_itself_or_to_what_comes_later) {
  refused(run(CloneRunKind::kSent, kBlock, 0, 0));
  BOOST_TEST(fake::ok(content({data(kBlock)}, kBlock)));
  BOOST_TEST(fake::ok(content({run(CloneRunKind::kSent, kBlock, 0, 0)}, 0)));
  refused(run(CloneRunKind::kSent, 2 * kBlock, 0, kBlock));
  refused(run(CloneRunKind::kSent, kBlock, 0, 2 * kBlock));
  refused(run(CloneRunKind::kSent, kBlock, 1, 0));
  refused(run(CloneRunKind::kSent, kBlock, 2, 0));
  refused(run(CloneRunKind::kSent, kBlock, 0xffffffff, 0));
}

BOOST_AUTO_TEST_CASE(reference_outside_its_source) {
  first_volume_is_there();
  refused(run(CloneRunKind::kSent, kBlock, 0, kSize));
  refused(run(CloneRunKind::kSent, 2 * kBlock, 0, kSize - kBlock));
  refused(run(CloneRunKind::kSent, kBlock, 0, kHuge / kBlock * kBlock));
  refused(run(CloneRunKind::kBase, kBlock, 0, 2 << 20));
  refused(run(CloneRunKind::kBase, kSize, 0, 0));
  refused(run(CloneRunKind::kBase, kBlock, 1, 0));
  refused(run(CloneRunKind::kSent, kBlock, 0, 1));
  refused(run(CloneRunKind::kBase, 512, 0, 0));
}

BOOST_AUTO_TEST_CASE(one_section_with_runs_of_two_volumes) {
  const auto actions = plan.content(std::array{zero(kSize), zero(kBlock)}, {});
  BOOST_REQUIRE(fake::ok(actions));
  BOOST_TEST((*actions)[1].volume == 1U);
  BOOST_TEST((*actions)[1].offset == 0U);
}

BOOST_AUTO_TEST_CASE(hashes_missing_or_too_many) {
  const std::vector<CloneRun> own{data(kBlock), zero(kSize - kBlock)};
  BOOST_TEST(fake::fails(content(own, kBlock), Code::kCorrupt));
  Fixture other;
  BOOST_TEST(fake::fails(other.content(own, kBlock, std::vector<Hash128>(2)), Code::kCorrupt));
  Fixture none;
  const CloneRun shared = run(CloneRunKind::kBase, 2 << 20, 0, 0);
  BOOST_TEST(fake::fails(none.content({shared, data(1 << 20)}, 0), Code::kCorrupt));
  Fixture good;
  BOOST_TEST(fake::ok(good.content(own, kBlock, std::vector<Hash128>(1))));
}

BOOST_AUTO_TEST_CASE(hash_of_an_own_range_comes_with_its_end) {
  Hash128 hash;
  hash.bytes[3] = 9;
  BOOST_TEST(fake::ok(content({run(CloneRunKind::kBase, 1 << 20, 0, 0), data(kBlock)}, kBlock)));
  BOOST_TEST(plan.own(0).empty());
  BOOST_TEST(fake::ok(content({zero(kSize - (1 << 20) - kBlock)}, 0, {hash})));
  BOOST_TEST((plan.own(0) == std::vector<std::uint64_t>{1}));
  BOOST_TEST((plan.table(0) == RangeTable{base_table[0], hash, kZeroRange}));
}

BOOST_AUTO_TEST_CASE(range_of_another_volume_brings_its_hash) {
  std::vector<Hash128> hashes(3);
  hashes[1].bytes[0] = 5;
  BOOST_TEST(fake::ok(content({data(kSize)}, kSize, hashes)));
  BOOST_TEST(fake::ok(content({run(CloneRunKind::kSent, 1 << 20, 0, 1 << 20), zero(1 << 20),
                               run(CloneRunKind::kSent, 1 << 20, 0, kBlock)},
                              0, std::vector<Hash128>(1))));
  BOOST_TEST((plan.table(1)[0] == hashes[1]));
  BOOST_TEST((plan.own(1) == std::vector<std::uint64_t>{2}));
}

BOOST_AUTO_TEST_CASE(begun_in_the_middle_it_goes_on_there) {
  const RangeTable known(3, Hash128{.bytes = {5}});
  ReceivePlan later{{.sizes = {kSize, kSize},
                     .base_sizes = {},
                     .base_tables = {},
                     .block_bytes = kBlock,
                     .data_bytes = kSize,
                     .start = {.volume = 1, .offset = 1 << 20},
                     .tables = {known, known}}};
  BOOST_TEST((later.reached() == ClonePosition{.volume = 1, .offset = 1 << 20}));
  const CloneRun before = run(CloneRunKind::kSent, 1 << 20, 1, 0);
  const auto actions = later.content(std::array{before, run(CloneRunKind::kSent, 1 << 20, 0, 0)},
                                     std::vector<std::byte>(sizeof(Hash128)));
  BOOST_REQUIRE(fake::ok(actions));
  BOOST_TEST((*actions)[0].offset == 1U << 20);
  BOOST_TEST((later.table(1)[2] == known[0]));
  BOOST_TEST((later.own(1) == std::vector<std::uint64_t>{1}));
  BOOST_TEST((later.reached() == ClonePosition{.volume = 2}));
  BOOST_TEST(!later.content(std::array{zero(kBlock)}, {}).has_value());
}

BOOST_AUTO_TEST_CASE(end_must_agree_with_all_of_it) {
  const CloneEnd good{
      .section_count = 4, .stream_bytes = 4 * kBlock, .data_bytes = 0, .volume_count = 2};
  const RangeTable zeros(3);
  const std::vector<Hash128> roots(2, root_of(kSize, zeros));
  BOOST_TEST(fake::fails(plan.end(good, roots, good), Code::kCorrupt));  // too early
  first_volume_is_there();
  first_volume_is_there();
  const auto wrong = [&](std::uint64_t CloneEnd::*field) {
    CloneEnd end = good;
    ++(end.*field);
    BOOST_TEST(fake::fails(plan.end(end, roots, good), Code::kCorrupt));
  };
  wrong(&CloneEnd::section_count);
  wrong(&CloneEnd::stream_bytes);
  wrong(&CloneEnd::data_bytes);
  wrong(&CloneEnd::volume_count);
  auto other = roots;
  other[1].bytes[0] ^= 1;
  BOOST_TEST(fake::fails(plan.end(good, other, good), Code::kCorrupt));
  BOOST_TEST(!plan.over());
  BOOST_TEST(fake::ok(plan.end(good, roots, good)));
  BOOST_TEST(plan.over());
  BOOST_TEST(fake::fails(plan.end(good, roots, good), Code::kCorrupt));
  BOOST_TEST(fake::fails(content({zero(kBlock)}, 0), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
