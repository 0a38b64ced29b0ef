#include "agent/node/event.h"

#include <boost/test/unit_test.hpp>
#include <limits>

namespace lastword::test {
namespace {

// 2024-05-01 10:00:00.250 UTC
constexpr std::int64_t kTime = 1714557600250;

std::string line_with_detail(const std::string& detail) {
  return format_event("beta", {.name = "e", .disk = "", .detail = detail}, kTime);
}
std::string expected_with(const std::string& detail) {
  return R"(lastword-event {"node":"beta","event":"e","detail":")" + detail +
         R"(","time":"2024-05-01T10:00:00.250Z"})";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(event)

BOOST_AUTO_TEST_CASE(what_does_not_apply_is_left_out) {
  BOOST_TEST(format_event("beta", {.name = "service-taken", .disk = "", .detail = ""}, kTime) ==
             R"(lastword-event {"node":"beta","event":"service-taken",)"
             R"("time":"2024-05-01T10:00:00.250Z"})");
}

BOOST_AUTO_TEST_CASE(fields_are_in_their_order) {
  BOOST_TEST(
      format_event(
          "beta", {.name = "disk-taken", .disk = "/dev/sdb", .detail = "d", .disk_uuid = "u"},
          kTime) == R"(lastword-event {"node":"beta","event":"disk-taken","disk":"/dev/sdb",)"
                    R"("disk_uuid":"u","detail":"d","time":"2024-05-01T10:00:00.250Z"})");
}

BOOST_AUTO_TEST_CASE(quotes_and_control_characters_are_escaped) {
  BOOST_TEST(line_with_detail("a\"b\\c\nd") == expected_with(R"(a\"b\\c\nd)"));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf8_do_not_cost_the_event) {
  BOOST_TEST(line_with_detail("a\xff"
                              "b\xc3") == expected_with("a?b?"));
  // Overlong, a surrogate, beyond U+10FFFF.
  BOOST_TEST(line_with_detail("\xc0\xaf") == expected_with("??"));
  BOOST_TEST(line_with_detail("\xed\xa0\x80") == expected_with("???"));
  BOOST_TEST(line_with_detail("\xf4\x90\x80\x80") == expected_with("????"));
}

BOOST_AUTO_TEST_CASE(clock_that_makes_no_sense_does_not_cost_the_event) {
  for (const std::int64_t time : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1},
                                  std::numeric_limits<std::int64_t>::max()}) {
    const std::string line = format_event("beta", {.name = "e", .disk = "", .detail = ""}, time);
    BOOST_TEST(line.find("\"time\":\"1970-01-01T00:00:00.") != std::string::npos, line);
  }
}

BOOST_AUTO_TEST_CASE(utf8_stays) {
  BOOST_TEST(line_with_detail("Gerät €") == expected_with("Gerät €"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
