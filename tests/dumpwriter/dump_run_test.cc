#include "dumpwriter/dump_run.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "tests/dumpwriter/dump_fixture.h"

namespace lastword {
namespace {

using fake::Command;
using fake::CommandTrace;
using fake::FaultKind;
using test::DumpFixture;
using test::StreamContent;

bool writes(const std::vector<CommandTrace>& commands) {
  for (const CommandTrace& command : commands) {
    if (command.command == Command::kWrite) return true;
  }
  return false;
}

struct Runs : DumpFixture {
  // The label and the plan give the dump so much of that disk.
  void shrink_region(int disk, std::uint64_t bytes) {
    pb::Candidate& candidate = *plan.mutable_candidates(disk);
    candidate.set_data_length_bytes(bytes);
    pb::Label label;
    label.set_cluster_uuid(plan.cluster_uuid());
    label.set_disk_uuid(candidate.disk_uuid());
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_owner_node(1);
    label.set_owner_generation(plan.boot_generation());
    label.set_data_offset_bytes(kDataOffset);
    label.set_data_length_bytes(bytes);
    put_label(static_cast<unsigned>(disk), label);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dump_run, Runs)

BOOST_AUTO_TEST_CASE(in_progress_is_durable_before_any_byte_of_memory) {
  bool checked = false;
  shelf.set_hook([&](const CommandTrace& command) {
    if (checked || !is_data_write(command)) return;
    checked = true;
    shelf.lose_power();
    BOOST_TEST(header(0).attribute() == pb::IN_PROGRESS);
    BOOST_TEST(header(0).durable_bytes() == 0U);
  });
  (void)run();
  BOOST_TEST(checked);
}

BOOST_AUTO_TEST_CASE(io_error_in_the_stream_goes_on_with_the_next_candidate) {
  // IN_PROGRESS and two sections pass.
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite, .skip = 3, .times = 1});
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "dump-started dump-aborted dump-started dump-completed");
  BOOST_TEST(reporter.events[1].reason == "IO_ERROR");
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::IO_ERROR);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
  BOOST_TEST(header(1).crash_id() == header(0).crash_id());
  check_pages(stream(1), true);
}

BOOST_AUTO_TEST_CASE(disk_that_fails_for_good_is_left_for_the_next) {
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite, .skip = 2});
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(header(0).attribute() == pb::IN_PROGRESS);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(disk_that_refuses_its_header_is_left_for_the_next) {
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite});
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(header(0).attribute() == pb::ARMED);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
  for (const CommandTrace& command : commands(0)) BOOST_TEST(!is_data_write(command));
}

BOOST_AUTO_TEST_CASE(failed_header_is_repeated_in_its_own_slot) {
  // The other slot has the only valid record: a torn write there too would lose both.
  engines[0].per_completion = milliseconds(100);
  unsigned headers = 0;
  shelf.set_hook([&](const CommandTrace& command) {
    if (!is_header_write(command) || command.lun != 0 || ++headers != 3) return;
    shelf.inject(0, {.kind = FaultKind::kTornBlock, .only = Command::kWrite, .times = 1});
  });
  core.add_direct(0x2000000, 0x1400000);
  core.memory.fill(0x2000, 0x1400);
  (void)run();
  std::vector<std::uint64_t> offsets;
  for (const CommandTrace& command : commands(0)) {
    if (is_header_write(command)) offsets.push_back(command.offset);
  }
  BOOST_REQUIRE(offsets.size() == 4U);
  BOOST_TEST(offsets[2] == offsets[3]);
  BOOST_TEST(header(0).reason() == pb::IO_ERROR);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(hanging_disk_is_left_as_it_is) {
  shelf.inject(0, {.kind = FaultKind::kTimeout, .only = Command::kWrite, .skip = 2});
  const milliseconds before = clock.now;
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "dump-started dump-aborted dump-started dump-completed");
  BOOST_TEST(reporter.events[1].reason == "TIMEOUT");
  BOOST_TEST(header(0).attribute() == pb::IN_PROGRESS);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
  BOOST_TEST((clock.now - before < settings.io_timeout + milliseconds(500)));
  check_pages(stream(1), true);
}

