#include "proto/coredump.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

namespace lastword::test {
namespace {

constexpr pb::Attribute kAttributes[] = {pb::INACTIVE,  pb::ARMED,   pb::IN_PROGRESS,
                                         pb::COMPLETED, pb::ABORTED, pb::SAVED};
constexpr NodeLife kLife{.node = 1, .boot_generation = 7};

// As the life's dump, or plan, left it.
pb::CoredumpHeader header_of(pb::Attribute attribute, const NodeLife& life = kLife,
                             pb::Reason reason = pb::REASON_NONE) {
  pb::CoredumpHeader header;
  if (attribute == pb::INACTIVE) return header;
  header.set_attribute(attribute);
  header.set_reason(reason);
  header.set_node(life.node);
  header.set_boot_generation(life.boot_generation);
  header.set_rank(2);
  header.set_durable_bytes(4096);
  if (attribute == pb::ARMED) header.add_plan_nonces("old");
  return header;
}

pb::Plan plan(const std::string& nonce = "new") {
  pb::Plan plan;
  plan.set_node(kLife.node);
  plan.set_boot_generation(kLife.boot_generation);
  plan.set_nonce(nonce);
  plan.set_dump_limit_ms(60000);
  return plan;
}

pb::Candidate candidate() {
  pb::Candidate candidate;
  candidate.set_rank(3);
  candidate.set_data_offset_bytes(8192);
  candidate.set_data_length_bytes(1 << 20);
  return candidate;
}

std::vector<std::string> nonces(const pb::CoredumpHeader& header) {
  return {header.plan_nonces().begin(), header.plan_nonces().end()};
}

using Nonces = std::vector<std::string>;

// The attributes for which a question about a header is answered with yes.
template <class Question>
std::vector<pb::Attribute> yes_for(Question question) {
  std::vector<pb::Attribute> yes;
  for (const pb::Attribute attribute : kAttributes) {
    if (question(header_of(attribute))) yes.push_back(attribute);
  }
  return yes;
}

// The attributes that a change in place accepts. One that it refuses it leaves as it is.
template <class Change>
std::vector<pb::Attribute> changed_by(Change change) {
  std::vector<pb::Attribute> changed;
  for (const pb::Attribute attribute : kAttributes) {
    pb::CoredumpHeader header = header_of(attribute);
    if (change(header)) {
      changed.push_back(attribute);
    } else {
      BOOST_TEST(header.SerializeAsString() == header_of(attribute).SerializeAsString());
    }
  }
  return changed;
}

using Attributes = std::vector<pb::Attribute>;

}  // namespace

BOOST_AUTO_TEST_SUITE(coredump)

BOOST_AUTO_TEST_CASE(only_spare_and_dump_disks_hold_dumps) {
  BOOST_TEST(may_hold_dump(pb::SPARE));
  BOOST_TEST(may_hold_dump(pb::DUMP));
  BOOST_TEST(!may_hold_dump(pb::SERVICE));
  BOOST_TEST(!may_hold_dump(pb::MAILBOX));
  BOOST_TEST(!may_hold_dump(pb::ROLE_UNSPECIFIED));
}

BOOST_AUTO_TEST_CASE(a_header_is_of_one_life) {
  const auto header = header_of(pb::ARMED);
  BOOST_TEST(is_of(header, kLife));
  BOOST_TEST(!is_of(header, {.node = 2, .boot_generation = 7}));
  BOOST_TEST(!is_of(header, {.node = 1, .boot_generation = 8}));
  pb::Label label;
  label.set_owner_node(1);
  label.set_owner_generation(7);
  label.set_home_generation(8);
  BOOST_TEST(is_current(header, label));
  label.set_owner_generation(8);
  BOOST_TEST(!is_current(header, label));
}

BOOST_AUTO_TEST_CASE(questions_by_attribute) {
  BOOST_TEST((yes_for(is_free) == Attributes{pb::INACTIVE, pb::SAVED}));
  BOOST_TEST((yes_for(holds_unsaved_dump) == Attributes{pb::COMPLETED, pb::ABORTED}));
  BOOST_TEST((yes_for(tells_of_panic) == Attributes{pb::IN_PROGRESS, pb::COMPLETED, pb::ABORTED}));
}

BOOST_AUTO_TEST_CASE(a_writer_that_ended_by_itself_turns_to_no_other_disk) {
  BOOST_TEST(is_final_end(header_of(pb::COMPLETED)));
  for (const pb::Reason reason :
       {pb::LIMIT, pb::DISK_FULL, pb::VMCORE, pb::REBOOTED, pb::STOPPED}) {
    BOOST_TEST(is_final_end(header_of(pb::ABORTED, kLife, reason)));
  }
  for (const pb::Reason reason : {pb::IO_ERROR, pb::STALLED, pb::DEADLINE}) {
    BOOST_TEST(!is_final_end(header_of(pb::ABORTED, kLife, reason)));
  }
  BOOST_TEST(!is_final_end(header_of(pb::IN_PROGRESS)));
  BOOST_TEST(!is_final_end(header_of(pb::SAVED)));
}

BOOST_AUTO_TEST_CASE(only_its_writer_knows_that_a_dump_has_nothing) {
  for (const pb::Reason reason : {pb::LIMIT, pb::DISK_FULL, pb::VMCORE, pb::STOPPED}) {
    pb::CoredumpHeader header = header_of(pb::ABORTED, kLife, reason);
    header.set_durable_bytes(0);
    BOOST_TEST(ended_empty(header));
    header.set_durable_bytes(1);
    BOOST_TEST(!ended_empty(header));
  }
  // Sections may be there that nobody had flushed.
  for (const pb::Reason reason : {pb::IO_ERROR, pb::STALLED, pb::DEADLINE, pb::REBOOTED}) {
    pb::CoredumpHeader header = header_of(pb::ABORTED, kLife, reason);
    header.set_durable_bytes(0);
    BOOST_TEST(!ended_empty(header));
  }
}

BOOST_AUTO_TEST_CASE(figures_are_final_once_the_writer_completed_the_dump) {
  BOOST_TEST(has_final_figures(header_of(pb::COMPLETED)));
  BOOST_TEST(has_final_figures(header_of(pb::SAVED)));
  BOOST_TEST(!has_final_figures(header_of(pb::SAVED, kLife, pb::STALLED)));
  BOOST_TEST(!has_final_figures(header_of(pb::ABORTED, kLife, pb::LIMIT)));
  BOOST_TEST(!has_final_figures(header_of(pb::IN_PROGRESS)));
}

BOOST_AUTO_TEST_CASE(free_becomes_armed) {
  for (const pb::Attribute attribute : {pb::INACTIVE, pb::SAVED}) {
    const auto armed = armed_header(header_of(attribute), plan(), candidate());
    BOOST_TEST_REQUIRE(armed.has_value());
    BOOST_TEST(armed->attribute() == pb::ARMED);
    BOOST_TEST(is_of(*armed, kLife));
    BOOST_TEST(armed->rank() == 3U);
    BOOST_TEST(armed->limit_ms() == 60000U);
    BOOST_TEST(armed->extent_offset_bytes() == 8192U);
    BOOST_TEST(armed->extent_length_bytes() == 1U << 20);
    BOOST_TEST(armed->durable_bytes() == 0U);
    BOOST_TEST(nonces(*armed) == Nonces{"new"});
  }
}

BOOST_AUTO_TEST_CASE(armed_again_the_nonce_joins_those_of_this_life) {
  const auto armed = armed_header(header_of(pb::ARMED), plan(), candidate());
  BOOST_TEST_REQUIRE(armed.has_value());
  BOOST_TEST((nonces(*armed) == Nonces{"old", "new"}));
  const auto twice = armed_header(*armed, plan(), candidate());
  BOOST_TEST((nonces(*twice) == Nonces{"old", "new"}));
  const auto earlier = header_of(pb::ARMED, {.node = 1, .boot_generation = 6});
  BOOST_TEST(nonces(*armed_header(earlier, plan(), candidate())) == Nonces{"new"});
}

BOOST_AUTO_TEST_CASE(a_dump_is_not_armed_over) {
  pb::Plan keeps_latest = plan();
  keeps_latest.set_keep_latest(true);
  for (const pb::Attribute attribute : {pb::COMPLETED, pb::ABORTED}) {
    const auto refused = armed_header(header_of(attribute), plan(), candidate());
    BOOST_TEST_REQUIRE(!refused);
    BOOST_TEST((refused.error().code == Code::kRefused));
    BOOST_TEST(armed_header(header_of(attribute), keeps_latest, candidate()).has_value());
  }
  BOOST_TEST(!armed_header(header_of(pb::IN_PROGRESS), keeps_latest, candidate()));
}

BOOST_AUTO_TEST_CASE(nonces_do_not_grow_without_bound) {
  pb::CoredumpHeader header;
  for (int i = 0; i < kMaxPlanNonces; ++i) {
    const auto armed = armed_header(header, plan("n" + std::to_string(i)), candidate());
    BOOST_TEST_REQUIRE(armed.has_value());
    header = *armed;
  }
  const auto refused = armed_header(header, plan("one-more"), candidate());
  BOOST_TEST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code == Code::kRefused));
  BOOST_TEST(refused.error().detail.view().find("interrupted 8 times") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(loaded_the_nonce_is_alone) {
  const auto both = armed_header(header_of(pb::ARMED), plan(), candidate());
  const auto alone = collapsed_header(*both, plan());
  BOOST_TEST_REQUIRE(alone.has_value());
  BOOST_TEST(nonces(*alone) == Nonces{"new"});
  BOOST_TEST(alone->rank() == 3U);
  BOOST_TEST(!collapsed_header(*both, plan("another")));
  auto taken = *both;
  taken.set_attribute(pb::IN_PROGRESS);
  BOOST_TEST(!collapsed_header(taken, plan()));
}

BOOST_AUTO_TEST_CASE(only_the_nodes_own_armed_header_is_retired) {
  BOOST_TEST(retired_header(header_of(pb::ARMED), 1).SerializeAsString().empty());
  BOOST_TEST(retired_header(header_of(pb::ARMED), 2).attribute() == pb::ARMED);
  BOOST_TEST(retired_header(header_of(pb::IN_PROGRESS), 1).attribute() == pb::IN_PROGRESS);
  BOOST_TEST(retired_header(header_of(pb::COMPLETED), 1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(a_dump_begins_on_what_the_disk_said) {
  pb::CoredumpHeader header;
  header.set_crash_id("crash");
  begin_dump(header, header_of(pb::ARMED), {.offset_bytes = 8192, .length_bytes = 4096},
             {.unix_ms = 1234, .since_panic = std::chrono::milliseconds(4500)});
  BOOST_TEST(header.attribute() == pb::IN_PROGRESS);
  BOOST_TEST(header.crash_id() == "crash");
  BOOST_TEST(header.rank() == 2U);
  BOOST_TEST(header.started_unix_ms() == 1234);
  BOOST_TEST(header.began_after_ms() == 4500U);
  BOOST_TEST(header.extent_offset_bytes() == 8192U);
  BOOST_TEST(header.extent_length_bytes() == 4096U);
  BOOST_TEST(header.plan_nonces_size() == 0);
}

BOOST_AUTO_TEST_CASE(when_the_last_dump_began_is_known_until_the_disk_is_another_nodes) {
  pb::CoredumpHeader saved = header_of(pb::SAVED);
  saved.set_started_unix_ms(1234);
  saved.set_began_after_ms(4500);
  const auto armed = armed_header(saved, plan(), candidate());
  BOOST_REQUIRE(armed);
  BOOST_TEST(armed->began_after_ms() == 4500U);
  BOOST_TEST(armed->started_unix_ms() == 1234);
  const auto again = armed_header(*armed, plan(), candidate());
  BOOST_REQUIRE(again);
  BOOST_TEST(again->began_after_ms() == 4500U);
  saved.set_node(plan().node() + 1);
  BOOST_TEST(armed_header(saved, plan(), candidate())->began_after_ms() == 0U);
}

BOOST_AUTO_TEST_CASE(progress_changes_figures_only) {
  using std::chrono::milliseconds;
  pb::CoredumpHeader header = header_of(pb::IN_PROGRESS);
  set_figures(header, {.elapsed = milliseconds(1500),
                       .eta = milliseconds(-1),
                       .durable_bytes = 1,
                       .scanned_bytes = 2,
                       .stored_pages = 3,
                       .zero_pages = 4,
                       .excluded_pages = 5,
                       .unclassified_pages = 6,
                       .codec = "lz4"});
  BOOST_TEST(header.attribute() == pb::IN_PROGRESS);
  BOOST_TEST(is_of(header, kLife));
  BOOST_TEST(header.elapsed_ms() == 1500U);
  BOOST_TEST(header.eta_ms() == 0U);
  BOOST_TEST(header.durable_bytes() == 1U);
  BOOST_TEST(header.scanned_bytes() == 2U);
  BOOST_TEST(header.stored_pages() == 3U);
  BOOST_TEST(header.zero_pages() == 4U);
  BOOST_TEST(header.excluded_pages() == 5U);
  BOOST_TEST(header.unclassified_pages() == 6U);
  BOOST_TEST(header.codec() == "lz4");
}

BOOST_AUTO_TEST_CASE(only_a_dump_in_progress_ends) {
  BOOST_TEST((changed_by(complete_dump) == Attributes{pb::IN_PROGRESS}));
  BOOST_TEST((changed_by([](auto& header) { return abort_dump(header, pb::STALLED); }) ==
              Attributes{pb::IN_PROGRESS}));
  auto header = header_of(pb::IN_PROGRESS);
  BOOST_TEST(complete_dump(header));
  BOOST_TEST(header.attribute() == pb::COMPLETED);
  BOOST_TEST(header.reason() == pb::REASON_NONE);
  header = header_of(pb::IN_PROGRESS);
  BOOST_TEST(abort_dump(header, pb::LIMIT));
  BOOST_TEST(header.attribute() == pb::ABORTED);
  BOOST_TEST(header.reason() == pb::LIMIT);
  BOOST_TEST(header.durable_bytes() == 4096U);
}

BOOST_AUTO_TEST_CASE(only_an_armed_header_is_disarmed) {
  BOOST_TEST((changed_by(disarm) == Attributes{pb::ARMED}));
}

BOOST_AUTO_TEST_CASE(only_what_is_over_is_saved_and_its_reason_stays) {
  BOOST_TEST((changed_by(mark_dump_saved) == Attributes{pb::COMPLETED, pb::ABORTED, pb::SAVED}));
  auto header = header_of(pb::ABORTED, kLife, pb::DEADLINE);
  BOOST_TEST(mark_dump_saved(header));
  BOOST_TEST(header.attribute() == pb::SAVED);
  BOOST_TEST(header.reason() == pb::DEADLINE);
}

BOOST_AUTO_TEST_CASE(the_partner_ends_what_nobody_is_behind) {
  const auto end = [](auto& header) { return end_header(header, pb::STALLED); };
  BOOST_TEST((changed_by(end) == Attributes{pb::ARMED, pb::IN_PROGRESS}));
  auto header = header_of(pb::IN_PROGRESS);
  BOOST_TEST(end(header));
  BOOST_TEST(header.attribute() == pb::ABORTED);
  BOOST_TEST(header.reason() == pb::STALLED);
  header = header_of(pb::ARMED);
  BOOST_TEST(end(header));
  BOOST_TEST(header.SerializeAsString().empty());
}

BOOST_AUTO_TEST_CASE(after_a_reboot_only_an_earlier_life_ends) {
  const NodeLife next{.node = 1, .boot_generation = 8};
  const auto aborted = header_after_reboot(header_of(pb::IN_PROGRESS), next);
  BOOST_TEST(aborted.attribute() == pb::ABORTED);
  BOOST_TEST(aborted.reason() == pb::REBOOTED);
  BOOST_TEST(header_after_reboot(header_of(pb::ARMED), next).SerializeAsString().empty());
  for (const pb::Attribute attribute : kAttributes) {
    const auto header = header_of(attribute);
    const auto bytes = header.SerializeAsString();
    BOOST_TEST(header_after_reboot(header, kLife).SerializeAsString() == bytes);
    const NodeLife partner{.node = 2, .boot_generation = 8};
    BOOST_TEST(header_after_reboot(header, partner).SerializeAsString() == bytes);
    if (attribute == pb::ARMED || attribute == pb::IN_PROGRESS) continue;
    BOOST_TEST(header_after_reboot(header, next).SerializeAsString() == bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
