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

BOOST_AUTO_TEST_CASE(anything_else_is_no_duration) {
  for (const char* text : {"", "s", "5", "-1s", "1.5s", "5 s", "5s ", " 5s", "2minutes", "1h",
                           "99999999999999999m", "9223372036854775808ms"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(!parse_duration(text));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
