#include "tests/agent/protocol/takeover_plan_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(takeover_plan)

BOOST_AUTO_TEST_CASE(service_disks_and_unarmed_spares_are_taken_at_once) {
  auto plan = usual();
  CHECK_DISKS(taken(begin(plan)), {0, 1, 2});
  CHECK_DISKS(plan.watched(), {3, 4});
}

BOOST_AUTO_TEST_CASE(service_is_announced_once_when_the_last_service_disk_is_there) {
  auto plan = usual();
  (void)begin(plan);
  BOOST_CHECK(!has(plan.disk_taken(0, Status{}, {}, 1ms), Kind::kServiceTaken));
  BOOST_CHECK(has(plan.disk_taken(1, Status{}, {}, 2ms), Kind::kServiceTaken));
  BOOST_CHECK(!has(plan.disk_taken(2, Status{}, {}, 3ms), Kind::kServiceTaken));
}

BOOST_AUTO_TEST_CASE(service_does_not_wait_for_labels_once_the_reservations_are_held) {
  auto plan = usual();
  (void)begin(plan);
  BOOST_CHECK(!has(plan.disk_held(0), Kind::kServiceTaken));
  BOOST_CHECK(has(plan.disk_held(1), Kind::kServiceTaken));
  BOOST_CHECK(!has(plan.disk_taken(0, Status{}, {}, 2ms), Kind::kServiceTaken));
}

BOOST_AUTO_TEST_CASE(one_sick_service_disk_does_not_hold_the_others_up_and_is_tried_again) {
  auto plan = usual();
  (void)begin(plan);
  (void)plan.disk_taken(0, Status{}, {}, 1ms);
  BOOST_CHECK(has(plan.disk_taken(1, fail({.code = Code::kIo}), {}, 2ms), Kind::kServiceTaken));
  CHECK_DISKS(taken(plan.tick(10ms)), {});
  CHECK_DISKS(taken(plan.tick(2ms + kTiming.settings.io_timeout)), {1});
}

BOOST_AUTO_TEST_CASE(service_does_not_wait_while_a_disk_that_failed_is_withdrawn_from) {
  auto plan = usual();
  (void)begin(plan);
  (void)plan.disk_held(0);
  BOOST_CHECK(has(plan.disk_not_now(1), Kind::kServiceTaken));
  BOOST_CHECK(!has(plan.disk_taken(1, fail({.code = Code::kIo}), {}, 5000ms), Kind::kServiceTaken));
}

BOOST_AUTO_TEST_CASE(service_is_never_announced_with_no_disk_held) {
  auto plan = usual();
  (void)begin(plan);
  const Status sick = fail({.code = Code::kIo});
  BOOST_CHECK(!has(plan.disk_taken(0, sick, {}, 1ms), Kind::kServiceTaken));
  BOOST_CHECK(!has(plan.disk_taken(1, sick, {}, 2ms), Kind::kServiceTaken));
  (void)plan.tick(kTiming.settings.io_timeout + 2ms);
  BOOST_CHECK(has(plan.disk_held(1), Kind::kServiceTaken));
  TakeoverPlan no_service(kTiming, kPartner, {disk(pb::SPARE)});
  BOOST_CHECK(!has(no_service.begin(0ms), Kind::kServiceTaken));
}

BOOST_AUTO_TEST_CASE(service_disk_that_comes_after_the_announcement_is_announced_too) {
  auto plan = usual();
  (void)begin(plan);
  (void)plan.disk_held(0);
  BOOST_CHECK(
      has(plan.disk_taken(1, fail({.code = Code::kTimeout}), {}, 2ms), Kind::kServiceTaken));
  (void)plan.disk_taken(0, Status{}, {}, 3ms);
  (void)plan.tick(kTiming.settings.io_timeout + 2ms);
  BOOST_CHECK(has(plan.disk_held(1), Kind::kServiceTaken));
  BOOST_CHECK(!has(plan.disk_taken(1, Status{}, {}, 8000ms), Kind::kServiceTaken));
}

BOOST_AUTO_TEST_CASE(take_that_hung_past_the_deadline_and_ends_well_is_taken_and_announced) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::SERVICE), disk(pb::SERVICE)});
  (void)plan.begin(0ms);
  (void)plan.disk_held(0);
  (void)plan.tick(kTiming.deadline());
  CHECK_DISKS(plan.given_up(), {0, 1});
  BOOST_CHECK(has(plan.disk_taken(1, Status{}, {}, kTiming.deadline() + 1ms), Kind::kServiceTaken));
  CHECK_DISKS(plan.given_up(), {0});
}

