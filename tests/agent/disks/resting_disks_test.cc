// Which disks are left in peace, and until when.
#include "agent/disks/resting_disks.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

constexpr Instant kAsked{1000};
constexpr Instant kRested = kAsked + RestingDisks::kRest;
constexpr milliseconds kMoment{1};
const std::string kDisk = "/dev/sda";

}  // namespace

BOOST_AUTO_TEST_SUITE(resting_disks)

BOOST_AUTO_TEST_CASE(disk_that_answered_is_asked_again_at_once) {
  RestingDisks disks;
  disks.asked(kDisk, kAsked);
  disks.answered(kDisk, kAsked);
  BOOST_TEST(!disks.rests(kDisk, kAsked));
  BOOST_TEST(!disks.hangs(kDisk, kRested));
}

// A takeover looks while the agent does.
BOOST_AUTO_TEST_CASE(disk_that_another_look_has_asked_a_moment_ago_does_not_rest) {
  RestingDisks disks;
  for (unsigned i = 0; i <= RestingDisks::kMostOpen; ++i) disks.asked(kDisk, kAsked);
  BOOST_TEST(!disks.rests(kDisk, kAsked + RestingDisks::kPatience - kMoment));
  BOOST_TEST(disks.rests(kDisk, kAsked + RestingDisks::kPatience));
}

BOOST_AUTO_TEST_CASE(disk_that_owes_an_answer_rests_for_a_while_and_then_hangs) {
  RestingDisks disks;
  disks.asked(kDisk, kAsked);
  BOOST_TEST(!disks.rests(kDisk, kAsked));
  BOOST_TEST(disks.rests(kDisk, kRested - kMoment));
  BOOST_TEST(!disks.hangs(kDisk, kRested - kMoment));
  BOOST_TEST(!disks.rests(kDisk, kRested));
  BOOST_TEST(disks.hangs(kDisk, kRested));
  BOOST_TEST(!disks.rests("/dev/sdb", kAsked));
}

BOOST_AUTO_TEST_CASE(disk_that_heals_after_long_rests_no_longer) {
  RestingDisks disks;
  Instant now = kAsked;
  for (unsigned i = 0; i < RestingDisks::kMostOpen; ++i, now += RestingDisks::kRest) {
    BOOST_TEST(!disks.rests(kDisk, now));
    disks.asked(kDisk, now);
  }
  const Instant later = now + 100 * RestingDisks::kRest;
  BOOST_TEST(disks.rests(kDisk, later));  // so much was asked of it in vain
  for (Instant asked = kAsked; asked < now; asked += RestingDisks::kRest) {
    disks.answered(kDisk, asked);
  }
  BOOST_TEST(!disks.rests(kDisk, now));
  BOOST_TEST(!disks.hangs(kDisk, later));
}

BOOST_AUTO_TEST_CASE(answer_that_nobody_waited_for_changes_nothing) {
  RestingDisks disks;
  disks.answered(kDisk, kAsked);
  disks.asked(kDisk, kAsked);
  disks.answered(kDisk, kAsked + kMoment);
  BOOST_TEST(disks.rests(kDisk, kAsked + RestingDisks::kPatience));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
