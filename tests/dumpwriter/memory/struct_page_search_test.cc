// Page tables, mem_section and the kernel's image, as PageClassifier finds struct pages by them.
#include "tests/dumpwriter/memory/classifier_fixture.h"

namespace lastword::test {
namespace {

void check_refused(SyntheticKernel& kernel, Code code, std::string_view detail) {
  const Opened opened(kernel);
  BOOST_REQUIRE(!opened.classifier);
  BOOST_TEST((opened.classifier.error().code == code));
  BOOST_TEST_INFO(describe(opened.classifier.error()));
  BOOST_TEST(describe(opened.classifier.error()).find(detail) != std::string::npos);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(struct_page_search)

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
  BOOST_TEST(opened.unclassified() == 0U);
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
    BOOST_TEST(opened.unclassified() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(sections_may_have_their_struct_pages_anywhere) {
  SyntheticKernel kernel;
  kernel.add_section(2, kernel.vmemmap() + (std::uint64_t{3} << 30));
  kernel.put_compound(kFirst, 10, kUserPage);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, kFrames), PageClass::kUser);
}

BOOST_AUTO_TEST_CASE(sections_that_are_not_there_are_unclassified) {
  SyntheticKernel kernel;
  kernel.put(kFirst - 1, kUserPage);
  kernel.core.memory.put(kernel.mem_section_paddr(kFirst / kFrames), std::uint64_t{0});
  Opened opened(kernel);
  check_all(opened.ask(kFirst - 1, 1), PageClass::kUser);
  check_all(opened.ask(kFirst, kFrames), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == kFrames);
  check_all(opened.ask(std::uint64_t{1} << 40, 10), PageClass::kKernel);  // beyond all roots
  BOOST_TEST(opened.unclassified() == kFrames + 10);
}

BOOST_AUTO_TEST_CASE(section_that_is_not_present_is_unclassified_whatever_else_is_in_it) {
  SyntheticKernel kernel;
  kernel.put(kFirst, kUserPage);
  kernel.core.memory.put(kernel.mem_section_paddr(kFirst / kFrames), kernel.vmemmap() | 0xe);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, 1), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 1U);
}

BOOST_AUTO_TEST_CASE(roots_end_where_vmcoreinfo_says) {
  SyntheticKernel kernel;
  constexpr std::uint64_t kRoots = 4;  // the array goes on, with a root that would do
  constexpr std::uint64_t kSectionsPerRoot = 256;
  kernel.core.memory.put(SyntheticKernel::kRootsPaddr + kRoots * 8,
                         kernel.direct_map() + SyntheticKernel::kRootPaddr);
  const std::uint64_t pfn = (kRoots * kSectionsPerRoot + kFirst / kFrames) * kFrames;
  kernel.map(kernel.vmemmap() + pfn * fake::kPageStructBytes, kernel.page_paddr(kFirst));
  kernel.put(kFirst, kUserPage);
  Opened opened(kernel);
  check_all(opened.ask(pfn, 1), PageClass::kKernel);
  BOOST_TEST(opened.unclassified() == 1U);
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
  BOOST_TEST(opened.unclassified() == 2 * kFramesPerGranule);
}

BOOST_AUTO_TEST_CASE(struct_page_across_two_pages_is_lost_with_either) {
  SyntheticKernel kernel;
  // Struct pages of 64 bytes that begin in the middle of one: each 64th is in two pages.
  constexpr std::uint64_t kHalf = fake::kPageStructBytes / 2;
  constexpr std::uint64_t kPerPage = kPageBytes / fake::kPageStructBytes;
  const std::uint64_t elsewhere = kernel.vmemmap() + (std::uint64_t{8} << 30);
  const std::uint64_t pages = kernel.page_paddr(kFirst);
  for (std::uint64_t at = 0; at <= kFrames / kPerPage; ++at) {
    kernel.map(elsewhere + at * kPageBytes, pages + at * kPageBytes);
  }
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    kernel.core.memory.put(pages + kHalf + i * fake::kPageStructBytes, kUserPage.bytes());
  }
  const std::uint64_t coded = elsewhere + kHalf - kFirst * fake::kPageStructBytes;
  kernel.core.memory.put(kernel.mem_section_paddr(kFirst / kFrames), coded | 0xf);
  {
    Opened whole(kernel);
    check_all(whole.ask(kFirst, kFrames), PageClass::kUser);
  }
  // The second of these pages leads out of memory.
  kernel.map(elsewhere + kPageBytes, 0x7ffffff000);
  Opened opened(kernel);
  const std::vector<PageClass> classes = opened.ask(kFirst, kFrames);
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    const bool lost = i + 1 >= kPerPage && i < 2 * kPerPage;
    BOOST_TEST_INFO("frame " << i);
    BOOST_REQUIRE((classes[i] == (lost ? PageClass::kKernel : PageClass::kUser)));
  }
  BOOST_TEST(opened.unclassified() == kPerPage + 1);
}

BOOST_AUTO_TEST_CASE(page_tables_that_lead_back_to_themselves_end) {
  SyntheticKernel kernel;
  kernel.put(kFirst, kUserPage);
  const std::uint64_t top = SyntheticKernel::kImagePaddr;
  kernel.core.memory.put(kernel.entry_of(kernel.vmemmap(), 4), top | 3);
  Opened opened(kernel);
  check_all(opened.ask(kFirst, kFrames), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(vmcoreinfo_without_page_tables_or_sections_is_refused) {
  for (const auto& [key, detail] : {std::pair{"SYMBOL(init_top_pgt)", "init_top_pgt"},
                                    {"NUMBER(phys_base)", "phys_base"},
                                    {"SYMBOL(mem_section)", "mem_section"},
                                    {"LENGTH(mem_section)", "mem_section"},
                                    {"NUMBER(SECTION_SIZE_BITS)", "mem_section"},
                                    {"NUMBER(PG_lru)", "PG_lru"}}) {
    SyntheticKernel kernel;
    const TestFolder folder;
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
