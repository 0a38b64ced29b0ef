// Whose a key on a disk is, and which life of a node a survey tells of.
#include "agent/protocol/disk_view.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/failure_plan.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

// The same node, life and tag, in another cluster.
ReservationKey elsewhere(std::uint8_t node, std::uint32_t generation) {
  const auto other = static_cast<std::uint16_t>(cluster_key_bits(kCluster) ^ 1U);
  return make_key({.cluster = other, .node = node, .boot_generation = generation});
}

struct View {
  Config config = cluster_config();
  Survey survey;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_view, View)

BOOST_AUTO_TEST_CASE(key_of_another_cluster_is_no_nodes_of_this_one) {
  DiskView disk = surveyed(0, pb::SERVICE);
  disk.keys = {elsewhere(kBeta, 9)};
  disk.reservation = Reservation{.holder = elsewhere(kBeta, 9), .type = kOwnerType};
  BOOST_TEST(unsigned{holder_node(disk, config)} == 0U);
  BOOST_TEST(!is_registered(disk, config, kBeta));
  BOOST_TEST((foreign_registrants(disk, config) == std::vector{elsewhere(kBeta, 9)}));
  survey.disks = {disk};
  BOOST_TEST(latest_generation(survey, config, kBeta) == 0U);
}

BOOST_AUTO_TEST_CASE(neither_node_is_foreign) {
  DiskView disk = surveyed(0, pb::MAILBOX, 0);
  disk.keys = {key_of(kAlpha, 3), key_of(kBeta, 9)};
  BOOST_TEST(foreign_registrants(disk, config).empty());
}

BOOST_AUTO_TEST_CASE(life_is_known_from_labels_headers_and_keys) {
  const auto latest_with = [&](auto change) {
    DiskView disk = surveyed(0, pb::SPARE);
    change(disk);
    survey.disks = {disk};
    return latest_generation(survey, config, kBeta);
  };
  BOOST_TEST(latest_with([](DiskView&) {}) == 0U);
  BOOST_TEST(latest_with([](DiskView& disk) {
               disk.label->set_owner_node(kBeta);
               disk.label->set_owner_generation(5);
             }) == 5U);
  BOOST_TEST(latest_with([](DiskView& disk) {
               disk.label->set_home_node(kBeta);
               disk.label->set_home_generation(6);
             }) == 6U);
  BOOST_TEST(latest_with([](DiskView& disk) {
               disk.header.set_node(kBeta);
               disk.header.set_boot_generation(7);
             }) == 7U);
  BOOST_TEST(latest_with([](DiskView& disk) { disk.keys = {key_of(kBeta, 8)}; }) == 8U);
}

BOOST_AUTO_TEST_CASE(dump_of_ones_own_is_no_panic_of_the_partner) {
  DiskView disk = in_service(0, pb::SPARE, 7);  // alpha's: this node's
  disk.header.set_attribute(pb::COMPLETED);
  disk.header.set_node(kAlpha);
  disk.header.set_boot_generation(7);
  BOOST_TEST(!has_panicked(disk, config, 4));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
