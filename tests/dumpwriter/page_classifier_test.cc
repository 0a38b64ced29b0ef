#include "dumpwriter/page_classifier.h"

#include <boost/test/unit_test.hpp>
#include <random>

#include "tests/fake/synthetic_kernel.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

using fake::StructPage;
using fake::SyntheticKernel;

// Frames of a section of which nothing else is in the way.
constexpr std::uint64_t kFirst = 2 * SyntheticKernel::kSectionFrames;
constexpr std::uint64_t kFrames = SyntheticKernel::kSectionFrames;
constexpr StructPage kUserPage{.flags = fake::kLru, .mapping = 0xffff888000001001};
constexpr StructPage kCachePage{.flags = fake::kLru, .mapping = 0xffff888000001000};

struct Opened {
  test::TestFolder folder;
  Result<Vmcore> core;
  Result<std::unique_ptr<PageClassifier>> classifier;

  explicit Opened(SyntheticKernel& kernel)
      : core((kernel.write(folder.file("vmcore")), Vmcore::open(folder.file("vmcore")))),
        classifier(PageClassifier::open(*core)) {}

  std::vector<PageClass> ask(std::uint64_t first, std::uint64_t count) {
    BOOST_REQUIRE_MESSAGE(classifier.has_value(), (classifier ? "" : describe(classifier.error())));
    // Whatever is not answered shows.
    std::vector<PageClass> classes(count, PageClass{0xff});
    (*classifier)->classify(first, classes);
    return classes;
  }
  std::uint64_t untold() const { return (*classifier)->untold(); }
};

void check_all(const std::vector<PageClass>& classes, PageClass expected) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    BOOST_TEST_INFO("frame " << i);
    BOOST_REQUIRE(name_of(classes[i]) == name_of(expected));
  }
}

void check_refused(SyntheticKernel& kernel, Code code, std::string_view detail) {
  const Opened opened(kernel);
  BOOST_REQUIRE(!opened.classifier);
  BOOST_TEST((opened.classifier.error().code == code));
  BOOST_TEST_INFO(describe(opened.classifier.error()));
  BOOST_TEST(describe(opened.classifier.error()).find(detail) != std::string::npos);
}

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
  BOOST_TEST(opened.untold() == backwards.untold());
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
  BOOST_TEST(opened.untold() == 0U);
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
  BOOST_TEST(backwards.untold() == 0U);
}

BOOST_AUTO_TEST_CASE(kernels_compound_pages_stay) {
  SyntheticKernel kernel;
  kernel.put_compound(kFirst, 3, {.flags = fake::kSlab});
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 8), PageClass::kKernel);
  BOOST_TEST(opened.untold() == 0U);
}

BOOST_AUTO_TEST_CASE(tail_beyond_its_heads_order_is_untold) {
  SyntheticKernel kernel;
  kernel.put_compound(kFirst, 3, kUserPage);
  kernel.put(kFirst + 8, {.compound_head = kernel.page_vaddr(kFirst) + 1});
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 8), PageClass::kUser);
  check_all(opened.ask(kFirst + 8, 1), PageClass::kKernel);
  BOOST_TEST(opened.untold() == 1U);
}

BOOST_AUTO_TEST_CASE(tail_whose_head_can_not_be_is_untold) {
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
    BOOST_TEST(opened.untold() == 1U);
  }
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
  BOOST_TEST(opened.untold() == 7U);
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
  BOOST_TEST(opened.untold() == 0U);
  BOOST_TEST(((*opened.classifier)->block_of(first)[first % kFrames] == PageClass::kFree));
}

BOOST_AUTO_TEST_CASE(image_without_a_program_header_is_found_by_the_page_tables) {
  SyntheticKernel kernel({.image_load = false});
  const std::uint64_t first = SyntheticKernel::kImagePaddr / kPageBytes;
  // Two pages of text, a gap where something was freed, a page of bss; elsewhere something else.
  for (const std::uint64_t page : {0, 1, 5}) {
    kernel.map(SyntheticKernel::kImageVaddr + page * kPageBytes,
               SyntheticKernel::kImagePaddr + page * kPageBytes);
  }
  kernel.map(SyntheticKernel::kImageVaddr + 9 * kPageBytes, 0x700000);
  const Opened opened(kernel);
  BOOST_REQUIRE(opened.classifier.has_value());
  BOOST_TEST((*opened.classifier)->image().first_pfn == first);
  BOOST_TEST((*opened.classifier)->image().end_pfn == first + 6);
}

BOOST_AUTO_TEST_CASE(without_the_image_nothing_is_filtered) {
  SyntheticKernel kernel({.image_load = false});
  check_refused(kernel, Code::kNotFound, "find kernel image");
}

BOOST_AUTO_TEST_CASE(five_levels_of_page_tables_are_walked) {
  SyntheticKernel kernel({.five_levels = true});
  kernel.put(kFirst, kUserPage);
  kernel.put_free(kFirst + 512, 9);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 1), PageClass::kUser);
  check_all(opened.ask(kFirst + 512, 512), PageClass::kFree);
  BOOST_TEST(opened.untold() == 0U);
}

