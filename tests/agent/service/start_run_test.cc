#include "agent/service/start_run.h"

#include <filesystem>

#include "agent/protocol/mailbox.h"
#include "agent/service/stop_run.h"
#include "tests/agent/service/service_node.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

struct Start : ServiceNode {
  Result<StartReport> start() { return start_node(config, false, access()); }
};

struct Killed {};

Result<std::vector<Error>> nothing_armed(const NodeState&, const Survey&) {
  return std::vector<Error>();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(start_run, Start)

BOOST_AUTO_TEST_CASE(own_disks_are_held_and_mailboxes_joined) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  add(pb::SERVICE, kBeta);
  add(pb::SPARE);
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kStarted));
  BOOST_TEST((report->disks == std::vector<std::size_t>{0, 3, 1}));
  for (const auto& result : report->results) BOOST_TEST(fake::ok(result));
  BOOST_TEST((holder(0) == key_of(kAlpha, 1)));
  BOOST_TEST((holder(3) == key_of(kAlpha, 1)));
  BOOST_TEST(label_on(shelf, 0).owner_node() == kAlpha);
  BOOST_TEST(label_on(shelf, 0).owner_mailbox_set() == mailbox_set({uuid_of(1)}));
  BOOST_TEST(shelf.registrations(1).keys.size() == 1U);
  BOOST_TEST(shelf.registrations(2).keys.empty());
  const auto state = load_node_state(config);
  BOOST_TEST_REQUIRE(fake::ok(state));
  BOOST_TEST(state->boot_generation == 1U);
  BOOST_TEST((state->mailbox_joined == std::vector<std::string>{uuid_of(1)}));
  BOOST_TEST(load_last_generation(config).value_or(0) == 1U);
}

// systemd ends what runs on this node's own disks with the life before; nothing ends the rest.
BOOST_AUTO_TEST_CASE(next_life_of_the_same_boot_knows_which_service_of_the_partners_may_run) {
  add(pb::SERVICE);
  add(pb::SERVICE, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(save_announced(config, {})));
  BOOST_TEST_REQUIRE(fake::ok(add_told(config, 1, {uuid_of(0), uuid_of(1)})));
  BOOST_TEST_REQUIRE(fake::ok(start()));
  const auto state = load_node_state(config);
  BOOST_TEST_REQUIRE(fake::ok(state));
  BOOST_TEST((state->served == std::vector<std::string>{uuid_of(1)}));
  BOOST_TEST_REQUIRE(fake::ok(add_told(config, 1, {uuid_of(0)})));
  BOOST_TEST_REQUIRE(fake::ok(start()));
  BOOST_TEST(load_node_state(config)->served.size() == 2U);  // the same life
}

// What the life before served may write on: nothing has ended it.
BOOST_AUTO_TEST_CASE(life_after_one_that_was_lost_in_this_boot_knows_that) {
  add(pb::SERVICE);
  BOOST_TEST_REQUIRE(fake::ok(start()));
  BOOST_TEST(!load_node_state(config)->lost);
  BOOST_TEST_REQUIRE(fake::ok(start()));  // the same life
  BOOST_TEST(!load_node_state(config)->lost);
  std::filesystem::remove_all(config.state_directory);
  for (int lives = 0; lives < 2; ++lives) {
    BOOST_TEST_REQUIRE(fake::ok(start()));
    const auto state = load_node_state(config);
    BOOST_TEST_REQUIRE(fake::ok(state));
    BOOST_TEST(state->lost);
    BOOST_TEST_REQUIRE(fake::ok(stop_node(config, nothing_armed, access())));
  }
}

BOOST_AUTO_TEST_CASE(life_after_one_that_was_stopped_is_not_lost) {
  add(pb::SERVICE);
  BOOST_TEST_REQUIRE(fake::ok(start()));
  BOOST_TEST_REQUIRE(fake::ok(stop_node(config, nothing_armed, access())));
  BOOST_TEST_REQUIRE(fake::ok(start()));
  BOOST_TEST(!load_node_state(config)->lost);
}

BOOST_AUTO_TEST_CASE(target_that_can_not_keep_registrations_is_named_and_used_at_the_first_try) {
  ServiceNode node({.luns = 2, .aptpl_capable = true, .aptpl_store_missing = true});
  node.add(pb::SERVICE);
  node.add(pb::MAILBOX, 0);
  const auto report = start_node(node.config, false, node.access());
  BOOST_TEST_REQUIRE(fake::ok(report));
  for (const auto& result : report->results) BOOST_TEST(fake::ok(result));
  BOOST_TEST((node.holder(0) == key_of(kAlpha, 1)));
  BOOST_TEST_REQUIRE(report->remarks.size() == 2U);
  for (const DiskRemark& remark : report->remarks) {
    BOOST_TEST(remark.text.find("APTPL") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_fails_leaves_the_others_in_service) {
  add(pb::SERVICE);
  add(pb::SERVICE);
  shelf.inject(0, {.kind = fake::FaultKind::kIoError});
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kStarted));
  BOOST_TEST(!report->results[0].has_value());
  BOOST_TEST(fake::ok(report->results[1]));
  BOOST_TEST(fake::ok(load_node_state(config)));
}

