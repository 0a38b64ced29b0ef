// When a node that stood still looks anew.
#include "agent/daemon/own_pause.h"

#include <boost/test/unit_test.hpp>

namespace lastword {

BOOST_AUTO_TEST_SUITE(own_pause)

BOOST_AUTO_TEST_CASE(turn_that_is_late_asks_for_one_look) {
  constexpr milliseconds kLongest{500};
  OwnPause pause(Instant{0}, kLongest);
  BOOST_TEST(!pause.stood_still(kLongest));
  BOOST_TEST(pause.stood_still(2 * kLongest + milliseconds(1)));
  // On a machine where each turn is late, the look that is under way counts.
  BOOST_TEST(!pause.stood_still(4 * kLongest));
  pause.looked();
  BOOST_TEST(!pause.stood_still(5 * kLongest));
  BOOST_TEST(pause.stood_still(7 * kLongest));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
