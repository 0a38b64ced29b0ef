// When the copies of several volumes are of one moment.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/snapshot_run.h"

namespace lastword {
namespace {

constexpr Quiet kHeld{.held = true, .changed = false};
constexpr Quiet kOpenButQuiet{.held = false, .changed = false};
constexpr Quiet kWritten{.held = false, .changed = true};
// By who else but us: an attribute, since nobody could write.
constexpr Quiet kHeldAndTouched{.held = true, .changed = true};

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_plan)

BOOST_AUTO_TEST_CASE(held_or_quiet_volumes_are_of_one_moment) {
  BOOST_TEST(is_one_point({kHeld, kHeld}));
  BOOST_TEST(is_one_point({kHeld, kOpenButQuiet}));
  BOOST_TEST(is_one_point({kHeldAndTouched, kOpenButQuiet}));
}

BOOST_AUTO_TEST_CASE(one_that_was_written_is_enough) {
  BOOST_TEST(!is_one_point({kHeld, kWritten}));
  BOOST_TEST(!is_one_point({kWritten, kOpenButQuiet, kHeld}));
}

// It is as good as its moment, whichever that was.
BOOST_AUTO_TEST_CASE(single_volume_is_always_of_one_moment) {
  BOOST_TEST(is_one_point({kWritten}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
