// What a takeover believes of headers that cannot be read, or read older than before.
#include "tests/agent/protocol/takeover_plan_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(takeover_plan_headers)

BOOST_AUTO_TEST_CASE(header_that_reads_the_same_again_is_no_progress) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)plan.begin(0ms);
  take_first_three(plan);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, 0ms);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 5, kTiming.stall());
  read_again(plan, {4}, kTiming.stall());
  // A live writer would have shown on its fallback by now, so that one goes too.
  CHECK_DISKS(taken(plan.tick(kTiming.stall())), {3, 4});
}

BOOST_AUTO_TEST_CASE(older_header_takes_no_disk_from_a_running_dump) {
  for (const auto& older : {header(pb::ARMED), pb::CoredumpHeader()}) {
    auto plan = usual();
    (void)plan.begin(0ms);
    CHECK_DISKS(taken(plan.header_seen(3, header(pb::IN_PROGRESS), 9, 100ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, older, 8, 200ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, older, 0, 300ms)), {});
    CHECK_DISKS(taken(plan.header_seen(3, header(pb::COMPLETED), 10, 400ms)), {3, 4});
  }
}

BOOST_AUTO_TEST_CASE(look_that_took_long_does_not_tell_of_silence) {
  auto plan = usual();
  (void)plan.begin(0ms);
  take_first_three(plan);
  const auto grace = kTiming.settings.grace;
  // Sent before the grace time, and answered after it: a dump may have begun in between.
  (void)plan.header_seen(3, header(pb::ARMED), 8, grace + 1s, grace - 1ms);
  CHECK_DISKS(taken(plan.tick(grace + 1s)), {});
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 9, grace + 2s, grace + 1s);
  CHECK_DISKS(taken(plan.tick(grace + 2s)), {});
}

BOOST_AUTO_TEST_CASE(disk_that_was_not_readable_is_not_free_for_reading_empty) {
  TakeoverDisk unreadable = disk(pb::SPARE);
  unreadable.header_readable = false;
  TakeoverPlan plan(kTiming, kPartner, {unreadable});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  CHECK_DISKS(taken(plan.header_seen(0, {}, 0, 100ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.settings.grace + 1s)), {});
  CHECK_DISKS(taken(plan.header_seen(0, header(pb::COMPLETED), 3, 200ms)), {0});
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_readable_any_more_is_not_free_for_reading_older) {
  TakeoverDisk unreadable = disk(pb::SPARE, header(pb::ARMED));
  unreadable.header_readable = false;
  unreadable.header_sequence = 4;
  TakeoverPlan plan(kTiming, kPartner, {unreadable});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  CHECK_DISKS(taken(plan.header_seen(0, {}, 3, 100ms)), {});
  CHECK_DISKS(taken(plan.tick(kTiming.settings.grace + 1s)), {});
  CHECK_DISKS(taken(plan.header_seen(0, header(pb::COMPLETED), 5, 200ms)), {0});
}

BOOST_AUTO_TEST_CASE(dump_that_can_not_be_read_any_more_still_keeps_its_fallback) {
  TakeoverDisk unreadable = disk(pb::DUMP, header(pb::IN_PROGRESS));
  unreadable.header_readable = false;
  unreadable.header_sequence = 5;
  TakeoverPlan plan(kTiming, kPartner, {unreadable, disk(pb::SPARE, header(pb::ARMED))});
  CHECK_DISKS(taken(plan.begin(0ms)), {});
  read_again(plan, {1}, kTiming.settings.grace);
  CHECK_DISKS(taken(plan.tick(kTiming.settings.grace)), {});
}

BOOST_AUTO_TEST_CASE(writer_whose_newer_header_is_lost_stalls) {
  auto plan = usual();
  (void)plan.begin(0ms);
  (void)plan.header_seen(3, header(pb::IN_PROGRESS), 9, 0ms);
  CHECK_DISKS(taken(plan.header_seen(3, header(pb::ARMED), 8, kTiming.stall())), {});
  CHECK_DISKS(taken(plan.tick(kTiming.stall())), {3});
}

BOOST_AUTO_TEST_CASE(dump_disk_that_can_not_be_read_is_no_stalled_writer) {
  auto plan = usual(header(pb::IN_PROGRESS));
  (void)plan.begin(0ms);
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

BOOST_AUTO_TEST_SUITE_END()
