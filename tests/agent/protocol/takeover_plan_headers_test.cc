// What a takeover believes of headers that cannot be read, or read older than before.
#include "tests/agent/protocol/takeover_plan_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(takeover_plan_headers)

BOOST_AUTO_TEST_CASE(header_that_reads_the_same_again_is_no_progress) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, 0ms);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, kTiming.stall());
  CHECK_DISKS(taken(plan.tick(kTiming.stall())), {3});
  // A live writer would have shown on its fallback by now, so that one goes too.
  const Instant latest = kTiming.stall() + kTiming.silence(1);
  read_again(plan, {4}, latest);
  CHECK_DISKS(taken(plan.tick(latest)), {4});
}

BOOST_AUTO_TEST_CASE(older_header_takes_no_disk_from_a_running_dump) {
  for (const auto& older : {header(pb::ARMED), pb::CoredumpHeader()}) {
    auto plan = usual();
    (void)begin(plan);
    CHECK_DISKS(taken(plan.header_seen(3, header(pb::IN_PROGRESS), 9, 100ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, older, 8, 200ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, older, 0, 300ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, header(pb::COMPLETED), 10, 400ms)), {3, 4});
  }
}

BOOST_AUTO_TEST_CASE(look_that_took_long_does_not_tell_of_silence) {
  auto plan = usual();
  (void)begin(plan);
  take_first_three(plan);
  const auto silence = kTiming.silence(2);
  // Sent before the wait was over, and answered after it: a dump may have begun in between.
  (void)plan.header_seen(3, header(pb::ARMED), 8, silence + 1s, silence - 1ms);
  CHECK_DISKS(taken(plan.tick(silence + 1s)), {});
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 9, silence + 2s, silence + 1s);
  CHECK_DISKS(taken(plan.tick(silence + 2s)), {});
}

BOOST_AUTO_TEST_CASE(disk_that_was_not_readable_is_not_free_for_reading_empty) {
  TakeoverDisk unreadable = disk(pb::SPARE);
  unreadable.header_readable = false;
  TakeoverPlan plan(kTiming, kPartner, {unreadable});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  CHECK_DISKS(taken(plan.header_seen(0, {}, 0, 100ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2) + 1s)), {});
  CHECK_DISKS(taken(plan.header_seen(0, header(pb::COMPLETED), 3, 200ms)), {0});
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_readable_any_more_is_not_free_for_reading_older) {
  TakeoverDisk unreadable = disk(pb::SPARE, header(pb::ARMED));
  unreadable.header_readable = false;
  unreadable.header_sequence = 4;
  TakeoverPlan plan(kTiming, kPartner, {unreadable});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  CHECK_DISKS(taken(plan.header_seen(0, {}, 3, 100ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2) + 1s)), {});
  CHECK_DISKS(taken(plan.header_seen(0, header(pb::COMPLETED), 5, 200ms)), {0});
}

BOOST_AUTO_TEST_CASE(dump_that_can_not_be_read_any_more_still_keeps_its_fallback) {
  TakeoverDisk unreadable = disk(pb::DUMP, header(pb::IN_PROGRESS));
  unreadable.header_readable = false;
  unreadable.header_sequence = 5;
  TakeoverPlan plan(kTiming, kPartner, {unreadable, disk(pb::SPARE, header(pb::ARMED))});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  read_again(plan, {1}, kTiming.silence(2));
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2))), {});
}

BOOST_AUTO_TEST_CASE(writer_whose_newer_header_is_lost_stalls) {
  auto plan = usual();
  (void)begin(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 9, 0ms);
  CHECK_DISKS(taken(plan.header_seen(3, header(pb::ARMED), 8, kTiming.stall())), {});
  CHECK_DISKS(taken(plan.tick(kTiming.stall())), {3});
}

BOOST_AUTO_TEST_CASE(dump_disk_that_can_not_be_read_is_no_stalled_writer) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  CHECK_DISKS(taken(plan.tick(kTiming.stall() + 1000ms)), {});
}

BOOST_AUTO_TEST_CASE(unreadable_header_keeps_a_spare_safe_until_the_deadline) {
  auto sick = disk(pb::SPARE);
  sick.header_readable = false;
  TakeoverPlan plan(kTiming, kPartner, {disk(pb::SERVICE), sick});
  CHECK_DISKS(taken(plan.begin(0ms)), {0});
  (void)plan.disk_taken(0, Status{}, {}, 1ms);
  CHECK_DISKS(taken(plan.tick(kTiming.deadline() - 1ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.deadline())), {1});
}

BOOST_AUTO_TEST_CASE(unreadable_header_does_not_protect_a_service_disk) {
  auto sick = disk(pb::SERVICE);
  sick.header_readable = false;
  TakeoverPlan plan(kTiming, kPartner, {sick});
  CHECK_DISKS(taken(plan.begin(0ms)), {0});
}

