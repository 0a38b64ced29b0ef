// Runs in the form that goes over the line, and what a hostile one may say there.
#include "agent/transfer/run_codec.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

namespace lastword {
namespace {

constexpr std::uint64_t kBlock = 4096;
using Runs = std::vector<CloneRun>;
using Bytes = std::vector<std::byte>;

CloneRun run(CloneRunKind kind, std::uint64_t length, std::uint32_t source = 0,
             std::uint64_t source_offset = 0) {
  return {.kind = static_cast<std::uint32_t>(kind),
          .source = source,
          .length = length,
          .source_offset = source_offset};
}

// The last volume ends inside a block, and there is an empty one.
const std::vector<std::uint64_t> kSizes{100 * kBlock, 0, std::uint64_t{1} << 44, 3 * kBlock + 100};

Bytes encoded(const Runs& runs, RunPlace place = {}) {
  Bytes bytes;
  RunCodec(kSizes, kBlock, place).encode(runs, bytes);
  return bytes;
}

void comes_back(const Runs& runs, RunPlace place = {}) {
  Bytes bytes = encoded(runs, place);
  BOOST_TEST(bytes.size() <= runs.size() * kMaxRunBytes);
  const std::size_t length = bytes.size();
  bytes.push_back(std::byte{7});
  const auto decoded =
      RunCodec(kSizes, kBlock, place).decode(static_cast<std::uint32_t>(runs.size()), bytes);
  BOOST_REQUIRE(fake::ok(decoded));
  BOOST_TEST((decoded->runs == runs));
  BOOST_TEST(decoded->bytes == length);
}

void refused(std::initializer_list<unsigned> numbers, std::uint32_t count = 1,
             RunPlace place = {}) {
  Bytes bytes;
  for (const unsigned number : numbers) bytes.push_back(static_cast<std::byte>(number));
  BOOST_TEST(fake::fails(RunCodec(kSizes, kBlock, place).decode(count, bytes), Code::kCorrupt));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_codec)

BOOST_AUTO_TEST_CASE(runs_of_all_kinds_and_volumes_come_back) {
  comes_back(
      {run(CloneRunKind::kZero, 40 * kBlock), run(CloneRunKind::kBase, 20 * kBlock, 0, 40 * kBlock),
       run(CloneRunKind::kData, kBlock), run(CloneRunKind::kBase, 9 * kBlock, 0, 61 * kBlock),
       run(CloneRunKind::kBase, 10 * kBlock, 1023, std::uint64_t{1} << 43),
       run(CloneRunKind::kSent, 20 * kBlock, 0, 0),
       // Next volume: the empty one is left out.
       run(CloneRunKind::kSent, 5 * kBlock, 0, 3 * kBlock),
       run(CloneRunKind::kBase, (std::uint64_t{1} << 44) - 5 * kBlock, 2, 5 * kBlock),
       run(CloneRunKind::kData, 3 * kBlock + 100)});
}

BOOST_AUTO_TEST_CASE(numbers_of_any_size_fit_in_what_a_run_may_take) {
  const std::uint64_t size = std::uint64_t{16} << 40;
  const std::vector<std::uint64_t> sizes(2, size);
  const Runs runs{run(CloneRunKind::kBase, size, 1023, size),
                  run(CloneRunKind::kSent, size, 1023, size)};
  Bytes bytes;
  RunCodec(sizes, 512, {}).encode(runs, bytes);
  BOOST_TEST(bytes.size() <= runs.size() * kMaxRunBytes);
  const auto decoded = RunCodec(sizes, 512, {}).decode(2, bytes);
  BOOST_REQUIRE(fake::ok(decoded));
  BOOST_TEST((decoded->runs == runs));
}

BOOST_AUTO_TEST_CASE(sections_stand_for_themselves) {
  const Runs first{run(CloneRunKind::kBase, 40 * kBlock, 7, kBlock)};
  const Runs second{run(CloneRunKind::kBase, 40 * kBlock, 7, 41 * kBlock)};
  Bytes together;
  RunCodec sender(kSizes, kBlock, {});
  sender.encode(first, together);
  Bytes bytes;
  sender.encode(second, bytes);
  const auto decoded = RunCodec(kSizes, kBlock, {.offset = 40 * kBlock}).decode(1, bytes);
  BOOST_REQUIRE(fake::ok(decoded));
  BOOST_TEST((decoded->runs == second));
}

BOOST_AUTO_TEST_CASE(scattered_changes_of_an_increment_take_three_bytes_each) {
  Runs runs;
  for (int i = 0; i < 10; ++i) {
    runs.push_back(
        run(CloneRunKind::kBase, 9 * kBlock, 0, static_cast<std::uint64_t>(i) * 10 * kBlock));
    runs.push_back(run(CloneRunKind::kData, kBlock));
  }
  comes_back(runs);
  BOOST_TEST(encoded(runs).size() <= 30U);
}

BOOST_AUTO_TEST_CASE(run_outside_its_volume) {
  refused({0});           // no blocks
  refused({0xa8, 0x06});  // 101: one more than the volume has
  refused({0x80 | 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01});  // 2^60 blocks
  refused({1U << 3}, 1, {.volume = 4});
  refused({4U << 3, 1U << 3}, 2, {.volume = 3});
}

BOOST_AUTO_TEST_CASE(numbers_that_are_cut_or_too_long) {
  refused({});
  refused({8}, 2);
  refused({0x88});
  refused({0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02});
  refused({0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00});
  refused({8 | 4 | 3});
  refused({8 | 4 | 3, 1});
  refused({8 | 4 | 3, 1, 0x80});
}

BOOST_AUTO_TEST_CASE(references_outside_any_volume) {
  refused({8 | 4});                  // data with a source
  refused({8 | 4 | 1, 0, 0});        // zeros with one
  refused({8 | 4 | 3, 0x80, 8, 0});  // volume 1024
  refused({8 | 4 | 3, 0, 1});        // a block before byte 0
  refused({8 | 4 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0});
  // 2^52 blocks further.
  refused({8 | 4 | 3, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
