#include "dumpwriter/memory/page_layout.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/struct_pages.h"

namespace lastword {
namespace {

using fake::StructPage;
using Kind = PageDecision::Kind;

constexpr std::uint64_t kPfn = 0x40000;  // aligned for every order

PageLayout layout_of(std::string_view info) {
  const auto layout = PageLayout::from(Vmcoreinfo(info));
  BOOST_REQUIRE_MESSAGE(layout.has_value(), (layout ? "" : describe(layout.error())));
  return *layout;
}

PageDecision decide(const PageLayout& layout, const StructPage& page, const StructPage& next = {},
                    std::uint64_t pfn = kPfn) {
  return layout.decide(pfn, page.bytes(), next.bytes());
}

PageDecision decide(const StructPage& page, const StructPage& next = {}, std::uint64_t pfn = kPfn) {
  return decide(layout_of(fake::kPageInfo), page, next, pfn);
}

void check_single(const PageDecision& decision, PageClass expected) {
  BOOST_TEST((decision.kind == Kind::kSingle));
  BOOST_TEST(name_of(decision.page_class) == name_of(expected));
}

void check_compound(const PageDecision& decision, PageClass expected, unsigned order) {
  BOOST_TEST((decision.kind == Kind::kCompound));
  BOOST_TEST(name_of(decision.page_class) == name_of(expected));
  BOOST_TEST(decision.order == order);
}

void check_unclassified(const PageDecision& decision) {
  BOOST_TEST((decision.kind == Kind::kUntold));
  BOOST_TEST((decision.page_class == PageClass::kKernel));
}

std::string with(std::initializer_list<std::string_view> removed, std::string_view added) {
  return fake::without(fake::kPageInfo, removed) + std::string(added);
}

// Linux 6.3 to 6.5: order and destructor by their place in a folio.
const std::string kInfo63 = with({"OFFSET(page.compound_dtor)", "OFFSET(page.compound_order)"},
                                 "OFFSET(folio._folio_dtor)=80\nOFFSET(folio._folio_order)=81\n");
// Linux 6.6: order in the second page's flags, hugetlb a flag there.
const std::string kInfo66 =
    with({"OFFSET(page.compound_dtor)", "OFFSET(page.compound_order)", "NUMBER(HUGETLB_PAGE_DTOR)"},
         "NUMBER(PG_hugetlb)=8\n");
// Linux 6.12: page types are the top byte of page._mapcount, slab and hugetlb among them.
const std::string kInfo612 = with(
    {"OFFSET(page.compound_dtor)", "OFFSET(page.compound_order)", "NUMBER(HUGETLB_PAGE_DTOR)",
     "NUMBER(PG_slab)", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"},
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=4026531840\n"
    "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=4043309056\n"
    "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=4110417920\n"
    "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=4127195136\n"
    "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=4160749568\n");

}  // namespace

BOOST_AUTO_TEST_SUITE(page_layout)

BOOST_AUTO_TEST_CASE(page_without_any_mark_is_kernel) {
  check_single(decide({}), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(slab_is_slab_whatever_its_mapping_holds) {
  check_single(decide({.flags = fake::kSlab, .mapping = fake::kAnonymous}), PageClass::kSlab);
}

BOOST_AUTO_TEST_CASE(file_page_on_a_list_is_cache) {
  check_single(decide({.flags = fake::kLru, .mapping = 0xffff888000001000}), PageClass::kCache);
}

BOOST_AUTO_TEST_CASE(file_page_with_buffers_is_private_cache) {
  check_single(decide({.flags = fake::kLru | fake::kPrivate, .mapping = 0xffff888000001000}),
               PageClass::kPrivateCache);
}

BOOST_AUTO_TEST_CASE(private_page_that_is_on_no_list_is_kernel) {
  check_single(decide({.flags = fake::kPrivate}), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(anonymous_page_is_user_on_a_list_or_not) {
  check_single(decide({.flags = fake::kLru, .mapping = 0xffff888000001001}), PageClass::kUser);
  check_single(decide({.mapping = 0xffff888000001001}), PageClass::kUser);
}

BOOST_AUTO_TEST_CASE(anonymous_page_in_swap_cache_is_user) {
  check_single(decide({.flags = fake::kLru | fake::kSwapBacked | fake::kSwapCache,
                       .mapping = 0xffff888000001001}),
               PageClass::kUser);
}

BOOST_AUTO_TEST_CASE(shared_page_in_swap_cache_is_cache) {
  check_single(decide({.flags = fake::kSwapBacked | fake::kSwapCache}), PageClass::kCache);
}

BOOST_AUTO_TEST_CASE(swap_cache_bit_of_a_page_without_swap_means_something_else) {
  check_single(decide({.flags = fake::kSwapCache}), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(swap_cache_bit_counts_alone_where_there_is_no_swapbacked) {
  const PageLayout old = layout_of(with({"NUMBER(PG_swapbacked)"}, ""));
  check_single(decide(old, {.flags = fake::kSwapCache}), PageClass::kCache);
}

BOOST_AUTO_TEST_CASE(offline_page_is_offline) {
  check_single(decide({.mapcount = fake::kOfflineType}), PageClass::kOffline);
}

BOOST_AUTO_TEST_CASE(slab_is_never_offline_or_free) {
  check_single(decide({.flags = fake::kSlab, .mapcount = fake::kOfflineType}), PageClass::kSlab);
  check_single(decide({.flags = fake::kSlab, .mapcount = fake::kBuddyType}), PageClass::kSlab);
}

BOOST_AUTO_TEST_CASE(first_page_of_a_free_block_tells_its_order) {
  for (unsigned order = 0; order <= kMaxBuddyOrder; ++order) {
    const PageDecision decision = decide({.private_data = order, .mapcount = fake::kBuddyType});
    BOOST_TEST((decision.kind == Kind::kBuddy));
    BOOST_TEST((decision.page_class == PageClass::kFree));
    BOOST_TEST(decision.order == order);
  }
}

BOOST_AUTO_TEST_CASE(free_block_of_an_absurd_order_is_unclassified) {
  check_unclassified(decide({.private_data = 11, .mapcount = fake::kBuddyType}));
  check_unclassified(decide({.private_data = ~std::uint64_t{0}, .mapcount = fake::kBuddyType}));
}

BOOST_AUTO_TEST_CASE(free_block_that_is_not_aligned_is_unclassified) {
  check_unclassified(decide({.private_data = 1, .mapcount = fake::kBuddyType}, {}, kPfn + 1));
}

BOOST_AUTO_TEST_CASE(no_page_is_free_where_vmcoreinfo_does_not_say_how_they_look) {
  const PageLayout layout = layout_of(with({"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"}, ""));
  check_single(decide(layout, {.mapcount = fake::kBuddyType}), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(huge_anonymous_page_is_user_with_its_order) {
  check_compound(decide({.flags = fake::kHead | fake::kLru, .mapping = 0xffff888000001001},
                        {.compound_dtor = fake::kPlainDtor, .compound_order = 9}),
                 PageClass::kUser, 9);
}

BOOST_AUTO_TEST_CASE(hugetlb_page_is_hugetlb_in_use_or_in_the_pool) {
  const StructPage second{.compound_dtor = fake::kHugetlbDtor, .compound_order = 18};
  check_compound(decide({.flags = fake::kHead}, second), PageClass::kHugetlb, 18);
  check_compound(decide({.flags = fake::kHead, .mapping = 0xffff888000001001}, second),
                 PageClass::kHugetlb, 18);
}

BOOST_AUTO_TEST_CASE(other_compound_page_is_kernel_or_slab) {
  const StructPage second{.compound_dtor = fake::kPlainDtor, .compound_order = 3};
  check_compound(decide({.flags = fake::kHead}, second), PageClass::kKernel, 3);
  check_compound(decide({.flags = fake::kHead | fake::kSlab}, second), PageClass::kSlab, 3);
}

BOOST_AUTO_TEST_CASE(compound_page_of_an_absurd_order_is_unclassified) {
  const StructPage head{.flags = fake::kHead | fake::kLru};
  check_unclassified(decide(head, {.compound_order = 19}));
  check_unclassified(decide(head, {.compound_order = 255}));
  check_unclassified(decide(head, {.compound_order = 0}));
}

BOOST_AUTO_TEST_CASE(compound_page_that_is_not_aligned_is_unclassified) {
  check_unclassified(
      decide({.flags = fake::kHead | fake::kLru}, {.compound_order = 9}, kPfn + 256));
}

BOOST_AUTO_TEST_CASE(compound_page_without_its_second_struct_page_is_unclassified) {
  const auto page = StructPage{.flags = fake::kHead | fake::kLru}.bytes();
  check_unclassified(layout_of(fake::kPageInfo).decide(kPfn, page, {}));
}

BOOST_AUTO_TEST_CASE(tail_names_its_head) {
  const PageDecision decision = decide({.compound_head = 0xffffea0000001001});
  BOOST_TEST((decision.kind == Kind::kTail));
  BOOST_TEST(decision.head == 0xffffea0000001000);
}

BOOST_AUTO_TEST_CASE(struct_page_that_was_never_set_up_is_unclassified) {
  check_unclassified(decide({.flags = ~std::uint64_t{0}}));
}

BOOST_AUTO_TEST_CASE(poisoned_page_is_poisoned_whatever_else_it_is) {
  const PageLayout layout = layout_of(with({}, "NUMBER(PG_hwpoison)=22\n"));
  constexpr PageClass kPoisoned = PageClass::kHwpoison;
  const std::uint64_t poisoned = fake::kHwpoison;
  check_single(decide(layout, {.flags = poisoned}), kPoisoned);
  check_single(decide(layout, {.flags = poisoned | fake::kLru}), kPoisoned);
  check_single(decide(layout, {.flags = poisoned, .mapping = 0xffff888000001001}), kPoisoned);
  check_single(decide(layout, {.flags = poisoned, .compound_head = 0xffffea0000001001}), kPoisoned);
  check_single(decide(layout, {.flags = poisoned, .mapcount = fake::kBuddyType}), kPoisoned);
  // The kernel marks the head and keeps to itself which of the frames it is.
  check_compound(decide(layout, {.flags = poisoned | fake::kHead},
                        {.compound_dtor = fake::kHugetlbDtor, .compound_order = 9}),
                 kPoisoned, 9);
  check_single(decide(layout, {.flags = poisoned | fake::kHead}, {.compound_order = 200}),
               kPoisoned);
}

BOOST_AUTO_TEST_CASE(bit_that_another_kernel_uses_for_poison_means_nothing_here) {
  check_single(decide({.flags = fake::kHwpoison}), PageClass::kKernel);
}

BOOST_AUTO_TEST_CASE(linux_6_3_has_order_and_destructor_in_the_folio) {
  const PageLayout layout = layout_of(kInfo63);
  check_compound(decide(layout, {.flags = fake::kHead},
                        {.compound_dtor = fake::kHugetlbDtor, .compound_order = 9}),
                 PageClass::kHugetlb, 9);
}

BOOST_AUTO_TEST_CASE(linux_6_6_has_order_and_hugetlb_in_the_second_flags) {
  const PageLayout layout = layout_of(kInfo66);
  check_compound(decide(layout, {.flags = fake::kHead}, {.flags = 9 | 1 << 8}), PageClass::kHugetlb,
                 9);
  check_compound(decide(layout, {.flags = fake::kHead | fake::kLru}, {.flags = 4}),
                 PageClass::kCache, 4);
}

BOOST_AUTO_TEST_CASE(linux_6_12_has_hugetlb_slab_free_and_offline_as_page_types) {
  const PageLayout layout = layout_of(kInfo612);
  const auto type = [](std::uint32_t byte) { return static_cast<std::int32_t>(byte << 24); };
  check_compound(decide(layout, {.flags = fake::kHead, .mapcount = type(0xf5)}, {.flags = 9}),
                 PageClass::kHugetlb, 9);
  check_single(decide(layout, {.mapping = fake::kAnonymous, .mapcount = type(0xf6)}),
               PageClass::kSlab);
  check_single(decide(layout, {.mapcount = type(0xf1)}), PageClass::kOffline);
  const PageDecision free = decide(layout, {.private_data = 5, .mapcount = type(0xf0)});
  BOOST_TEST((free.kind == Kind::kBuddy && free.order == 5));
  const PageDecision unaccepted = decide(layout, {.mapcount = type(0xf8)});
  BOOST_TEST((unaccepted.kind == Kind::kBuddy && unaccepted.order == kMaxBuddyOrder));
  check_unclassified(decide(layout, {.mapcount = type(0xf8)}, {}, kPfn + 512));
}

BOOST_AUTO_TEST_CASE(compound_pages_are_unclassified_where_their_encoding_is_unknown) {
  const PageLayout layout = layout_of(with({"NUMBER(HUGETLB_PAGE_DTOR)"}, ""));
  check_unclassified(decide(layout, {.flags = fake::kHead | fake::kLru},
                            {.compound_dtor = fake::kPlainDtor, .compound_order = 9}));
  check_single(decide(layout, {.flags = fake::kLru}), PageClass::kCache);
}

BOOST_AUTO_TEST_CASE(nothing_is_told_without_what_every_class_needs) {
  for (const std::string_view key :
       {"SIZE(page)", "OFFSET(page.flags)", "OFFSET(page.mapping)", "OFFSET(page._mapcount)",
        "OFFSET(page.private)", "OFFSET(page.compound_head)", "NUMBER(PG_lru)",
        "NUMBER(PG_private)", "NUMBER(PG_swapcache)", "NUMBER(PG_slab)", "NUMBER(PG_head_mask)"}) {
    const std::string info = with({key}, "");
    const auto layout = PageLayout::from(Vmcoreinfo(info));
    BOOST_TEST_CONTEXT(key) {
      BOOST_REQUIRE(!layout);
      BOOST_TEST((layout.error().code == Code::kNotFound));
      BOOST_TEST(describe(layout.error()).find(key) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(layouts_that_are_none_are_refused) {
  for (const std::string_view line :
       {"SIZE(page)=0", "SIZE(page)=7", "SIZE(page)=129", "SIZE(page)=18446744073709551615",
        "OFFSET(page.flags)=57", "OFFSET(page.mapping)=18446744073709551615",
        "OFFSET(page._mapcount)=61", "NUMBER(PG_lru)=64", "NUMBER(PG_slab)=-1",
        "OFFSET(page.compound_order)=64", "OFFSET(folio._folio_order)=3",
        "LENGTH(zone.free_area)=0", "LENGTH(zone.free_area)=12"}) {
    const std::string info = with({}, std::string(line) + "\n");
    const auto layout = PageLayout::from(Vmcoreinfo(info));
    BOOST_TEST_CONTEXT(line) {
      BOOST_REQUIRE(!layout);
      BOOST_TEST((layout.error().code == Code::kUnsupported));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