BOOST_AUTO_TEST_CASE(disk_that_stays_sick_is_given_up_at_the_deadline) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::SERVICE)});
  (void)plan.begin(0ms);
  (void)plan.disk_taken(0, fail({.code = Code::kIo}), {}, 1ms);
  CHECK_DISKS(taken(plan.tick(1ms + kTiming.settings.io_timeout)), {0});
  (void)plan.disk_taken(0, fail({.code = Code::kIo}), {}, kTiming.deadline() - 1ms);
  CHECK_DISKS(taken(plan.tick(kTiming.deadline() + kTiming.settings.io_timeout)), {});
  CHECK_DISKS(plan.given_up(), {0});
  BOOST_CHECK(plan.over());
}

BOOST_AUTO_TEST_CASE(armed_spares_are_left_alone_while_a_dump_may_show_and_taken_then) {
  auto plan = usual();
  (void)begin(plan);
  take_first_three(plan);
  read_again(plan, {3, 4}, kTiming.silence(2) - 1ms);
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2) - 1ms)), {});
  read_again(plan, {3, 4}, kTiming.silence(2));
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2))), {3, 4});
}

BOOST_AUTO_TEST_CASE(taking_that_failed_is_not_tried_again_under_a_dump_that_has_begun) {
  auto plan = usual();
  Instant now = take_spares_in_silence(plan);
  for (const std::size_t spare : {3U, 4U}) {
    (void)plan.disk_taken(spare, fail({.code = Code::kTimeout}), {}, now);
  }
  now += kTiming.settings.io_timeout;
  // Looked at again, and not before that.
  CHECK_DISKS(taken(plan.tick(now)), {});
  CHECK_DISKS(plan.watched(), {3, 4});
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 7, now + 1ms);
  CHECK_DISKS(taken(plan.tick(now + 1ms)), {});
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 8, now + 1000ms);
  CHECK_DISKS(taken(plan.tick(now + kTiming.stall() - 1ms)), {});
}

BOOST_AUTO_TEST_CASE(taking_that_failed_is_tried_again_where_nothing_has_changed) {
  auto plan = usual();
  Instant now = take_spares_in_silence(plan);
  (void)plan.disk_taken(3, fail({.code = Code::kTimeout}), {}, now);
  now += kTiming.settings.io_timeout;
  (void)plan.tick(now);
  read_again(plan, {3}, now + 1ms);
  CHECK_DISKS(taken(plan.tick(now + 1ms)), {3});
}

BOOST_AUTO_TEST_CASE(free_disk_whose_taking_failed_may_have_been_armed_since) {
  for (const pb::Attribute found : {pb::INACTIVE, pb::ARMED, pb::IN_PROGRESS}) {
    auto plan = usual();
    CHECK_DISKS(taken(begin(plan)), {0, 1, 2});
    (void)plan.disk_taken(2, fail({.code = Code::kTimeout}), {}, 1ms);
    Instant now = 1ms + kTiming.settings.io_timeout;
    CHECK_DISKS(taken(plan.tick(now)), {});
    CHECK_DISKS(plan.watched(), {2, 3, 4});
    const bool free = found == pb::INACTIVE;
    const auto seen =
        free ? plan.header_seen(2, {}, 0, now) : plan.header_seen(2, header(found), 1, now);
    CHECK_DISKS(taken(seen), (free ? Disks{2} : Disks{}));
    CHECK_DISKS(taken(plan.tick(now + 1ms)), {});
  }
}

BOOST_AUTO_TEST_CASE(armed_disk_that_was_not_read_since_may_have_a_dump_by_now) {
  auto plan = usual();
  (void)begin(plan);
  take_first_three(plan);
  read_again(plan, {3, 4}, 1000ms);
  // The other one would be its fallback.
  read_again(plan, {4}, kTiming.deadline() - 1ms);
  CHECK_DISKS(taken(plan.tick(kTiming.deadline() - 1ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.deadline())), {3, 4});
}

