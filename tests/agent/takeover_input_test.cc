// What the watching partner concludes from a survey, and how it then goes about each disk.
#include <boost/test/unit_test.hpp>

#include "agent/failure_watch.h"
#include "agent/takeover.h"
#include "tests/agent/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kCrashed = 7;  // boot generation of alpha
constexpr std::uint32_t kOwn = 3;      // of beta, which watches

struct Watching {
  Watching() {
    std::swap(config.self, config.partner);
    BOOST_REQUIRE_EQUAL(config.self.id, kBeta);
  }
  static SurveyedDisk alphas(pb::Attribute attribute, std::uint32_t generation = kCrashed) {
    SurveyedDisk disk = in_service(0, pb::SPARE, kCrashed);
    disk.header.set_attribute(attribute);
    disk.header.set_node(kAlpha);
    disk.header.set_boot_generation(generation);
    return disk;
  }
  static SurveyedDisk taken(std::uint32_t generation = kOwn) {
    return in_service(1, pb::SERVICE, generation, kBeta);
  }
  [[nodiscard]] bool interrupted(const std::vector<SurveyedDisk>& disks) const {
    return was_interrupted(disks, config, own);
  }

  Config config = cluster_config();
  ReservationKey own = key_of(kBeta, kOwn);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(failure_watch, Watching)

BOOST_AUTO_TEST_CASE(dump_of_the_partners_current_life_is_a_panic) {
  for (const auto attribute : {pb::IN_PROGRESS, pb::COMPLETED, pb::ABORTED}) {
    BOOST_TEST(has_panicked(alphas(attribute), config));
  }
}

BOOST_AUTO_TEST_CASE(no_dump_is_no_panic) {
  for (const auto attribute : {pb::INACTIVE, pb::ARMED, pb::SAVED}) {
    BOOST_TEST(!has_panicked(alphas(attribute), config));
  }
}

BOOST_AUTO_TEST_CASE(dump_of_an_earlier_life_is_no_panic) {
  BOOST_TEST(!has_panicked(alphas(pb::COMPLETED, kCrashed - 1), config));
}

BOOST_AUTO_TEST_CASE(dump_of_another_cluster_is_no_panic) {
  SurveyedDisk disk = alphas(pb::IN_PROGRESS);
  disk.label->set_cluster_uuid("11111111-2222-4333-8444-555555555555");
  BOOST_TEST(!has_panicked(disk, config));
}

BOOST_AUTO_TEST_CASE(nothing_or_everything_taken_is_no_interruption) {
  BOOST_TEST(!interrupted({alphas(pb::ARMED)}));
  BOOST_TEST(!interrupted({taken(), taken()}));
}

BOOST_AUTO_TEST_CASE(part_of_the_disks_taken_is_an_interruption) {
  BOOST_TEST(interrupted({taken(), alphas(pb::ARMED)}));
}

BOOST_AUTO_TEST_CASE(reservation_without_its_label_is_an_interruption) {
  SurveyedDisk disk = taken();
  disk.label->set_owner_node(kAlpha);
  BOOST_TEST(interrupted({disk}));
}

BOOST_AUTO_TEST_CASE(dump_that_is_not_saved_is_an_interruption) {
  SurveyedDisk disk = taken();
  disk.header.set_attribute(pb::COMPLETED);
  BOOST_TEST(interrupted({disk}));
}

BOOST_AUTO_TEST_CASE(disks_held_by_this_nodes_earlier_boot_are_an_interruption) {
  BOOST_TEST(interrupted({taken(kOwn - 1)}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(take_orders, Watching)

BOOST_AUTO_TEST_CASE(spare_the_partners_later_life) {
  const TakeOrder order = take_order(alphas(pb::ARMED), config, own, pb::REASON_NONE);
  BOOST_REQUIRE(order.goal.victim_node.has_value());
  BOOST_TEST(*order.goal.victim_node == kAlpha);
  BOOST_REQUIRE(order.goal.victim_generation.has_value());
  BOOST_TEST(*order.goal.victim_generation == kCrashed);
}

BOOST_AUTO_TEST_CASE(believe_a_survey_only_while_its_disk_is_open) {
  SurveyedDisk disk = alphas(pb::ARMED);
  BOOST_TEST(!take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
  disk.open = std::make_shared<OpenDisk>();
  BOOST_TEST(take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
  disk.scsi_problem = Error{.code = Code::kTimeout, .operation = "READ KEYS"};
  BOOST_TEST(!take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