// The writer may need one I/O time-out to check a candidate and one to write IN_PROGRESS.
BOOST_AUTO_TEST_CASE(writer_that_left_a_disk_gets_two_io_timeouts_for_each_further_candidate) {
  const Timing slow =
      *derive_timing({.io_timeout = 30s, .dump_limit = 400s, .grace = 1s, .client_timeout = 500s});
  TakeoverPlan plan(slow, kPartner,
                    {disk(pb::DUMP, header(pb::IN_PROGRESS)), disk(pb::SPARE, header(pb::ARMED)),
                     disk(pb::SPARE, header(pb::ARMED))});
  (void)plan.begin(0ms);
  CHECK_DISKS(taken(plan.header_seen(0, header(pb::ABORTED, pb::IO_ERROR), 9, 5s)), {0});
  (void)plan.disk_taken(0, Status{}, header(pb::ABORTED, pb::IO_ERROR), 6s);
  // The first of them hangs twice, and so does the second.
  read_again(plan, {1, 2}, 5s + 4 * 30s);
  CHECK_DISKS(taken(plan.tick(5s + 4 * 30s)), {});
  CHECK_DISKS(taken(plan.header_seen(2, header(pb::IN_PROGRESS), 2, 125s)), {});
  read_again(plan, {1}, 125s + slow.stall() - 1ms);
  CHECK_DISKS(taken(plan.tick(125s + slow.stall() - 1ms)), {});
}

BOOST_AUTO_TEST_CASE(capture_kernel_gets_two_io_timeouts_for_each_candidate_after_its_first) {
  auto plan = usual();  // two are armed, and the first one hangs
  (void)begin(plan);
  take_first_three(plan);
  const Instant latest = kTiming.settings.grace + 2 * kTiming.settings.io_timeout;
  read_again(plan, {3, 4}, latest - 1ms);
  CHECK_DISKS(taken(plan.tick(latest - 1ms)), {});
}

BOOST_AUTO_TEST_CASE(writer_that_stalled_may_be_on_its_way_to_the_next_candidate) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)begin(plan);
  take_first_three(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 0, kTiming.stall());
  read_again(plan, {4}, kTiming.stall());
  CHECK_DISKS(taken(plan.tick(kTiming.stall())), {3});
  const Instant latest = kTiming.stall() + 2 * kTiming.settings.io_timeout;
  read_again(plan, {4}, latest);
  CHECK_DISKS(taken(plan.tick(latest)), {});
}

// The partner may arm a disk and panic between the survey and the first command.
BOOST_AUTO_TEST_CASE(free_disk_is_read_again_before_it_is_taken) {
  TakeoverDisk spare = disk(pb::SPARE);
  TakeoverPlan plan(kTiming, kPartner, {spare, disk(pb::SERVICE), spare});
  CHECK_DISKS(taken(plan.begin(0ms)), {1});
  CHECK_DISKS(plan.watched(), {0, 2});
  CHECK_DISKS(taken(plan.header_seen(0, {}, 0, 100ms)), {0});
  CHECK_DISKS(taken(plan.header_seen(2, header(pb::ARMED), 1, 100ms)), {});
  CHECK_DISKS(taken(plan.header_seen(2, header(pb::IN_PROGRESS), 2, 200ms)), {});
  CHECK_DISKS(taken(plan.header_seen(2, header(pb::COMPLETED), 3, 300ms)), {2});
}

BOOST_AUTO_TEST_CASE(disk_that_a_later_life_has_used_is_left_to_it) {
  pb::CoredumpHeader later = header(pb::ARMED);
  later.set_boot_generation(kGeneration + 1);
  TakeoverDisk labelled = disk(pb::SERVICE);
  labelled.later_life = true;
  // No dump goes to a disk of the service: its header says nothing.
  TakeoverPlan plan(kTiming, kPartner,
                    {disk(pb::SPARE, later), labelled, disk(pb::SPARE), disk(pb::SERVICE, later)});
  const auto begun = plan.begin(0ms);
  CHECK_DISKS(taken(begun), {3});
  BOOST_CHECK(has(begun, Kind::kLeftToLaterLife));
  const auto seen = plan.header_seen(2, later, 1, 100ms);
  CHECK_DISKS(taken(seen), {});
  BOOST_CHECK(has(seen, Kind::kLeftToLaterLife));
  BOOST_CHECK(has(plan.disk_held(3), Kind::kServiceTaken));
  (void)plan.disk_taken(3, Status{}, {}, 200ms);
  CHECK_DISKS(plan.given_up(), {0, 1, 2});
  BOOST_CHECK(plan.over());
}

BOOST_AUTO_TEST_CASE(free_disk_that_does_not_answer_makes_the_armed_ones_wait_no_longer) {
  auto plan = usual();
  (void)plan.begin(0ms);
  for (const std::size_t i : {0, 1}) (void)plan.disk_taken(i, Status{}, {}, 0ms);
  read_again(plan, {3, 4}, kTiming.silence(2));
  CHECK_DISKS(taken(plan.tick(kTiming.silence(2))), {3, 4});
}

BOOST_AUTO_TEST_SUITE_END()
