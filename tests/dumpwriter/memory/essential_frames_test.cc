// Which frames are found to be essential, in the vmcore of a synthetic kernel.
#include "dumpwriter/memory/essential_frames.h"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "dumpwriter/memory/physical_memory.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

using fake::SyntheticKernel;

// Of x86-64 without KASLR (Linux Documentation/x86/x86_64/mm.rst).
constexpr std::uint64_t kVmalloc = 0xffffc90000000000;
constexpr std::uint64_t kCpuEntryArea = 0xfffffe0000000000;
constexpr std::uint64_t kModules = 0xffffffffc0000000;
constexpr std::uint64_t kFree = 0x900000;  // physical, and nothing is there

struct Found {
  test::TestFolder folder;
  Result<Vmcore> core;
  EssentialFrames frames;

  explicit Found(SyntheticKernel& kernel)
      : core((kernel.write(folder.file("vmcore")), Vmcore::open(folder.file("vmcore")))) {
    frames.find(*core, [] { return true; });
  }
  static bool in(std::span<const FrameInterval> all, std::uint64_t paddr) {
    const std::uint64_t pfn = paddr / kPageBytes;
    for (const FrameInterval& one : all) {
      if (pfn >= one.first_pfn && pfn < one.end_pfn) return true;
    }
    return false;
  }
  bool essential(std::uint64_t paddr) const { return in(frames.essential(), paddr); }
  bool image(std::uint64_t paddr) const { return in(frames.image(), paddr); }
};

