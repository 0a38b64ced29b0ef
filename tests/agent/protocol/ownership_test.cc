#include "agent/protocol/ownership.h"

#include <google/protobuf/util/message_differencer.h>

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr std::string_view kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr KeyParts kBeta{.cluster = 1, .node = 2, .boot_generation = 9};

// alpha's disk in alpha's hands.
pb::Label label_of_alpha() {
  pb::Label label;
  label.set_cluster_uuid(std::string(kCluster));
  label.set_disk_uuid("disk-uuid");
  label.set_role(pb::SPARE);
  label.set_home_node(1);
  label.set_home_generation(7);
  label.set_owner_node(1);
  label.set_owner_generation(7);
  label.set_ownership_epoch(4);
  label.set_written_unix_ms(1234);
  return label;
}

OwnerIdentity alpha(std::uint32_t boot_generation) {
  return {.cluster_uuid = std::string(kCluster), .node = 1, .boot_generation = boot_generation};
}

BOOST_AUTO_TEST_SUITE(ownership)

BOOST_AUTO_TEST_CASE(taken_disk_is_the_takers_in_the_next_epoch_and_stays_at_home) {
  const pb::Label taken = label_after_takeover(label_of_alpha(), kBeta);
  BOOST_TEST(taken.owner_node() == 2U);
  BOOST_TEST(taken.owner_generation() == 9U);
  BOOST_TEST(taken.ownership_epoch() == 5U);
  pb::Label rest = taken;
  rest.set_owner_node(1);
  rest.set_owner_generation(7);
  rest.set_ownership_epoch(4);
  BOOST_TEST(MessageDifferencer::Equals(rest, label_of_alpha()));
}

BOOST_AUTO_TEST_CASE(taken_again_in_a_later_life_keeps_its_epoch) {
  const pb::Label taken = label_after_takeover(label_of_alpha(), kBeta);
  BOOST_TEST(MessageDifferencer::Equals(label_after_takeover(taken, kBeta), taken));
  const pb::Label again =
      label_after_takeover(taken, {.cluster = 1, .node = 2, .boot_generation = 10});
  BOOST_TEST(again.owner_generation() == 10U);
  BOOST_TEST(again.ownership_epoch() == taken.ownership_epoch());
}

BOOST_AUTO_TEST_CASE(disk_that_nobody_owned_is_taken_too) {
  pb::Label free = label_of_alpha();
  free.set_owner_node(0);
  free.set_owner_generation(0);
  const pb::Label taken = label_after_takeover(free, kBeta);
  BOOST_TEST(taken.owner_node() == 2U);
  BOOST_TEST(taken.ownership_epoch() == 5U);
}

BOOST_AUTO_TEST_CASE(disk_in_service_is_its_home_nodes) {
  pb::Label label = label_of_alpha();
  BOOST_TEST(MessageDifferencer::Equals(*label_in_service(label, alpha(7)), label));
  const auto later = label_in_service(label, alpha(8));
  BOOST_TEST_REQUIRE(later.has_value());
  BOOST_TEST(later->owner_generation() == 8U);
  BOOST_TEST(later->home_generation() == 8U);
  BOOST_TEST(later->ownership_epoch() == 4U);
  const auto taken_over = label_in_service(label_after_takeover(label, kBeta), alpha(8));
  BOOST_TEST_REQUIRE(!taken_over.has_value());
  BOOST_TEST((taken_over.error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(promise_names_a_life_and_changes_nothing_else) {
  const pb::Label taken = label_after_takeover(label_of_alpha(), kBeta);
  const pb::Label promised = label_promised(taken, 1, 8);
  BOOST_TEST(is_promised_to(promised, 1, 8));
  BOOST_TEST(!is_promised_to(promised, 1, 7));
  BOOST_TEST(!is_promised_to(promised, 2, 8));
  BOOST_TEST(!is_promised_to(taken, 0, 0));
  BOOST_TEST(promised.owner_node() == 2U);
  BOOST_TEST(MessageDifferencer::Equals(label_unpromised(promised), taken));
}

BOOST_AUTO_TEST_CASE(whoever_takes_a_disk_keeps_no_promise) {
  const pb::Label promised = label_promised(label_of_alpha(), 1, 8);
  BOOST_TEST(MessageDifferencer::Equals(label_after_takeover(promised, kBeta),
                                        label_after_takeover(label_of_alpha(), kBeta)));
  const auto in_service = label_in_service(promised, alpha(8));
  BOOST_TEST_REQUIRE(in_service.has_value());
  BOOST_TEST(in_service->promised_node() == 0U);
  BOOST_TEST(in_service->promised_generation() == 0U);
}

BOOST_AUTO_TEST_CASE(label_tells_by_which_mailbox_disks_its_owners_life_counts_votes) {
  OwnerIdentity self = alpha(8);
  self.mailbox_set = 5;
  const pb::Label taken = *label_in_service(label_of_alpha(), self);
  BOOST_TEST(taken.owner_mailbox_set() == 5U);
  // The same life says it again, without knowing or with another set.
  BOOST_TEST(label_in_service(taken, alpha(8))->owner_mailbox_set() == 5U);
  self.mailbox_set = 6;
  BOOST_TEST(label_in_service(taken, self)->owner_mailbox_set() == 6U);
  // Of another owner, or another life, nothing is known.
  BOOST_TEST(label_in_service(taken, alpha(9))->owner_mailbox_set() == 0U);
  BOOST_TEST(label_held_again(taken, alpha(9))->owner_mailbox_set() == 0U);
  BOOST_TEST(label_after_takeover(taken, kBeta).owner_mailbox_set() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
