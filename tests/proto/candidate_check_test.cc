#include "proto/candidate_check.h"

#include <boost/test/unit_test.hpp>
#include <string>

namespace lastword {
namespace {

// What a well armed disk looks like; each test changes one thing.
struct Armed {
  Armed() {
    plan.set_cluster_uuid("11111111-2222-4333-8444-555555555555");
    plan.set_node_name("alpha");
    plan.set_node(1);
    plan.set_boot_generation(7);
    plan.set_reservation_key(0x4c57a1b201000007);
    plan.set_nonce("nonce-of-the-plan");
    candidate.set_disk_uuid("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    candidate.set_rank(2);
    candidate.set_metadata_offset_bytes(1 << 20);
    candidate.set_data_offset_bytes(2 << 20);
    candidate.set_data_length_bytes(1 << 30);
    label.set_cluster_uuid(plan.cluster_uuid());
    label.set_disk_uuid(candidate.disk_uuid());
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_owner_node(1);
    label.set_owner_generation(7);
    label.set_data_offset_bytes(candidate.data_offset_bytes());
    label.set_data_length_bytes(candidate.data_length_bytes());
    header.set_attribute(pb::ARMED);
    header.set_node(1);
    header.set_boot_generation(7);
    header.set_rank(2);
    header.add_plan_nonces("nonce-of-an-older-plan");
    header.add_plan_nonces(plan.nonce());
  }

  [[nodiscard]] Status check() const {
    return check_candidate(plan, candidate, label, header, reservation);
  }
  // The code expected, and a part of the sentence that names the difference.
  void check_refused(Code code, const std::string& sentence) const {
    const Status status = check();
    BOOST_REQUIRE(!status);
    BOOST_TEST((status.error().code == code));
    BOOST_TEST_CONTEXT(describe(status.error())) {
      BOOST_TEST((describe(status.error()).find(sentence) != std::string::npos));
    }
  }

  pb::Plan plan;
  pb::Candidate candidate;
  pb::Label label;
  pb::CoredumpHeader header;
  std::optional<Reservation> reservation =
      Reservation{.holder = {0x4c57a1b201000007}, .type = kOwnerType};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plan_check, Armed)

BOOST_AUTO_TEST_CASE(armed_disk_is_accepted) {
  BOOST_TEST(check().has_value());
  label.set_role(pb::SPARE);
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(other_cluster_is_refused) {
  label.set_cluster_uuid("99999999-2222-4333-8444-555555555555");
  check_refused(Code::kRefused, "labelled for cluster 99999999");
}

BOOST_AUTO_TEST_CASE(other_disk_is_refused) {
  label.set_disk_uuid("bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee");
  check_refused(Code::kRefused, "this is disk bbbbbbbb");
}

BOOST_AUTO_TEST_CASE(service_disk_is_refused) {
  label.set_role(pb::SERVICE);
  check_refused(Code::kRefused, "neither dump nor spare");
}

BOOST_AUTO_TEST_CASE(partners_disk_is_refused) {
  label.set_home_node(2);
  check_refused(Code::kRefused, "its home is node 2");
}

BOOST_AUTO_TEST_CASE(disk_owned_by_partner_is_refused) {
  label.set_owner_node(2);
  check_refused(Code::kRefused, "its owner is node 2");
}

BOOST_AUTO_TEST_CASE(label_of_an_earlier_boot_is_refused) {
  label.set_owner_generation(6);
  check_refused(Code::kRefused, "owned since life 6");
}

BOOST_AUTO_TEST_CASE(moved_data_region_is_refused) {
  label.set_data_offset_bytes(3 << 20);
  check_refused(Code::kRefused, "its data region is 1073741824 bytes at 3145728");
}

BOOST_AUTO_TEST_CASE(resized_data_region_is_refused) {
  label.set_data_length_bytes(1 << 29);
  check_refused(Code::kRefused, "its data region is 536870912 bytes");
}

BOOST_AUTO_TEST_CASE(every_attribute_but_armed_is_refused) {
  for (const auto attribute :
       {pb::INACTIVE, pb::IN_PROGRESS, pb::COMPLETED, pb::ABORTED, pb::SAVED}) {
    header.set_attribute(attribute);
    check_refused(Code::kRefused, "not ARMED");
  }
}

BOOST_AUTO_TEST_CASE(disk_armed_by_partner_is_refused) {
  header.set_node(2);
  check_refused(Code::kRefused, "armed by node 2");
}

BOOST_AUTO_TEST_CASE(disk_armed_in_an_earlier_boot_is_refused) {
  header.set_boot_generation(6);
  check_refused(Code::kRefused, "armed in life 6");
}

BOOST_AUTO_TEST_CASE(rank_of_the_next_plan_is_accepted_while_arming_again) {
  header.set_rank(1);
  header.add_plan_nonces("next");
  BOOST_TEST(check().has_value());
}

BOOST_AUTO_TEST_CASE(disk_armed_for_another_plan_is_refused) {
  header.mutable_plan_nonces()->RemoveLast();
  check_refused(Code::kRefused, "armed for another plan");
}

BOOST_AUTO_TEST_CASE(plan_without_a_nonce_matches_nothing) {
  plan.clear_nonce();
  header.add_plan_nonces("");
  check_refused(Code::kRefused, "armed for another plan");
}

BOOST_AUTO_TEST_CASE(disk_without_reservation_is_refused) {
  reservation.reset();
  check_refused(Code::kConflict, "nobody holds its reservation");
}

BOOST_AUTO_TEST_CASE(disk_reserved_by_partner_is_refused) {
  reservation->holder.value = 0x4c57a1b202000003;
  check_refused(Code::kConflict, "key 0x4c57a1b202000003 holds its reservation");
}

BOOST_AUTO_TEST_CASE(key_of_an_earlier_boot_is_refused) {
  reservation->holder.value = 0x4c57a1b201000006;
  check_refused(Code::kConflict, "key 0x4c57a1b201000006 holds its reservation");
}

BOOST_AUTO_TEST_CASE(plan_without_a_key_matches_nothing) {
  plan.set_reservation_key(0);
  reservation->holder.value = 0;
  check_refused(Code::kConflict, "holds its reservation");
}

BOOST_AUTO_TEST_CASE(other_reservation_type_is_refused) {
  reservation->type = PrType::kWriteExclusive;
  check_refused(Code::kConflict, "reserved with type 1");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
