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

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dump_run, DumpFixture)

BOOST_AUTO_TEST_CASE(complete_dump_reads_back_byte_for_byte) {
  fake::SyntheticLogWriter log(core, {});
  log.add(1'000'000'000, "Kernel panic - not syncing");
  const DumpEnd end = run();
  BOOST_TEST((end.outcome == Outcome::kDone));
  BOOST_TEST(reporter.names() == "dump-started dump-completed");

  const StreamContent content = stream(0);
  check_pages(content, true);
  BOOST_TEST(content.log == "[    1.000000] Kernel panic - not syncing\n");
  const auto file = core.file();
  BOOST_TEST((content.head ==
              std::string(reinterpret_cast<const char*>(file.data()), content.head.size())));
  BOOST_REQUIRE(content.end.has_value());
  const auto frames = core.frames();
  BOOST_TEST(content.end->memory_pages == frames.size());
  BOOST_TEST(content.end->stored_pages == content.pages.size());
  BOOST_TEST(content.end->zero_pages == frames.size() - content.pages.size());
  BOOST_TEST(content.end->section_count == content.kinds.size());
  BOOST_TEST(content.end->stream_bytes == content.boundaries.back());

  const pb::CoredumpHeader header = this->header(0);
  BOOST_TEST(header.attribute() == pb::COMPLETED);
  BOOST_TEST(header.crash_id() == to_string(settings.crash_id));
  BOOST_TEST(header.durable_bytes() == content.boundaries.back());
  BOOST_TEST(header.memory_bytes() == frames.size() * kPageBytes);
  BOOST_TEST(header.stored_pages() == content.pages.size());
  BOOST_TEST(header.zero_pages() == content.end->zero_pages);
  BOOST_TEST(header.plan_nonces_size() == 0);
  BOOST_TEST(header.node() == 1U);
  BOOST_TEST(header.rank() == 1U);
  BOOST_TEST(header.kernel_release() == "6.1.0-test");
  BOOST_TEST(header.extent_offset_bytes() == kDataOffset);
  BOOST_TEST(this->header(1).attribute() == pb::ARMED);
}

BOOST_AUTO_TEST_CASE(memory_in_many_small_runs_is_stored_whole) {
  core.add_direct(0x2000000, 0x400000);
  for (std::uint64_t pfn = 0x2000; pfn < 0x2400; pfn += 2) core.memory.fill(pfn, 1);
  (void)run();
  check_pages(stream(0), true);
}

BOOST_AUTO_TEST_CASE(every_prefix_of_the_stream_is_a_valid_dump) {
  core.add_direct(0x2000000, 0x280000);
  core.memory.fill(0x2000, 0x280);
  (void)run();
  const std::vector<std::byte> whole = data_region(0);
  const StreamContent content = stream(0);
  BOOST_TEST(content.boundaries.size() > 7U);
  for (std::size_t i = 1; i < content.boundaries.size(); ++i) {
    const std::size_t start = content.boundaries[i - 1];
    const std::size_t end = content.boundaries[i];
    for (const std::size_t cut : {end, end - kBlockBytes, start + kBlockBytes, start}) {
      std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<long>(cut));
      // What was there before the dump follows: here, nothing.
      prefix.resize(whole.size());
      const StreamContent read = test::read_stream(prefix, settings.crash_id);
      BOOST_TEST(read.boundaries.back() == (cut == end ? end : start));
      check_pages(read, false);
    }
  }
}

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