BOOST_AUTO_TEST_CASE(armed_disk_whose_taking_failed_may_have_a_dump_by_now_too) {
  auto plan = usual();
  Instant now = take_spares_in_silence(plan);
  for (const std::size_t spare : {3U, 4U}) {
    const Instant failed = now + (spare - 3) * kTiming.settings.io_timeout / 2;
    (void)plan.disk_taken(spare, fail({.code = Code::kTimeout}), {}, failed);
  }
  now += kTiming.settings.io_timeout;
  CHECK_DISKS(taken(plan.tick(now)), {});
  read_again(plan, {3}, now);
  CHECK_DISKS(taken(plan.tick(now)), {});  // 4 is sick still
  now += kTiming.settings.io_timeout;
  (void)plan.tick(now);
  read_again(plan, {3, 4}, now);
  CHECK_DISKS(taken(plan.tick(now)), {3, 4});
}

BOOST_AUTO_TEST_CASE(running_dump_and_its_fallback_are_left_alone) {
  auto plan = usual();
  (void)begin(plan);
  take_first_three(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 2, 3000ms);
  for (auto now = 3000ms; now < 40'000ms; now += 1000ms) {
    CHECK_DISKS(taken(plan.header_seen(3, header(pb::IN_PROGRESS),
                                       static_cast<std::uint64_t>(now.count()), now)),
                {});
    CHECK_DISKS(taken(plan.tick(now)), {});
  }
}

BOOST_AUTO_TEST_CASE(completed_dump_is_claimed_with_the_rest_of_the_armed_and_recovered) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  CHECK_DISKS(taken(plan.header_seen(3, header(pb::COMPLETED), 9, 5000ms)), {3, 4});
  const auto actions = plan.disk_taken(3, Status{}, header(pb::COMPLETED), 5100ms);
  BOOST_CHECK(has(actions, Kind::kRecover));
  (void)plan.disk_taken(4, Status{}, {}, 5100ms);
  BOOST_CHECK(!plan.over());
  (void)plan.disk_recovered(3, true, 6000ms);
  BOOST_CHECK(plan.over());
  BOOST_CHECK(plan.unsaved().empty());
}

BOOST_AUTO_TEST_CASE(after_an_io_error_the_writer_gets_its_time_to_show_on_its_next_candidate) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  CHECK_DISKS(taken(plan.header_seen(3, header(pb::ABORTED, pb::IO_ERROR), 9, 5000ms)), {3});
  (void)plan.disk_taken(3, Status{}, header(pb::ABORTED, pb::IO_ERROR), 5100ms);
  CHECK_DISKS(taken(plan.tick(5000ms + kTiming.silence(1) - 1ms)), {});
  (void)plan.header_seen(4, header(pb::IN_PROGRESS), 2, 6000ms);
  CHECK_DISKS(taken(plan.tick(6000ms + kTiming.silence(1))), {});
  CHECK_DISKS(taken(plan.header_seen(4, header(pb::COMPLETED), 3, 20'000ms)), {4});
}

BOOST_AUTO_TEST_CASE(stalled_writer_loses_its_disk_at_the_stall_time_not_before) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, 4000ms);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, 4000ms + kTiming.stall() - 1ms);
  CHECK_DISKS(taken(plan.tick(4000ms + kTiming.stall() - 1ms)), {});
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, 4000ms + kTiming.stall());
  const auto actions = plan.tick(4000ms + kTiming.stall());
  BOOST_REQUIRE(!actions.empty());
  BOOST_CHECK_EQUAL(actions[0].disk, 3);
  BOOST_CHECK_EQUAL(actions[0].abort_reason, pb::STALLED);
}

BOOST_AUTO_TEST_CASE(disk_that_another_node_took_is_given_up_not_fought_for) {
  for (const Code code : {Code::kFenced, Code::kConflict}) {
    TakeoverPlan plan(kTiming, kPartner, {disk(pb::SERVICE)});
    (void)plan.begin(0ms);
    (void)plan.disk_taken(0, fail({.code = code}), {}, 1ms);
    CHECK_DISKS(taken(plan.tick(kTiming.settings.io_timeout + 1ms)), {});
    CHECK_DISKS(plan.given_up(), {0});
  }
}

BOOST_AUTO_TEST_CASE(take_that_hangs_in_the_kernel_holds_neither_the_service_nor_the_end_up) {
  auto plan = usual();
  (void)begin(plan);
  (void)plan.disk_held(0);
  BOOST_CHECK(!has(plan.tick(kTiming.settings.io_timeout), Kind::kServiceTaken));
  BOOST_CHECK(has(plan.tick(3 * kTiming.settings.io_timeout), Kind::kServiceTaken));
  (void)plan.tick(kTiming.deadline());
  const auto given_up = plan.given_up();
  BOOST_CHECK(std::find(given_up.begin(), given_up.end(), 1) != given_up.end());
}