BOOST_AUTO_TEST_CASE(state_is_kept_before_the_first_disk_is_touched) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  before_work = [] { throw Killed(); };
  BOOST_CHECK_THROW((void)start(), Killed);
  const auto state = load_node_state(config);
  BOOST_TEST_REQUIRE(fake::ok(state));
  // It may have been joined: a vote that is gone later was lost, not never cast.
  BOOST_TEST((state->mailbox_joined == std::vector<std::string>{uuid_of(1)}));
  before_work = {};
  const auto again = start();
  BOOST_TEST_REQUIRE(fake::ok(again));
  BOOST_TEST(again->plan.boot_generation == state->boot_generation);
}

BOOST_AUTO_TEST_CASE(mailbox_that_was_not_joined_is_no_lost_vote) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  shelf.inject(1, {.kind = fake::FaultKind::kIoError});
  BOOST_TEST_REQUIRE(fake::ok(start()));
  const auto state = load_node_state(config);
  BOOST_TEST_REQUIRE(fake::ok(state));
  BOOST_TEST(state->mailbox_joined.empty());
  BOOST_TEST((state->mailbox_disks == std::vector<std::string>{uuid_of(1)}));
}

BOOST_AUTO_TEST_CASE(mailbox_joined_earlier_in_this_life_stays_joined_when_it_fails) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  BOOST_TEST_REQUIRE(fake::ok(start()));
  look_again();
  shelf.inject(1, {.kind = fake::FaultKind::kIoError});
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->results[1].has_value());
  BOOST_TEST((load_node_state(config)->mailbox_joined == std::vector<std::string>{uuid_of(1)}));
}

BOOST_AUTO_TEST_CASE(mailbox_that_has_vanished_still_counts_and_is_named) {
  add(pb::SERVICE);
  BOOST_TEST_REQUIRE(fake::ok(keep_known_mailboxes(config, {uuid_of(5)})));
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->missing_mailboxes == std::vector<std::string>{uuid_of(5)}));
  BOOST_TEST((load_node_state(config)->mailbox_disks == std::vector<std::string>{uuid_of(5)}));
}

BOOST_AUTO_TEST_CASE(no_disk_is_touched_while_the_partner_has_one) {
  add(pb::SERVICE);
  add(pb::SPARE);
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kWaits));
  BOOST_TEST(shelf.trace().empty());
  BOOST_TEST_REQUIRE(load_node_state(config).has_value());
  BOOST_TEST(load_node_state(config)->waiting);
}

BOOST_AUTO_TEST_CASE(node_that_waits_joins_the_mailbox_disks_to_say_so) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  BOOST_TEST((start()->outcome == StartOutcome::kWaits));
  BOOST_TEST((shelf.registrations(1).keys == std::vector{key_of(kAlpha, 2)}));
  BOOST_TEST(shelf.registrations(0).keys.empty());
  // Again, as an operator may: the life goes on.
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST((start()->outcome == StartOutcome::kWaits));
  BOOST_TEST(load_node_state(config)->boot_generation == 2U);
}

BOOST_AUTO_TEST_CASE(life_that_waited_has_served_nothing_that_could_be_lost) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  for (int lives = 0; lives < 2; ++lives) {
    survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
    BOOST_TEST((start()->outcome == StartOutcome::kWaits));
    BOOST_TEST(!load_node_state(config)->lost);
    std::filesystem::remove_all(config.state_directory);
    look_again();
  }
}

BOOST_AUTO_TEST_CASE(life_that_had_its_disks_does_not_wait_for_them) {
  add(pb::SERVICE);
  BOOST_TEST((start()->outcome == StartOutcome::kStarted));
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  shelf.clear_trace();
  BOOST_TEST((start()->outcome == StartOutcome::kTakenOver));
  BOOST_TEST(shelf.trace().empty());
  BOOST_TEST(!load_node_state(config)->waiting);
}

BOOST_AUTO_TEST_CASE(partner_that_is_coming_is_waited_for) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  pb::MailboxSlot slot;
  slot.set_node(kBeta);
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
  slot.mutable_intent()->set_victim_node(kAlpha);
  slot.mutable_intent()->set_victim_generation(1);
  slot.mutable_intent()->set_number(1);
  survey.disks[1].mailbox[1] = slot;
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  BOOST_TEST((start()->outcome == StartOutcome::kWaits));
  BOOST_TEST(shelf.registrations(0).keys.empty());
  BOOST_TEST((start_node(config, false, access(), false)->outcome == StartOutcome::kStarted));
  BOOST_TEST(!load_node_state(config)->waiting);
}