BOOST_AUTO_TEST_CASE(disk_that_hangs_on_its_first_header_is_left_as_it_is) {
  engines[0].hang();
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(header(0).attribute() == pb::ARMED);
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(conflict_stops_every_write_at_once) {
  shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kWrite, .skip = 3, .times = 1});
  std::size_t submits_at_conflict = 0;
  unsigned data_writes = 0;
  shelf.set_hook([&](const CommandTrace& command) {
    if (command.command == Command::kWrite && ++data_writes == 4) {
      submits_at_conflict = engines[0].submits;
    }
  });
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kFenced));
  BOOST_TEST(end.reboot_now);
  BOOST_TEST(engines[0].submits == submits_at_conflict);
  BOOST_TEST(reporter.names() == "dump-started dump-aborted");
  BOOST_TEST(reporter.events[1].reason == "FENCED");
  BOOST_TEST(header(0).attribute() == pb::IN_PROGRESS);
  BOOST_TEST(!writes(commands(1)));
  BOOST_TEST(!writes(commands(2)));
}

BOOST_AUTO_TEST_CASE(preempted_in_the_middle_means_fenced) {
  const auto victim = ReservationKey{plan.reservation_key()};
  const ReservationKey own{victim.value + 1};
  bool taken = false;
  unsigned data_writes = 0;
  shelf.set_hook([&](const CommandTrace& command) {
    if (taken || !is_data_write(command) || ++data_writes < 3) return;
    taken = true;
    const auto lun = beta.lun(0);
    (void)lun->test_unit_ready();
    BOOST_REQUIRE(lun->register_ignoring_existing(own, false).has_value());
    BOOST_REQUIRE(lun->preempt_and_abort(own, victim, kOwnerType).has_value());
  });
  const DumpEnd end = run();
  BOOST_TEST(end.reboot_now);
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(conflict_on_the_first_header_means_fenced) {
  shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kWrite});
  BOOST_TEST(run().reboot_now);
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(full_disk_keeps_the_prefix) {
  shrink_region(0, 3 << 20);
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDiskFull));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::DISK_FULL);
  const StreamContent content = stream(0);
  BOOST_TEST(header(0).durable_bytes() == content.boundaries.back());
  // To the last block, and not one further.
  BOOST_TEST(content.boundaries.back() == 3U << 20);
  check_pages(content, false);
  for (const CommandTrace& command : commands(0)) {
    if (is_data_write(command)) {
      BOOST_TEST(command.offset + command.length <= kDataOffset + (3U << 20));
    }
  }
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(full_disk_is_not_written_beyond_its_extent_while_sections_compress) {
  // What compresses to nothing, and behind it what does not shrink: of the sections under way it is
  // not known how much they take.
  constexpr std::uint64_t kExtent = 3 << 20;
  core.add_direct(0x2000000, 0x800000);
  core.memory.fill(0x2200, 0x600);
  settings.codec = CodecSetting::parse("lz4").value();
  engine_size.processors = 4;
  shrink_region(0, kExtent);
  BOOST_TEST((run().outcome == Outcome::kDiskFull));
  BOOST_TEST(header(0).reason() == pb::DISK_FULL);
  for (const CommandTrace& command : commands(0)) {
    if (is_data_write(command))
      BOOST_TEST(command.offset + command.length <= kDataOffset + kExtent);
  }
  check_pages(stream(0), false);
}

BOOST_AUTO_TEST_CASE(wish_to_stop_keeps_the_prefix_and_tries_no_other_disk) {
  core.add_direct(0x2000000, 0x800000);
  core.memory.fill(0x2000, 0x800);
  std::atomic<bool> stop{false};
  settings.stop = &stop;
  test::ClassesByRule classes_of([&](std::uint64_t) {
    if (engines[0].submits > 8) stop = true;
    return PageClass::kKernel;
  });
  classes = &classes_of;
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kStopped));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::STOPPED);
  const StreamContent content = stream(0);
  BOOST_TEST(!content.pages.empty());
  BOOST_TEST(!content.end.has_value());
  BOOST_TEST(header(0).durable_bytes() == content.boundaries.back());
  check_pages(content, false);
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(time_limit_keeps_the_prefix) {
  core.add_direct(0x2000000, 0x800000);
  core.memory.fill(0x2000, 0x800);
  engines[0].per_completion = milliseconds(100);
  settings.limit = milliseconds(2650);
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kLimit));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::LIMIT);
  const StreamContent content = stream(0);
  BOOST_TEST(!content.pages.empty());
  BOOST_TEST(!content.end.has_value());
  BOOST_TEST(header(0).durable_bytes() == content.boundaries.back());
  check_pages(content, false);
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(disk_that_fails_after_the_limit_is_not_followed_by_another) {
  unsigned headers = 0;
  shelf.set_hook([&](const CommandTrace& command) {
    if (command.lun != 0 || !is_header_write(command) || ++headers != 2) return;
    shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kWrite});
    clock.now = settings.limit;
  });
  (void)run();
  BOOST_TEST(reporter.names() == "dump-started dump-aborted no-candidate-left");
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(header_tells_for_good_how_long_after_the_panic_the_dump_began) {
  clock.now = milliseconds(4321);
  bool begun = false;
  shelf.set_hook([&](const CommandTrace& command) {
    if (begun || !is_data_write(command)) return;
    begun = true;
    BOOST_TEST(header(0).began_after_ms() == 4321U);
    clock.now += milliseconds(1000);
  });
  (void)run();
  BOOST_TEST(begun);
  BOOST_TEST(header(0).attribute() == pb::COMPLETED);
  BOOST_TEST(header(0).began_after_ms() == 4321U);
}

