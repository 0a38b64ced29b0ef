// In which order page frames are visited.
#include "dumpwriter/memory/visit_order.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "proto/stream.h"

namespace lastword {
namespace {

using Part = VisitOrder::Part;
using Frames = std::vector<std::uint64_t>;

// Frames 16 to 31 and 4096 to 8191.
MemoryMap two_ranges() {
  return MemoryMap::build(
             {{.paddr = 16 * kPageBytes, .file_offset = 4096, .bytes = 16 * kPageBytes},
              {.paddr = 4096 * kPageBytes, .file_offset = 1 << 20, .bytes = 4096 * kPageBytes}})
      .value();
}

Frames visited(VisitOrder& order, Part part) {
  Frames frames;
  order.begin(part);
  while (const auto window = order.next()) {
    BOOST_TEST_REQUIRE(window->count > 0U);
    BOOST_TEST_REQUIRE(window->count <= kWindowFrames);
    for (std::uint64_t i = 0; i < window->count; ++i) frames.push_back(window->first_pfn + i);
  }
  return frames;
}

Frames frames_of(std::initializer_list<FrameInterval> intervals) {
  Frames frames;
  for (const FrameInterval& one : intervals) {
    for (std::uint64_t pfn = one.first_pfn; pfn < one.end_pfn; ++pfn) frames.push_back(pfn);
  }
  return frames;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(visit_order)

BOOST_AUTO_TEST_CASE(all_frames_are_others_until_told) {
  const MemoryMap map = two_ranges();
  VisitOrder order(map);
  BOOST_TEST(visited(order, Part::kOthers) == frames_of({{16, 32}, {4096, 8192}}));
  BOOST_TEST(visited(order, Part::kEssential).empty());
  BOOST_TEST(visited(order, Part::kImage).empty());
}

BOOST_AUTO_TEST_CASE(each_frame_is_in_one_part) {
  const MemoryMap map = two_ranges();
  const std::vector<FrameInterval> essential{{0, 1}, {20, 22}, {5000, 5001}, {6000, 6200}};
  const std::vector<FrameInterval> image{{21, 24}, {5000, 7000}, {8000, 9000}};
  VisitOrder order(map);
  order.tell(essential, image);
  BOOST_TEST(visited(order, Part::kEssential) == frames_of({{20, 22}, {5000, 5001}, {6000, 6200}}));
  BOOST_TEST(visited(order, Part::kImage) ==
             frames_of({{22, 24}, {5001, 6000}, {6200, 7000}, {8000, 8192}}));
  BOOST_TEST(visited(order, Part::kOthers) ==
             frames_of({{16, 20}, {24, 32}, {4096, 5000}, {7000, 8000}}));
}

BOOST_AUTO_TEST_CASE(interval_over_a_hole_has_the_frames_that_are_memory) {
  const MemoryMap map = two_ranges();
  const std::vector<FrameInterval> all{{0, ~std::uint64_t{0}}};
  VisitOrder order(map);
  order.tell(all, {});
  BOOST_TEST(visited(order, Part::kEssential) == frames_of({{16, 32}, {4096, 8192}}));
  BOOST_TEST(visited(order, Part::kOthers).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