BOOST_AUTO_TEST_CASE(dump_of_an_earlier_boot_does_not_end_the_wait_for_this_one) {
  auto sick = disk(pb::SPARE);
  sick.header_readable = false;
  TakeoverPlan plan(kTiming, kPartner, {sick, disk(pb::DUMP, header(pb::ARMED))});
  (void)plan.begin(0ms);
  auto old = header(pb::COMPLETED);
  old.set_boot_generation(kGeneration - 1);
  CHECK_DISKS(taken(plan.header_seen(0, old, 3, 1000ms)), {0});
  CHECK_DISKS(taken(plan.disk_taken(0, Status{}, old, 1100ms)), {});
}

BOOST_AUTO_TEST_CASE(dump_disk_that_fails_at_the_deadline_is_tried_again) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  const Instant late = kTiming.deadline();
  (void)plan.tick(late);
  (void)plan.disk_taken(3, fail({.code = Code::kIo}), {}, late);
  CHECK_DISKS(taken(plan.tick(late + kTiming.settings.io_timeout)), {3});
}

BOOST_AUTO_TEST_CASE(writer_that_never_ends_loses_its_disk_at_the_deadline) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  const Instant deadline = kTiming.deadline() - 2000ms;  // the header says 2 s since the panic
  std::uint64_t sequence = 2;
  for (Instant now = 0ms; now < deadline; now += 1000ms) {
    (void)plan.header_seen(3, header(pb::IN_PROGRESS), sequence++, now);
    CHECK_DISKS(taken(plan.tick(now)), {});
  }
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), sequence, deadline);
  const auto actions = plan.tick(deadline);
  BOOST_REQUIRE(!actions.empty());
  BOOST_CHECK_EQUAL(actions[0].disk, 3);
  BOOST_CHECK_EQUAL(actions[0].abort_reason, pb::DEADLINE);
}

BOOST_AUTO_TEST_CASE(headers_of_an_earlier_boot_protect_nothing) {
  auto armed = header(pb::ARMED);
  auto dumping = header(pb::IN_PROGRESS);
  armed.set_boot_generation(kGeneration - 1);
  dumping.set_boot_generation(kGeneration - 1);
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::SPARE, armed), disk(pb::DUMP, dumping)});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  CHECK_DISKS(taken(plan.header_seen(0, armed, 0, 1ms)), {0});
  CHECK_DISKS(taken(plan.header_seen(1, dumping, 0, 1ms)), {1});
}

BOOST_AUTO_TEST_CASE(header_on_a_service_disk_can_not_be_a_running_dump) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::SERVICE, header(pb::IN_PROGRESS))});
  CHECK_DISKS(taken(plan.begin(0ms)), {0});
}

BOOST_AUTO_TEST_CASE(interrupted_takeover_takes_its_own_disks_again_and_recovers_what_is_unsaved) {
  auto claimed = disk(pb::DUMP, header(pb::IN_PROGRESS));
  claimed.mine_already = true;
  TakeoverPlan plan(kTiming, kPartner, {claimed});
  const auto actions = plan.begin(0ms);
  CHECK_DISKS(taken(actions), {0});
  BOOST_CHECK(
      has(plan.disk_taken(0, Status{}, header(pb::ABORTED, pb::STALLED), 1ms), Kind::kRecover));
}

BOOST_AUTO_TEST_CASE(dump_that_ended_before_the_takeover_began_frees_the_armed_spares) {
  auto plan = usual(header(pb::COMPLETED));
  CHECK_DISKS(taken(begin(plan)), {0, 1, 3, 2});
  CHECK_DISKS(taken(plan.disk_taken(3, Status{}, header(pb::COMPLETED), 10ms)), {4});
}

BOOST_AUTO_TEST_CASE(saved_dump_is_not_recovered_again) {
  auto plan = usual(header(pb::SAVED));
  (void)begin(plan);
  BOOST_CHECK(!has(plan.disk_taken(3, Status{}, header(pb::SAVED), 1ms), Kind::kRecover));
}