// Virtual pages one after the other, each at another place in memory.
void map_area(SyntheticKernel& kernel, std::uint64_t vaddr, std::uint64_t pages) {
  for (std::uint64_t i = 0; i < pages; ++i) {
    kernel.map(vaddr + i * kPageBytes, kFree + 2 * i * kPageBytes);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(essential_frames)

BOOST_AUTO_TEST_CASE(page_tables_and_sections_are) {
  for (const bool five_levels : {false, true}) {
    SyntheticKernel kernel({.five_levels = five_levels});
    const Found found(kernel);
    for (unsigned level = 1; level <= 4; ++level) {
      BOOST_TEST(found.essential(kernel.entry_of(kernel.page_vaddr(0), level)));
    }
    BOOST_TEST(found.essential(SyntheticKernel::kRootsPaddr));
    BOOST_TEST(found.essential(SyntheticKernel::kRootPaddr));
  }
}

BOOST_AUTO_TEST_CASE(memory_that_is_mapped_as_a_whole_and_struct_pages_are_not) {
  SyntheticKernel kernel;
  const Found found(kernel);
  BOOST_TEST(!found.essential(kFree));
  BOOST_TEST(!found.image(kFree));
  BOOST_TEST(!found.essential(kernel.page_paddr(0)));
}

BOOST_AUTO_TEST_CASE(stack_is_and_a_large_area_is_not) {
  SyntheticKernel kernel;
  map_area(kernel, kVmalloc, 4);
  const Found stack(kernel);
  for (std::uint64_t i = 0; i < 4; ++i) BOOST_TEST(stack.essential(kFree + 2 * i * kPageBytes));
  BOOST_TEST(!stack.essential(kFree + kPageBytes));

  SyntheticKernel other;
  map_area(other, kVmalloc, 5);
  const Found large(other);
  for (std::uint64_t i = 0; i < 5; ++i) BOOST_TEST(!large.essential(kFree + 2 * i * kPageBytes));
}

BOOST_AUTO_TEST_CASE(block_of_a_per_cpu_area_is) {
  SyntheticKernel kernel;
  constexpr std::uint64_t kBlock = 0x800000;
  kernel.map(kCpuEntryArea + 0x1000, kBlock + 0x123000);
  const Found found(kernel);
  BOOST_TEST(found.essential(kBlock));
  BOOST_TEST(found.essential(kBlock + 0x1ff000));
  BOOST_TEST(!found.essential(kBlock - 1));
  BOOST_TEST(!found.essential(kBlock + 0x200000));
}

BOOST_AUTO_TEST_CASE(data_of_image_and_modules_is_and_the_rest_of_them_is_image) {
  SyntheticKernel kernel;
  const std::uint64_t data = SyntheticKernel::kImagePaddr + 0x20000;
  kernel.map(SyntheticKernel::kImageVaddr + 0x20000, data);
  kernel.map(kModules, kFree);
  kernel.map(kModules + 0x1000, kFree + 0x5000);
  // Read-only.
  kernel.core.memory.put(kernel.entry_of(kModules + 0x1000, 1), (kFree + 0x5000) | 1);
  const Found found(kernel);
  BOOST_TEST(found.essential(data));
  BOOST_TEST(found.essential(kFree));
  BOOST_TEST(!found.essential(kFree + 0x5000));
  BOOST_TEST(found.image(kFree + 0x5000));
}

BOOST_AUTO_TEST_CASE(what_node_data_points_to_is) {
  SyntheticKernel kernel;
  constexpr std::uint64_t kArray = 0x90000;
  kernel.map(kernel.direct_map() + 0x800000, 0x800000, 2 << 20);
  kernel.info_of_pages +=
      fmt::format("SYMBOL(node_data)={:x}\nLENGTH(node_data)=4\nSIZE(pglist_data)=8193\n",
                  kernel.direct_map() + kArray);
  kernel.core.memory.put(kArray + 8, kernel.direct_map() + kFree);
  const Found found(kernel);
  BOOST_TEST(found.essential(kArray));
  BOOST_TEST(found.essential(kFree));
  BOOST_TEST(found.essential(kFree + 0x2000));
  BOOST_TEST(!found.essential(kFree + 0x3000));
}

BOOST_AUTO_TEST_CASE(pointers_to_the_end_of_all_addresses_lead_nowhere) {
  SyntheticKernel kernel;
  kernel.core.memory.put(SyntheticKernel::kRootsPaddr + 8, 0xffffffffffffe800);
  kernel.core.memory.put(SyntheticKernel::kRootsPaddr + 16, ~std::uint64_t{0});
  const Found found(kernel);
  BOOST_TEST(found.essential(SyntheticKernel::kRootsPaddr));
}

BOOST_AUTO_TEST_CASE(nothing_is_without_page_tables) {
  fake::SyntheticVmcore synthetic = fake::small_vmcore();
  const test::TestFolder folder;
  synthetic.write(folder.file("vmcore"));
  const auto core = Vmcore::open(folder.file("vmcore"));
  EssentialFrames frames;
  frames.find(*core, [] { return true; });
  BOOST_TEST(frames.essential().empty());
  BOOST_TEST(frames.image().empty());
}

BOOST_AUTO_TEST_CASE(page_tables_in_a_circle_come_to_an_end) {
  SyntheticKernel kernel;
  const std::uint64_t top = kernel.entry_of(0, 4);
  const std::uint64_t other = kernel.entry_of(kernel.vmemmap(), 3) / kPageBytes * kPageBytes;
  for (std::uint64_t i = 256; i < 512; ++i) {
    kernel.core.memory.put(top + i * 8, (i % 2 == 0 ? top : other) | 3);
    kernel.core.memory.put(other + i * 8, (i % 2 == 0 ? top : other) | 3);
  }
  const Found found(kernel);
  BOOST_TEST(found.essential(top));

  class Counter final : public PageTables::Visitor {
   public:
    bool table(std::uint64_t) override {
      ++tables;
      return true;
    }
    void leaf(const PageTables::Leaf&) override {}
    unsigned tables = 0;
  } counter;
  PhysicalMemory memory(*found.core);
  PageTables::open(memory, found.core->vmcoreinfo())->visit(counter);
  BOOST_TEST(counter.tables == PageTables::kMostVisited);
}

BOOST_AUTO_TEST_CASE(more_intervals_than_there_is_room_for_are_left_out) {
  FrameIntervals intervals;
  for (std::uint64_t i = 0; i < 100 * FrameIntervals::kMost; ++i) intervals.add(2 * i, 1);
  intervals.merge();
  BOOST_TEST(intervals.all().size() == FrameIntervals::kMost);
}

BOOST_AUTO_TEST_CASE(room_is_made_by_joining_intervals) {
  FrameIntervals intervals;
  for (std::uint64_t i = 0; i < FrameIntervals::kMost; ++i) intervals.add(2 * i, 1);
  for (std::uint64_t i = 0; i < FrameIntervals::kMost; ++i) intervals.add(2 * i, 1);
  for (std::uint64_t i = 0; i < FrameIntervals::kMost / 2; ++i) intervals.add(2 * i + 1, 1);
  intervals.merge();
  BOOST_TEST(intervals.all().size() == FrameIntervals::kMost);
}

BOOST_AUTO_TEST_CASE(intervals_come_out_sorted_disjoint_and_not_adjacent) {
  FrameIntervals intervals;
  for (const auto& [first, count] :
       {std::pair{10U, 5U}, {1U, 2U}, {12U, 8U}, {3U, 1U}, {30U, 1U}}) {
    intervals.add(first, count);
  }
  intervals.merge();
  BOOST_TEST_REQUIRE(intervals.all().size() == 3U);
  BOOST_TEST(intervals.all()[0].first_pfn == 1U);
  BOOST_TEST(intervals.all()[0].end_pfn == 4U);
  BOOST_TEST(intervals.all()[1].first_pfn == 10U);
  BOOST_TEST(intervals.all()[1].end_pfn == 20U);
  BOOST_TEST(intervals.all()[2].first_pfn == 30U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
