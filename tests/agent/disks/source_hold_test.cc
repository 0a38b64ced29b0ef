// Whoever reads for long from a disk of the cluster learns that another node took it.
#include "agent/disks/source_hold.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

// Disk 0 and 1 are the cluster's, 2 is of another one.
struct Source {
  Source() {
    plant(shelf, 0, make_label(0, pb::SERVICE));
    plant(shelf, 1, make_label(1, pb::SERVICE));
    pb::Label other = make_label(2, pb::SERVICE);
    other.set_cluster_uuid("11111111-1111-4111-8111-111111111111");
    plant(shelf, 2, other);
  }
  void hold(const fake::Nexus& nexus, unsigned lun, ReservationKey key) {
    const auto one = nexus.lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(one->register_ignoring_existing(key, false)));
    BOOST_TEST_REQUIRE(fake::ok(one->reserve(key, kOwnerType)));
  }
  Result<SourceHold> take(const std::vector<unsigned>& luns) {
    std::vector<std::string> paths;
    for (const unsigned lun : luns) paths.push_back(path_of(lun));
    return SourceHold::take(surveyor, config, paths);
  }

  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 3, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{alpha, 3};
  Surveyor surveyor{config, view, executor};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(source_hold, Source)

BOOST_AUTO_TEST_CASE(disks_of_this_node_and_of_nobody_are_good) {
  hold(alpha, 0, key_of(kAlpha, 7));
  hold(alpha, 1, key_of(kAlpha, 7));
  const auto both = take({0, 1});
  BOOST_REQUIRE(fake::ok(both));
  BOOST_TEST(both->disk_count() == 2U);
  BOOST_TEST(fake::ok(both->check()));
  const auto none = take({2});
  BOOST_REQUIRE(fake::ok(none));
  BOOST_TEST(none->disk_count() == 0U);
  BOOST_TEST(fake::ok(none->check()));
}

BOOST_AUTO_TEST_CASE(disk_that_another_node_holds_or_nobody) {
  hold(alpha, 0, key_of(kAlpha, 7));
  BOOST_TEST(fake::fails(take({0, 1}), Code::kRefused));
  hold(beta, 1, key_of(kBeta, 3));
  BOOST_TEST(fake::fails(take({0, 1}), Code::kFenced));
  BOOST_TEST(fake::ok(take({0})));
}

BOOST_AUTO_TEST_CASE(disk_that_is_taken_meanwhile_is_known_at_the_next_look) {
  hold(alpha, 0, key_of(kAlpha, 7));
  const auto source = take({0});
  BOOST_REQUIRE(fake::ok(source));
  BOOST_TEST(fake::ok(source->check()));
  const auto taker = beta.lun(0);
  BOOST_TEST_REQUIRE(fake::ok(taker->register_ignoring_existing(key_of(kBeta, 3), false)));
  BOOST_TEST_REQUIRE(
      fake::ok(taker->preempt_and_abort(key_of(kBeta, 3), key_of(kAlpha, 7), kOwnerType)));
  BOOST_TEST(fake::fails(source->check(), Code::kFenced));
}

BOOST_AUTO_TEST_CASE(another_life_of_this_node_is_not_the_one_that_began) {
  hold(alpha, 0, key_of(kAlpha, 7));
  const auto source = take({0});
  BOOST_REQUIRE(fake::ok(source));
  const auto lun = alpha.lun(0);
  BOOST_TEST_REQUIRE(fake::ok(lun->release(key_of(kAlpha, 7), kOwnerType)));
  BOOST_TEST(fake::fails(source->check(), Code::kRefused));
  hold(alpha, 0, key_of(kAlpha, 8));
  BOOST_TEST(fake::fails(source->check(), Code::kFenced));
}

BOOST_AUTO_TEST_CASE(disk_whose_reservation_cannot_be_read_is_not_taken_for_held) {
  hold(alpha, 0, key_of(kAlpha, 7));
  shelf.inject(0, {.kind = fake::FaultKind::kTimeout, .only = fake::Command::kReadReservation});
  BOOST_TEST(!take({0}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
