#include <cstdlib>
#include <new>
#include <random>

#include "tests/dumpwriter/memory/classifier_fixture.h"

namespace {

std::size_t allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace lastword::test {
namespace {

// The same frames asked for in one go and one by one, forwards and backwards.
void check_every_split_agrees(SyntheticKernel& kernel, std::uint64_t first, std::uint64_t count) {
  const std::vector<PageClass> whole = Opened(kernel).ask(first, count);
  Opened opened(kernel);
  for (std::uint64_t i = 0; i < count; ++i) {
    BOOST_TEST_INFO("frame " << first + i);
    BOOST_REQUIRE((opened.ask(first + i, 1).front() == whole[i]));
  }
  Opened backwards(kernel);
  for (std::uint64_t i = count; i > 0; --i) {
    BOOST_TEST_INFO("frame " << first + i - 1 << ", backwards");
    BOOST_REQUIRE((backwards.ask(first + i - 1, 1).front() == whole[i - 1]));
  }
  BOOST_TEST(opened.unclassified() == backwards.unclassified());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(page_classifier)

BOOST_AUTO_TEST_CASE(every_class_is_told) {
  SyntheticKernel kernel;
  kernel.info_of_pages += "NUMBER(PG_hwpoison)=22\n";
  kernel.put(kFirst + 1, kUserPage);
  kernel.put_compound(kFirst + 8, 3, {}, fake::kHugetlbDtor);
  kernel.put(kFirst + 2, {.flags = fake::kLru | fake::kPrivate});
  kernel.put(kFirst + 3, kCachePage);
  kernel.put_free(kFirst + 4, 0);
  kernel.put(kFirst + 5, {.mapcount = fake::kOfflineType});
  kernel.put(kFirst + 6, {.flags = fake::kHwpoison});
  Opened opened(kernel);
  const std::vector<PageClass> expected{
      PageClass::kKernel, PageClass::kUser,    PageClass::kPrivateCache, PageClass::kCache,
      PageClass::kFree,   PageClass::kOffline, PageClass::kHwpoison,     PageClass::kKernel};
  BOOST_TEST((opened.ask(kFirst, 8) == expected));
  check_all(opened.ask(kFirst + 8, 8), PageClass::kHugetlb);
  check_all(opened.ask(kFirst + 16, 8), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 0U);
}

BOOST_AUTO_TEST_CASE(free_blocks_of_every_order_are_free_to_their_last_frame) {
  SyntheticKernel kernel;
  for (unsigned order = 0; order < kMaxBuddyOrder; ++order) {
    kernel.put_free(kFirst + (std::uint64_t{1} << order), order);
  }
  Opened opened(kernel);
  const std::vector<PageClass> classes = opened.ask(kFirst, kFrames);
  BOOST_TEST((classes[0] == PageClass::kKernel));
  check_all({classes.begin() + 1, classes.end()}, PageClass::kFree);
}

BOOST_AUTO_TEST_CASE(largest_free_block_is_seen_from_its_last_frame) {
  SyntheticKernel kernel;
  kernel.put_free(kFirst, kMaxBuddyOrder);
  Opened opened(kernel);
  check_all(opened.ask(kFirst + kFrames - 1, 1), PageClass::kFree);
}

BOOST_AUTO_TEST_CASE(every_way_to_ask_gets_the_same_answer) {
  SyntheticKernel kernel({.memory_bytes = 16 << 20});
  for (unsigned order = 0; order < kMaxBuddyOrder; ++order) {
    kernel.put_free(kFirst + (std::uint64_t{1} << order), order);
  }
  // One compound page across two blocks, another behind it, and tails of neither.
  kernel.put_compound(kFirst + kFrames, 9, kUserPage);
  kernel.put_compound(kFirst + kFrames + 512, 4, kCachePage);
  kernel.put(kFirst + kFrames + 700, {.compound_head = kernel.page_vaddr(kFirst + 3) + 1});
  check_every_split_agrees(kernel, kFirst - 10, 2 * kFrames);
}

BOOST_AUTO_TEST_CASE(compound_page_is_what_its_head_is_across_blocks) {
  SyntheticKernel kernel({.memory_bytes = 16 << 20});
  kernel.put_compound(kFirst, 11, {}, fake::kHugetlbDtor);
  Opened backwards(kernel);
  check_all(backwards.ask(kFirst + kFrames, kFrames), PageClass::kHugetlb);
  check_all(backwards.ask(kFirst, kFrames), PageClass::kHugetlb);
  BOOST_TEST(backwards.unclassified() == 0U);
}

BOOST_AUTO_TEST_CASE(frames_of_the_image_that_must_not_be_read_are_not) {
  SyntheticKernel kernel;
  kernel.info_of_pages += "NUMBER(PG_hwpoison)=22\n";
  const std::uint64_t first = SyntheticKernel::kImagePaddr / kPageBytes;
  kernel.put(first, {.mapcount = fake::kOfflineType});
  kernel.put(first + 1, {.flags = fake::kHwpoison});
  Opened opened(kernel);
  check_all(opened.ask(first, 1), PageClass::kOffline);
  check_all(opened.ask(first + 1, 1), PageClass::kHwpoison);
}

BOOST_AUTO_TEST_CASE(kernels_compound_pages_stay) {
  SyntheticKernel kernel;
  kernel.put_compound(kFirst, 3, {.flags = fake::kSlab});
  kernel.put_compound(kFirst + 8, 3, {});
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 8), PageClass::kSlab);
  check_all(opened.ask(kFirst + 8, 8), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 0U);
}

BOOST_AUTO_TEST_CASE(tail_beyond_its_heads_order_is_unclassified) {
  SyntheticKernel kernel;
  kernel.put_compound(kFirst, 3, kUserPage);
  kernel.put(kFirst + 8, {.compound_head = kernel.page_vaddr(kFirst) + 1});
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 8), PageClass::kUser);
  check_all(opened.ask(kFirst + 8, 1), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 1U);
}

