#define BOOST_TEST_MODULE page_class
#include "proto/page_class.h"

#include <boost/test/unit_test.hpp>

using namespace lastword;

namespace {
PageFilter filter(std::string_view text) {
  auto parsed = PageFilter::parse(text);
  BOOST_REQUIRE_MESSAGE(parsed, text);
  return *parsed;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(page_filter)

BOOST_AUTO_TEST_CASE(levels_are_makedumpfiles) {
  BOOST_TEST(filter("0").text() == "none");
  BOOST_TEST(filter("1").text() == "zero");
  BOOST_TEST(filter("2").text() == "cache");
  BOOST_TEST(filter("4").text() == "cache,private");
  BOOST_TEST(filter("8").text() == "user,hugetlb");
  BOOST_TEST(filter("16").text() == "free");
  BOOST_TEST(filter("31").text() == "zero,cache,private,user,hugetlb,free");
}

BOOST_AUTO_TEST_CASE(its_text_is_read_back_as_the_same_filter) {
  for (unsigned level = 0; level <= 31; ++level) {
    const PageFilter one = filter(std::to_string(level));
    BOOST_TEST((filter(one.text()) == one), "level " << level);
  }
}

BOOST_AUTO_TEST_CASE(kernel_pages_are_never_left_out) {
  for (unsigned level = 0; level <= 31; ++level) {
    BOOST_TEST(!filter(std::to_string(level)).excludes(PageClass::kKernel));
  }
}

BOOST_AUTO_TEST_CASE(pages_that_must_not_be_read_are_left_out_by_every_filter) {
  for (const PageFilter& one : {PageFilter(), filter("none"), filter("31"), filter("user")}) {
    BOOST_TEST(one.excludes(PageClass::kOffline));
    BOOST_TEST(one.excludes(PageClass::kHwpoison));
  }
}

BOOST_AUTO_TEST_CASE(what_is_neither_level_nor_names_is_refused) {
  for (const char* text : {"", "32", "-1", "3x", "kernel", "zero,", ",zero", "zero free",
                           "none,free", "99999999999999999999"}) {
    const auto parsed = PageFilter::parse(text);
    BOOST_TEST(!parsed, text);
    if (!parsed) BOOST_TEST((parsed.error().code == Code::kUsage));
  }
}

BOOST_AUTO_TEST_SUITE_END()