BOOST_AUTO_TEST_CASE(each_take_says_why) {
  const auto why = [](const TakeoverPlan::Actions& actions) {
    std::vector<std::string> reasons;
    for (const auto& action : actions) {
      if (action.kind == Kind::kTake) reasons.emplace_back(action.why);
    }
    return reasons;
  };
  using Reasons = std::vector<std::string>;
  TakeoverPlan finished(kTiming, kPartner,
                        {disk(pb::SPARE), disk(pb::DUMP, header(pb::COMPLETED))});
  BOOST_TEST(why(finished.begin(0ms)) == Reasons{"the dump on it has ended"});
  BOOST_TEST(why(finished.header_seen(0, {}, 0, 1ms)) ==
             Reasons{"no dump of this crash is on it or on its way"});
  auto completing = usual(header(pb::IN_PROGRESS));
  (void)begin(completing);
  BOOST_TEST(why(completing.header_seen(3, header(pb::COMPLETED), 6, 1000ms)) ==
             (Reasons{"the dump on it has ended", "the dump has ended on another disk"}));
  auto stalling = usual(header(pb::IN_PROGRESS));
  (void)begin(stalling);
  (void)stalling.header_seen(3, header(pb::IN_PROGRESS), 0, kTiming.stall());
  BOOST_TEST(why(stalling.tick(kTiming.stall())) == Reasons{"no progress for the stall time"});
  auto silent = usual();
  (void)begin(silent);
  take_first_three(silent);
  read_again(silent, {3, 4}, kTiming.silence(2));
  const std::string no_dump = "no dump has shown for as long as one may take";
  BOOST_TEST(why(silent.tick(kTiming.silence(2))) == (Reasons{no_dump, no_dump}));
  auto unread = usual();
  (void)begin(unread);
  take_first_three(unread);
  const std::string deadline = "the deadline has passed";
  BOOST_TEST(why(unread.tick(kTiming.deadline())) == (Reasons{deadline, deadline}));
  // Another try is for the first one's reason.
  (void)unread.disk_taken(4, fail({.code = Code::kIo, .operation = "take"}), {},
                          kTiming.deadline());
  BOOST_TEST(why(unread.tick(kTiming.deadline() + kTiming.stall() - 1ms)) == Reasons{deadline});
}

BOOST_AUTO_TEST_CASE(dump_that_could_not_be_saved_is_reported) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::DUMP, header(pb::COMPLETED))});
  (void)plan.begin(0ms);
  (void)plan.disk_taken(0, Status{}, header(pb::COMPLETED), 1ms);
  (void)plan.disk_recovered(0, false, 2ms);
  BOOST_CHECK(plan.over());
  CHECK_DISKS(plan.unsaved(), {0});
}

BOOST_AUTO_TEST_CASE(recovery_may_last_while_it_goes_on_and_is_given_up_when_it_does_not) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::DUMP, header(pb::COMPLETED))});
  (void)plan.begin(0ms);
  (void)plan.disk_taken(0, Status{}, header(pb::COMPLETED), 0ms);
  const milliseconds stall = kTiming.recovery_stall();
  Instant now{0};
  for (; now < 10 * stall; now += stall / 2) {
    plan.recovery_progress(0, now);
    BOOST_CHECK(plan.tick(now + stall / 2 - 1ms).empty());
  }
  BOOST_CHECK(!plan.over());
  BOOST_CHECK(has(plan.tick(now + stall), Kind::kRecoveryHangs));
  BOOST_CHECK(plan.over());
  CHECK_DISKS(plan.unsaved(), {0});
  BOOST_CHECK(plan.tick(now + 2 * stall).empty());
}

BOOST_AUTO_TEST_CASE(dump_that_is_saved_after_its_recovery_was_given_up_is_saved) {
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::DUMP, header(pb::COMPLETED))});
  (void)plan.begin(0ms);
  (void)plan.disk_taken(0, Status{}, header(pb::COMPLETED), 0ms);
  BOOST_CHECK(has(plan.tick(kTiming.recovery_stall()), Kind::kRecoveryHangs));
  plan.recovery_progress(0, kTiming.recovery_stall());
  CHECK_DISKS(plan.unsaved(), {0});
  (void)plan.disk_recovered(0, true, kTiming.recovery_stall() + 1ms);
  CHECK_DISKS(plan.unsaved(), {});
}

BOOST_AUTO_TEST_SUITE_END()