BOOST_AUTO_TEST_CASE(tail_whose_head_can_not_be_is_unclassified) {
  const SyntheticKernel plain;
  for (const std::uint64_t head :
       {std::uint64_t{0}, ~std::uint64_t{0} - 1, plain.page_vaddr(kFirst + 20),  // not before it
        plain.page_vaddr(kFirst) + 8,                                            // no struct page
        plain.page_vaddr(kFirst),                                                // no head
        plain.page_vaddr(0) - 64 * 1024, plain.direct_map()}) {
    SyntheticKernel kernel;
    kernel.put(kFirst + 10, {.compound_head = head | 1});
    Opened opened(kernel);
    BOOST_TEST_INFO("head " << head);
    check_all(opened.ask(kFirst + 10, 1), PageClass::kKernel);
    BOOST_TEST(opened.unclassified() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(head_at_an_address_that_is_not_its_frames_is_unclassified) {
  SyntheticKernel kernel({.memory_bytes = 16 << 20});
  kernel.put_compound(kFirst, 11, kUserPage);
  const std::uint64_t elsewhere = kernel.vmemmap() + (std::uint64_t{3} << 30);
  kernel.add_section(3, elsewhere);
  // The struct page of kFirst once more, where it would be if its section went before this one.
  const std::uint64_t head = elsewhere - kFrames * fake::kPageStructBytes;
  kernel.map(head, kernel.page_paddr(kFirst));
  kernel.put(kFirst + kFrames, {.compound_head = head + 1});
  Opened opened(kernel);
  check_all(opened.ask(kFirst + kFrames, 1), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 1U);
}

BOOST_AUTO_TEST_CASE(head_of_a_frame_that_is_not_in_the_vmcore_says_nothing) {
  SyntheticKernel kernel({.memory_bytes = 16 << 20});
  kernel.put_compound(kFirst, 11, kUserPage);
  // Memory has a hole of one frame, in which the head lies.
  kernel.core.loads.pop_back();
  kernel.core.add_direct(0, kFirst * kPageBytes);
  kernel.core.add_direct((kFirst + 1) * kPageBytes, kPageBytes * (2 * kFrames - 1));
  Opened opened(kernel);
  check_all(opened.ask(kFirst + 1, 7), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 7U);
  Opened second_block(kernel);
  check_all(second_block.ask(kFirst + kFrames, kFrames), PageClass::kKernel);
  check_every_split_agrees(kernel, kFirst + 1, 2 * kFrames - 1);
}

BOOST_AUTO_TEST_CASE(sections_that_share_struct_pages_get_one_answer_however_asked) {
  SyntheticKernel kernel({.memory_bytes = 16 << 20});
  kernel.put_compound(0, 12, kUserPage);
  const std::uint64_t shared = kernel.page_vaddr(2 * kFrames);
  kernel.core.memory.put(kernel.mem_section_paddr(3),
                         (shared - 3 * kFrames * fake::kPageStructBytes) | 0xf);
  check_every_split_agrees(kernel, 2 * kFrames, 2 * kFrames);
}

BOOST_AUTO_TEST_CASE(image_stays_whatever_its_struct_pages_say) {
  SyntheticKernel kernel;
  const std::uint64_t first = SyntheticKernel::kImagePaddr / kPageBytes;
  const std::uint64_t count = SyntheticKernel::kImageBytes / kPageBytes;
  kernel.put_free(first, 8);  // more than the image
  kernel.put(first - 1, kUserPage);
  Opened opened(kernel);
  check_all(opened.ask(first - 1, 1), PageClass::kUser);
  check_all(opened.ask(first, count), PageClass::kKernel);
  check_all(opened.ask(first + count, 256 - count), PageClass::kFree);
  BOOST_TEST(opened.unclassified() == 0U);
  BOOST_TEST(((*opened.classifier)->block_of(first)[first % kFrames] == PageClass::kFree));
}

BOOST_AUTO_TEST_CASE(unclassified_frames_are_counted_each_time_they_are_asked_for) {
  SyntheticKernel kernel;
  kernel.put(kFirst + 1, {.flags = ~std::uint64_t{0}});
  Opened opened(kernel);
  for (int i = 0; i < 3; ++i) check_all(opened.ask(kFirst, 4), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 3U);
  check_all(opened.ask(kFirst + 2, 2), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 3U);
}

BOOST_AUTO_TEST_CASE(classifying_never_allocates_and_takes_the_same_memory_for_4_tib) {
  static_assert(sizeof(PageClassifier) <= 140 << 10);
  SyntheticKernel kernel;
  // The last section of 4 TiB has the struct pages of kFirst, by the last of its 4096 roots.
  constexpr std::uint64_t kLastSection =
      (std::uint64_t{4} << 40 >> SyntheticKernel::kSectionBits) - 1;
  constexpr std::uint64_t kRoots = 4096;
  constexpr std::uint64_t kSectionsPerRoot = 256;
  constexpr std::uint64_t kRootPaddr = 0x90000;
  kernel.info_of_pages += "LENGTH(mem_section)=4096\n";
  kernel.core.memory.put(SyntheticKernel::kRootsPaddr + (kRoots - 1) * 8,
                         kernel.direct_map() + kRootPaddr);
  const std::uint64_t coded =
      kernel.page_vaddr(kFirst) - kLastSection * kFrames * fake::kPageStructBytes;
  kernel.core.memory.put(kRootPaddr + (kSectionsPerRoot - 1) * 16, coded | 0xf);
  kernel.put_free(kFirst, 5);
  Opened opened(kernel);
  std::vector<PageClass> classes = opened.ask(kFirst, kFrames);
  const std::size_t before = allocations;
  (*opened.classifier)->classify(kLastSection * kFrames, classes);
  (*opened.classifier)->classify(0, classes);
  (*opened.classifier)->classify(kLastSection * kFrames, classes);
  const std::size_t after = allocations;
  BOOST_TEST(after == before);
  BOOST_TEST((classes[31] == PageClass::kFree));
  BOOST_TEST((classes[32] == PageClass::kKernel));
  BOOST_TEST(opened.unclassified() == 0U);
}

BOOST_AUTO_TEST_CASE(random_struct_pages_get_one_answer_however_asked) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 5; ++round) {
    SyntheticKernel kernel;
    const auto any_of = [&random](auto... values) {
      const std::array choices{static_cast<std::uint64_t>(values)...};
      return choices[random() % choices.size()];
    };
    for (std::uint64_t pfn = kFirst - kFrames; pfn < kFirst + kFrames; ++pfn) {
      const std::uint64_t head = kernel.page_vaddr(pfn - random() % 40);
      kernel.put(pfn,
                 {.flags = any_of(0, fake::kLru, fake::kHead, fake::kHead | fake::kLru, random()),
                  .compound_head = any_of(0, 0, head + 1, random()),
                  .mapping = any_of(0, 1, random()),
                  .private_data = random() % 13,
                  .mapcount = static_cast<std::int32_t>(any_of(0, fake::kBuddyType, random())),
                  .compound_dtor = static_cast<std::uint8_t>(random() % 4),
                  .compound_order = static_cast<std::uint8_t>(any_of(0, 1, 2, 5, random()))});
    }
    check_every_split_agrees(kernel, kFirst - kFrames, 2 * kFrames);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