BOOST_AUTO_TEST_CASE(struct_pages_may_be_mapped_by_large_and_huge_leaves) {
  for (const std::uint64_t leaf : {std::uint64_t{2} << 20, std::uint64_t{1} << 30}) {
    SyntheticKernel kernel;
    // Beyond all that vmemmap has here, so that no table is in the way of the leaf.
    const std::uint64_t elsewhere = kernel.vmemmap() + (std::uint64_t{8} << 30);
    const std::uint64_t leaf_paddr = kernel.page_paddr(kFirst) / leaf * leaf;
    kernel.map(elsewhere + leaf_paddr, leaf_paddr, leaf);
    const std::uint64_t section = kFirst / kFrames;
    const std::uint64_t pages_vaddr = elsewhere + kernel.page_paddr(kFirst);
    const std::uint64_t coded = pages_vaddr - kFirst * fake::kPageStructBytes;
    kernel.core.memory.put(kernel.mem_section_paddr(section), coded | 0xf);
    kernel.put(kFirst + 7, kUserPage);
    Opened opened(kernel);
    check_all(opened.ask(kFirst + 7, 1), PageClass::kUser);
    BOOST_TEST(opened.untold() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(sections_may_have_their_struct_pages_anywhere) {
  SyntheticKernel kernel;
  kernel.add_section(2, kernel.vmemmap() + (std::uint64_t{3} << 30));
  kernel.put_compound(kFirst, 10, kUserPage);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, kFrames), PageClass::kUser);
}

BOOST_AUTO_TEST_CASE(sections_that_are_not_there_are_untold) {
  SyntheticKernel kernel;
  kernel.put(kFirst - 1, kUserPage);
  kernel.core.memory.put(kernel.mem_section_paddr(kFirst / kFrames), std::uint64_t{0});
  Opened opened(kernel);
  check_all(opened.ask(kFirst - 1, 1), PageClass::kUser);
  check_all(opened.ask(kFirst, kFrames), PageClass::kKernel);
  BOOST_TEST(opened.untold() == kFrames);
  check_all(opened.ask(std::uint64_t{1} << 40, 10), PageClass::kKernel);  // beyond all roots
  BOOST_TEST(opened.untold() == kFrames + 10);
}

BOOST_AUTO_TEST_CASE(struct_pages_that_can_not_be_read_cost_only_their_own_frames) {
  SyntheticKernel kernel;
  for (std::uint64_t i = 0; i < kFrames; ++i) kernel.put(kFirst + i, kUserPage);
  // The second page of struct pages, of 64 frames, leads out of memory; the third is not mapped.
  constexpr std::uint64_t kFramesPerGranule = 64;
  kernel.map(kernel.page_vaddr(kFirst + kFramesPerGranule), 0x7ffffff000);
  kernel.core.memory.put(kernel.entry_of(kernel.page_vaddr(kFirst + 2 * kFramesPerGranule), 1),
                         std::uint64_t{0});
  Opened opened(kernel);
  const std::vector<PageClass> classes = opened.ask(kFirst, kFrames);
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    const bool lost = i / kFramesPerGranule == 1 || i / kFramesPerGranule == 2;
    BOOST_TEST_INFO("frame " << i);
    BOOST_REQUIRE((classes[i] == (lost ? PageClass::kKernel : PageClass::kUser)));
  }
  BOOST_TEST(opened.untold() == 2 * kFramesPerGranule);
}

BOOST_AUTO_TEST_CASE(page_tables_that_lead_back_to_themselves_end) {
  SyntheticKernel kernel;
  kernel.put(kFirst, kUserPage);
  const std::uint64_t top = SyntheticKernel::kImagePaddr;
  kernel.core.memory.put(kernel.entry_of(kernel.vmemmap(), 4), top | 3);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, kFrames), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(untold_frames_are_counted_each_time_they_are_asked_for) {
  SyntheticKernel kernel;
  kernel.put(kFirst + 1, {.flags = ~std::uint64_t{0}});
  Opened opened(kernel);
  for (int i = 0; i < 3; ++i) check_all(opened.ask(kFirst, 4), PageClass::kKernel);
  BOOST_TEST(opened.untold() == 3U);
  check_all(opened.ask(kFirst + 2, 2), PageClass::kKernel);
  BOOST_TEST(opened.untold() == 3U);
}

BOOST_AUTO_TEST_CASE(vmcoreinfo_without_page_tables_or_sections_is_refused) {
  for (const auto& [key, detail] : {std::pair{"SYMBOL(init_top_pgt)", "init_top_pgt"},
                                    {"NUMBER(phys_base)", "phys_base"},
                                    {"SYMBOL(mem_section)", "mem_section"},
                                    {"LENGTH(mem_section)", "mem_section"},
                                    {"NUMBER(SECTION_SIZE_BITS)", "mem_section"},
                                    {"NUMBER(PG_lru)", "PG_lru"}}) {
    SyntheticKernel kernel;
    const test::TestFolder folder;
    kernel.write(folder.file("vmcore"));
    kernel.core.vmcoreinfo = fake::without(kernel.core.vmcoreinfo, {key});
    kernel.core.write(folder.file("vmcore"));
    const auto core = Vmcore::open(folder.file("vmcore"));
    BOOST_REQUIRE(core.has_value());
    const auto classifier = PageClassifier::open(*core);
    BOOST_TEST_CONTEXT(key) {
      BOOST_REQUIRE(!classifier);
      BOOST_TEST((classifier.error().code == Code::kNotFound));
      BOOST_TEST(describe(classifier.error()).find(detail) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(section_sizes_that_no_kernel_has_are_refused) {
  for (const char* line : {"SIZE(mem_section)=4097", "SIZE(mem_section)=0", "SIZE(mem_section)=7",
                           "OFFSET(mem_section.section_mem_map)=9", "LENGTH(mem_section)=99999999",
                           "NUMBER(SECTION_SIZE_BITS)=21", "NUMBER(SECTION_SIZE_BITS)=64",
                           "NUMBER(SECTION_SIZE_BITS)=-1"}) {
    SyntheticKernel kernel;
    kernel.info_of_pages += std::string(line) + "\n";
    BOOST_TEST_CONTEXT(line) {
      check_refused(kernel, Code::kUnsupported, "mem_section of");
    }
  }
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

}  // namespace lastword
