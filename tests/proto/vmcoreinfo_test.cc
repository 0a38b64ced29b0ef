#include "proto/vmcoreinfo.h"

#include <boost/test/unit_test.hpp>

#include "dumpwriter/base/clock.h"

namespace lastword {
namespace {

using std::chrono::seconds;

constexpr std::string_view kText =
    "OSRELEASE=6.1.0-18-amd64\n"
    "SYMBOL(prb)=ffffffff8281e680\n"
    "SIZE(prb_desc)=24\n"
    "OFFSET(prb_desc.state_var)=0\n"
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
    "LENGTH(mem_section)=2048\n"
    "SIZE(page)=sixty\n"
    "no equals sign\n"
    "SYMBOL(prb_more)=1\n"
    "CRASHTIME=1700000000";

}  // namespace

BOOST_AUTO_TEST_SUITE(vmcoreinfo)

BOOST_AUTO_TEST_CASE(values_are_found_by_kind_and_name) {
  const Vmcoreinfo info(kText);
  BOOST_TEST(info.value("OSRELEASE").value_or("") == "6.1.0-18-amd64");
  BOOST_TEST(info.value("CRASHTIME").value_or("") == "1700000000");
  BOOST_TEST(info.symbol("prb").value_or(0) == 0xffffffff8281e680U);
  BOOST_TEST(info.size("prb_desc").value_or(0) == 24U);
  BOOST_TEST(info.offset("prb_desc.state_var").value_or(1) == 0U);
  BOOST_TEST(info.length("mem_section").value_or(0) == 2048U);
  BOOST_TEST(info.number("PAGE_BUDDY_MAPCOUNT_VALUE").value_or(0) == -129);
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_not_a_number_is_absent) {
  const Vmcoreinfo info(kText);
  BOOST_TEST(!info.value("CRASH"));
  BOOST_TEST(!info.symbol("pr"));
  BOOST_TEST(!info.size("prb"));
  BOOST_TEST(!info.size("page"));
  BOOST_TEST(!Vmcoreinfo().value("OSRELEASE"));
}

BOOST_AUTO_TEST_CASE(last_line_of_a_key_counts) {
  BOOST_TEST(Vmcoreinfo("CRASHTIME=1\nCRASHTIME=2\n").value("CRASHTIME").value_or("") == "2");
}

BOOST_AUTO_TEST_CASE(crash_time_is_a_time_that_a_clock_can_show) {
  BOOST_TEST(Vmcoreinfo(kText).crash_time().value_or(0) == 1'700'000'000);
  BOOST_TEST(Vmcoreinfo("CRASHTIME=253402300799").crash_time().value_or(0) == 253'402'300'799);
  for (const char* text : {"", "CRASHTIME=", "CRASHTIME=12 s", "CRASHTIME=soon", "CRASHTIME=-5",
                           "CRASHTIME=253402300800", "CRASHTIME=99999999999999999999"}) {
    BOOST_TEST(!Vmcoreinfo(text).crash_time(), text);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(panic_time)

BOOST_AUTO_TEST_CASE(counts_from_the_crash_time) {
  const Vmcoreinfo info("CRASHTIME=1700000000\n");
  const milliseconds now = seconds(1700000007) + milliseconds(250);
  BOOST_TEST(time_since_panic(info, now, seconds(2)).count() == 7250);
}

BOOST_AUTO_TEST_CASE(is_never_less_than_the_capture_kernels_uptime) {
  const Vmcoreinfo info("CRASHTIME=1700000000\n");
  BOOST_TEST(time_since_panic(info, seconds(1700000001), seconds(2)).count() == 2000);
}

BOOST_AUTO_TEST_CASE(wall_clock_that_jumped_is_not_believed) {
  const Vmcoreinfo info("CRASHTIME=1700000000\n");
  for (const seconds off : {seconds(-3600), seconds(3600), seconds(7200), seconds(300)}) {
    BOOST_TEST(time_since_panic(info, seconds(1700000003) + off, seconds(2)).count() == 2000);
  }
}

BOOST_AUTO_TEST_CASE(without_crash_time_it_is_the_uptime) {
  for (const char* text :
       {"", "CRASHTIME=soon\n", "CRASHTIME=\n", "CRASHTIME=-5\n", "CRASHTIME=9999999999999999\n"}) {
    BOOST_TEST(time_since_panic(Vmcoreinfo(text), seconds(1700000001), seconds(2)).count() == 2000);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