BOOST_AUTO_TEST_CASE(limit_that_passed_before_the_start_is_said_at_once) {
  clock.now = settings.limit + milliseconds(1);
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kLimit));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::LIMIT);
  BOOST_TEST(header(0).durable_bytes() == 0U);
  for (const CommandTrace& command : commands(0)) BOOST_TEST(!is_data_write(command));
}

BOOST_AUTO_TEST_CASE(unreadable_vmcore_is_said_at_once) {
  const DumpEnd end = run(nullptr);
  BOOST_TEST((end.outcome == Outcome::kVmcore));
  BOOST_TEST(header(0).attribute() == pb::ABORTED);
  BOOST_TEST(header(0).reason() == pb::VMCORE);
  BOOST_TEST(!writes(commands(1)));
}

BOOST_AUTO_TEST_CASE(candidate_that_differs_from_the_plan_is_not_touched) {
  auto other = header(0);
  other.set_attribute(pb::COMPLETED);
  put_header(0, other);
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "candidate-rejected dump-started dump-completed");
  BOOST_TEST(reporter.events[0].disk_uuid == plan.candidates(0).disk_uuid());
  BOOST_TEST((reporter.events[0].detail.find("COMPLETED, not ARMED") != std::string::npos));
  BOOST_TEST(!writes(commands(0)));
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(candidate_without_my_reservation_is_not_touched) {
  const auto lun = alpha.lun(0);
  BOOST_REQUIRE(lun->release(ReservationKey{plan.reservation_key()}, kOwnerType).has_value());
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST((reporter.events[0].detail.find("nobody holds") != std::string::npos));
  BOOST_TEST(!writes(commands(0)));
}

BOOST_AUTO_TEST_CASE(unit_attention_before_the_reservation_is_read_is_repeated) {
  shelf.inject(0, {.kind = FaultKind::kAttention, .only = Command::kReadReservation, .times = 3});
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(header(0).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(candidate_that_was_not_found_is_passed_over) {
  candidates[0].problem = {.code = Code::kNotFound, .operation = "find candidate"};
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "candidate-rejected dump-started dump-completed");
  BOOST_TEST(header(1).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(candidate_that_hangs_while_it_is_checked_is_passed_over) {
  // For good: the thread that hangs uses all of it.
  static auto* const dump = new DumpFixture;
  dump->settings.io_timeout = milliseconds(50);
  dump->shelf.inject(0, {.kind = FaultKind::kHang, .only = Command::kRead});
  BOOST_TEST((dump->run().outcome == Outcome::kDone));
  const test::News& first = dump->reporter.events[0];
  BOOST_TEST((first.detail.find("no answer within 50 ms") != std::string::npos));
  BOOST_TEST(dump->header(1).attribute() == pb::COMPLETED);
  std::filesystem::remove_all(dump->folder.file(""));  // which its destructor would have done
}

// The header is all that the partner knows of the crash: whatever VMCOREINFO says, it must parse
// and fit its block.
BOOST_AUTO_TEST_CASE(any_vmcoreinfo_leaves_a_header_that_can_be_read) {
  const auto release_of = [](const std::string& release) {
    DumpFixture dump;
    dump.core.vmcoreinfo = "OSRELEASE=" + release + "\n";
    BOOST_TEST((dump.run().outcome == Outcome::kDone));
    BOOST_TEST(dump.header(0).attribute() == pb::COMPLETED);
    return dump.header(0).kernel_release();
  };
  BOOST_TEST(release_of("6.1.0\xff") == "6.1.0?");
  BOOST_TEST(release_of("6.1\x1b[2J\xc3\xa9") == "6.1?[2J??");
  BOOST_TEST(release_of(std::string(5000, 'x')) == std::string(64, 'x'));
  BOOST_TEST(release_of("") == "");
}

BOOST_AUTO_TEST_CASE(no_candidate_left_is_said) {
  for (unsigned i = 0; i < kDisks; ++i) {
    candidates[i].problem = {.code = Code::kNotFound, .operation = "find candidate"};
  }
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kRejected));
  BOOST_TEST(!end.reboot_now);
  BOOST_TEST(reporter.events.back().event == "no-candidate-left");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