BOOST_AUTO_TEST_CASE(durable_bytes_survive_a_power_loss_at_any_command) {
  for (std::size_t stop = 10; stop < 70; stop += 2) {
    DumpFixture dump;
    dump.core.add_direct(0x2000000, 0x1000000);
    dump.core.memory.fill(0x2000, 0x1000);
    dump.engines[0].per_completion = milliseconds(120);
    std::size_t seen = 0;
    dump.shelf.set_hook([&](const CommandTrace&) {
      if (++seen == stop) throw std::runtime_error("power loss");
    });
    try {
      (void)dump.run();
    } catch (const std::runtime_error&) {
    }
    dump.shelf.set_hook({});
    // The worst case: headers made it out of the disk's cache, what they count only if flushed.
    dump.shelf.lose_power([](std::uint64_t offset) {
      return offset < DumpFixture::kDataOffset ? fake::kSectorsPerBlock : 0U;
    });
    const auto header = dump.header(0);
    const StreamContent content = dump.stream(0);
    BOOST_TEST_CONTEXT("stopped before command " << stop) {
      BOOST_TEST((header.attribute() != pb::INACTIVE && header.attribute() != pb::ARMED));
      BOOST_TEST(header.durable_bytes() <= content.boundaries.back());
    }
  }
}

BOOST_AUTO_TEST_CASE(progress_is_written_about_once_a_second) {
  core.add_direct(0x2000000, 0x1400000);
  core.memory.fill(0x2000, 0x1400);
  engines[0].per_completion = milliseconds(100);
  std::vector<std::uint64_t> durable;
  std::vector<std::uint64_t> elapsed;
  shelf.set_hook([&](const CommandTrace& command) {
    if (!is_data_write(command)) return;
    const auto seen = header(0);
    if (!elapsed.empty() && elapsed.back() == seen.elapsed_ms()) return;
    durable.push_back(seen.durable_bytes());
    elapsed.push_back(seen.elapsed_ms());
  });
  (void)run();
  BOOST_TEST(durable.size() >= 3U);
  BOOST_TEST((std::is_sorted(durable.begin(), durable.end())));
  BOOST_TEST(durable.back() > 0U);
  for (std::size_t i = 1; i < elapsed.size(); ++i) {
    BOOST_TEST(elapsed[i] - elapsed[i - 1] < 3000U);
  }
  BOOST_TEST(reporter.all_progress.back().scanned_bytes == header(0).memory_bytes());
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
  pb::Candidate& candidate = *plan.mutable_candidates(0);
  candidate.set_data_length_bytes(3 << 20);
  pb::Label label;
  label.set_cluster_uuid(plan.cluster_uuid());
  label.set_disk_uuid(candidate.disk_uuid());
  label.set_role(pb::DUMP);
  label.set_home_node(1);
  label.set_owner_node(1);
  label.set_owner_generation(plan.boot_generation());
  label.set_data_offset_bytes(kDataOffset);
  label.set_data_length_bytes(3 << 20);
  put_label(0, label);
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

BOOST_AUTO_TEST_CASE(unreadable_page_frame_is_left_out_and_counted) {
  fake::SyntheticVmcore broken;
  broken.memory.fill(0, 64);
  broken.add_direct(0x1000, 0x4000);
  broken.add_direct(0x30000, 0x2000);
  broken.add_direct(0x20000, 0x800);  // half a page, last in the file: read, not mapped
  broken.write(folder.file("vmcore"));
  const auto vmcore = Vmcore::open(folder.file("vmcore"));
  BOOST_REQUIRE(vmcore.has_value());
  std::filesystem::resize_file(folder.file("vmcore"),
                               std::filesystem::file_size(folder.file("vmcore")) - 1);
  BOOST_TEST((run(&*vmcore).outcome == Outcome::kDone));
  const StreamContent content = stream(0);
  BOOST_REQUIRE(content.end.has_value());
  BOOST_TEST(content.end->unreadable_pages == 1U);
  BOOST_TEST(content.end->stored_pages == 6U);
  BOOST_TEST(content.covers(0x4));
  BOOST_TEST(!content.covers(0x20));
  BOOST_TEST(content.covers(0x30));
}

BOOST_AUTO_TEST_CASE(log_that_can_not_be_read_does_not_stop_the_dump) {
  BOOST_TEST((run().outcome == Outcome::kDone));
  BOOST_TEST(stream(0).log.empty());
  BOOST_REQUIRE(!reporter.notes.empty());
  BOOST_TEST((reporter.notes[0].find("SIZE(prb_desc)") != std::string::npos));
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