BOOST_AUTO_TEST_CASE(
    node_that_waited_has_its_service_to_tell_and_a_second_start_does_not_forget_it) {
  add(pb::SERVICE);
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  BOOST_TEST((start()->outcome == StartOutcome::kWaits));
  BOOST_TEST(!load_node_state(config)->unannounced);
  survey.disks[0] = surveyed(0, pb::SERVICE);
  survey.disks[0].reservations_known = true;
  for (unsigned times = 0; times < 2; ++times) {
    BOOST_TEST((start()->outcome == StartOutcome::kStarted));
    BOOST_TEST(load_node_state(config)->unannounced);
  }
}

// Its start wrote what matters; the giver has ended the service by now.
BOOST_AUTO_TEST_CASE(life_that_waited_has_its_disks_where_no_note_can_be_written_any_more) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  const auto waits = start();
  BOOST_TEST_REQUIRE(fake::ok(waits));
  BOOST_TEST(waits->not_kept.empty());
  refuse_notes();
  survey.disks[0] = surveyed(0, pb::SERVICE);
  survey.disks[0].reservations_known = true;
  const auto report = start_node(config, false, access(), true, 2);
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kStarted));
  BOOST_TEST_REQUIRE(report->not_kept.size() == 1U);
  BOOST_TEST(describe(report->not_kept.front()).find("in-service-1") != std::string::npos);
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST(load_node_state(config)->unannounced);
  BOOST_TEST((holder(0) == key_of(kAlpha, 2)));
}

// The disks tell of the generation; without them only a note does.
BOOST_AUTO_TEST_CASE(node_boots_where_no_note_can_be_written_and_a_later_start_makes_up_for_it) {
  add(pb::SERVICE);
  add(pb::MAILBOX, 0);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 4)));
  refuse_notes();
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kStarted));
  BOOST_TEST(report->not_kept.size() == 3U);
  BOOST_TEST((holder(0) == key_of(kAlpha, 5)));
  BOOST_TEST(label_on(shelf, 0).owner_generation() == 5U);
  const fs::path state_before = config.state_directory + ".before";
  fs::rename(config.state_directory, state_before);
  look_again();
  BOOST_TEST(fake::fails(start(), Code::kRefused));  // as after a reboot: whose number is it?
  fs::remove_all(config.state_directory);
  fs::rename(state_before, config.state_directory);
  refuse_notes(false);
  const auto again = start();
  BOOST_TEST_REQUIRE(fake::ok(again));
  BOOST_TEST(again->not_kept.empty());
  BOOST_TEST(load_last_generation(config).value_or(0) == 5U);
}

BOOST_AUTO_TEST_CASE(life_that_would_leave_no_trace_is_not_begun) {
  add(pb::SERVICE);
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  refuse_notes();
  BOOST_TEST(!start().has_value());
  BOOST_TEST(fake::fails(load_node_state(config), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(agent_goes_on_only_with_the_life_that_waited) {
  add(pb::SERVICE);
  const auto of_life = [this](std::uint32_t life) {
    return start_node(config, false, access(), true, life);
  };
  BOOST_TEST(fake::fails(of_life(1), Code::kRefused));  // `stop` has ended it
  survey.disks[0] = in_service(0, pb::SERVICE, 1, kBeta);
  BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, 1)));
  BOOST_TEST((start()->outcome == StartOutcome::kWaits));
  BOOST_TEST(fake::fails(of_life(1), Code::kRefused));
  BOOST_TEST((of_life(2)->outcome == StartOutcome::kWaits));
  survey.disks[0] = surveyed(0, pb::SERVICE);
  survey.disks[0].reservations_known = true;
  BOOST_TEST((of_life(2)->outcome == StartOutcome::kStarted));
  // Its service is not announced yet, and may miss a disk.
  BOOST_TEST((of_life(2)->outcome == StartOutcome::kStarted));
  NodeState announced = *load_node_state(config);
  BOOST_TEST(announced.unannounced);
  announced.unannounced = false;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, announced)));
  BOOST_TEST(fake::fails(of_life(2), Code::kRefused));  // it waits no more
}

BOOST_AUTO_TEST_CASE(without_a_disk_no_generation_is_counted) {
  add(pb::SERVICE, kBeta);
  const auto report = start();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->outcome == StartOutcome::kNoDisk));
  BOOST_TEST(load_last_generation(config).value_or(99) == 0U);
}

BOOST_AUTO_TEST_CASE(one_start_at_a_time) {
  add(pb::SERVICE);
  const auto lock = lock_state(config);
  BOOST_TEST_REQUIRE(fake::ok(lock));
  const Instant asked = executor.now();
  BOOST_TEST(fake::fails(start(), Code::kRefused));
  // The other one may be the agent, which arms for a second or two.
  BOOST_TEST((executor.now() - asked >= kPatienceWithCommand));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
