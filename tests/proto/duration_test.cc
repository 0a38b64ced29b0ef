#include "proto/duration.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {

using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(duration)

BOOST_AUTO_TEST_CASE(a_whole_number_and_its_unit) {
  BOOST_TEST((parse_duration("500ms") == milliseconds(500)));
  BOOST_TEST((parse_duration("5s") == milliseconds(5000)));
  BOOST_TEST((parse_duration("2m") == milliseconds(120'000)));
  BOOST_TEST((parse_duration("2min") == milliseconds(120'000)));
  BOOST_TEST((parse_duration("0s") == milliseconds(0)));
  BOOST_TEST((parse_duration("9223372036854775807ms") == milliseconds::max()));
}

BOOST_AUTO_TEST_CASE(several_units_the_longest_first) {
  BOOST_TEST((parse_duration("1h") == milliseconds(3'600'000)));
  BOOST_TEST((parse_duration("1h30m") == milliseconds(5'400'000)));
  BOOST_TEST((parse_duration("1min30s") == milliseconds(90'000)));
  BOOST_TEST((parse_duration("1s500ms") == milliseconds(1500)));
}

BOOST_AUTO_TEST_CASE(text_of_a_time_is_read_as_the_same_time) {
  for (const char* text : {"0s", "500ms", "5s", "2m", "1m30s", "1h", "1h30m", "2h5s", "1500ms"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST_REQUIRE(parse_duration(text).has_value());
      BOOST_TEST(to_string(*parse_duration(text)) == text);
    }
  }
}

BOOST_AUTO_TEST_CASE(anything_else_is_no_duration) {
  for (const char* text : {"", "s", "5", "-1s", "1.5s", "5 s", "5s ", " 5s", "2minutes", "1d",
                           "30m1h", "1m1min", "1h30", "h", "1s-5ms", "9223372036854775807ms1s",
                           "2562047788016h", "99999999999999999m", "9223372036854775808ms"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(!parse_duration(text));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
