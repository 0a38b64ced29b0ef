// What recovery leaves behind when something goes wrong, and that the next run gets over it.
#include <boost/test/unit_test.hpp>

#include "tests/agent/recover/recover_fixture.h"

namespace lastword {
namespace {

BOOST_FIXTURE_TEST_SUITE(recover_interrupted, RecoverFixture)

BOOST_AUTO_TEST_CASE(killed_at_any_step_it_succeeds_the_next_time) {
  kill_at_every_step([&](const pb::RecoveryResult& again) {
    BOOST_TEST(again.report().complete());
    BOOST_TEST((left_behind() == std::vector<std::string>{"alpha-20231114T221320Z-0a1b2c3d"}));
  });
}

BOOST_AUTO_TEST_CASE(killed_before_saved_only_the_mark_is_made_up_for) {
  put_complete_dump();
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite});
  BOOST_TEST(!recover().has_value());
  shelf.heal(0);
  BOOST_TEST(header().attribute() == pb::COMPLETED);
  std::filesystem::last_write_time(expected_path() + "/vmcore", {});
  shelf.clear_trace();
  const auto again = recover();
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->recovered_before());
  BOOST_TEST(again->saved());
  BOOST_TEST((std::filesystem::last_write_time(expected_path() + "/vmcore") ==
              std::filesystem::file_time_type{}));
  for (const auto& command : shelf.trace()) BOOST_TEST(command.offset < kExtentOffset);
}

// Everything that makes the dump durable, in an order in which a power failure at any point leaves
// either a finished directory or a disk that is not marked.
BOOST_AUTO_TEST_CASE(disk_is_marked_after_files_and_directories_are_synced) {
  put_complete_dump();
  fake::FaultyFileSystem files;
  shelf.set_hook([&](const fake::CommandTrace& command) {
    if (command.command == fake::Command::kWrite) files.log.push_back("mark");
  });
  BOOST_TEST_REQUIRE(recover(files).has_value());
  std::erase_if(files.log, [](const std::string& what) {
    return !what.starts_with("sync") && !what.starts_with("rename") && what != "mark";
  });
  const std::string name = std::filesystem::path(expected_path()).filename();
  const std::string parent = std::filesystem::path(directory).filename();
  const std::vector<std::string> expected{"sync vmcore",
                                          "sync dmesg.txt",
                                          "sync report.json",
                                          "sync " + name + ".partial",
                                          "rename to " + name,
                                          "sync " + parent,
                                          "mark"};
  BOOST_TEST(files.log == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(finished_directory_is_synced_again_before_the_mark) {
  put_complete_dump();
  RecoverOptions unmarked = options();
  unmarked.mark_saved = false;
  BOOST_TEST_REQUIRE(recover_dump(source(), unmarked).has_value());
  fake::FaultyFileSystem files;
  BOOST_TEST_REQUIRE(recover(files).has_value());
  const std::vector<std::string> expected{"sync " +
                                          std::filesystem::path(directory).filename().string()};
  BOOST_TEST(files.log == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(finished_recovery_is_found_under_another_node_name) {
  put_complete_dump();
  RecoverOptions unnamed = options();
  unnamed.node_name.clear();
  unnamed.mark_saved = false;
  const auto first = recover_dump(source(), unnamed);
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST((first->directory().find("/node1-") != std::string::npos));
  const auto second = recover();
  BOOST_TEST_REQUIRE(second.has_value());
  BOOST_TEST(second->recovered_before());
  BOOST_TEST(second->directory() == first->directory());
}

BOOST_AUTO_TEST_CASE(two_at_once_do_not_write_over_each_other) {
  put_complete_dump();
  const auto other = real_file_system().claim_directory(expected_path() + ".partial");
  BOOST_TEST_REQUIRE(other.has_value());
  check_error(recover(), Code::kRefused, "another recovery");
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(saved_dump_is_recovered_again_elsewhere_with_a_note) {
  put_complete_dump();
  BOOST_TEST_REQUIRE(recover().has_value());
  std::filesystem::remove_all(expected_path());
  const auto again = recover();
  BOOST_TEST_REQUIRE(again.has_value());
  BOOST_TEST(again->saved());
  BOOST_TEST(again->note() == "the disk was marked SAVED before");
  BOOST_TEST(std::filesystem::exists(expected_path() + "/vmcore"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_target, RecoverFixture)

BOOST_AUTO_TEST_CASE(missing_directory_is_said_before_anything_is_read) {
  put_complete_dump();
  shelf.clear_trace();
  RecoverOptions elsewhere = options();
  elsewhere.directory += "/missing";
  check_error(recover_dump(source(), elsewhere), Code::kUsage, "create it");
  BOOST_TEST(shelf.trace().empty());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(file_in_place_of_the_directory_is_refused) {
  put_complete_dump();
  RecoverOptions elsewhere = options();
  elsewhere.directory += "/file";
  std::ofstream(elsewhere.directory) << "not a directory";
  check_error(recover_dump(source(), elsewhere), Code::kUsage, "name a directory");
}

BOOST_AUTO_TEST_CASE(too_little_space_is_said_before_it_begins) {
  put_complete_dump();
  fake::FaultyFileSystem files;
  files.reported_space = 1 << 20;
  shelf.clear_trace();
  check_error(recover(files), Code::kNoSpace, "needs 5 MiB, 1 MiB are free");
  for (const auto& command : shelf.trace()) {
    BOOST_TEST(fake::name_of(command.command) != fake::name_of(fake::Command::kWrite));
  }
  BOOST_TEST(left_behind().empty());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(full_in_the_middle_leaves_neither_files_nor_mark) {
  check_full_leaves_nothing({0, 100'000, 300'000, 490'000});
}

BOOST_AUTO_TEST_CASE(file_that_can_not_be_synced_is_not_called_saved) {
  put_complete_dump();
  for (const unsigned which : {0U, 1U, 2U}) {  // vmcore, dmesg.txt, report.json
    fake::FaultyFileSystem files;
    files.sync_fails_at = which;
    check_error(recover(files), Code::kIo, "fsync");
    BOOST_TEST(left_behind().empty());
    BOOST_TEST(header().attribute() == pb::COMPLETED);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_refuses, RecoverFixture)

BOOST_AUTO_TEST_CASE(disk_without_a_dump) {
  for (const pb::Attribute attribute : {pb::INACTIVE, pb::ARMED}) {
    put_header(attribute, pb::REASON_NONE, 0);
    check_error(recover(), Code::kNotFound,
                "no dump on this disk: " + pb::Attribute_Name(attribute));
  }
}

BOOST_AUTO_TEST_CASE(dump_in_progress_unless_only_read) {
  const auto stream = sample_stream();
  put_stream(stream.bytes());
  put_header(pb::IN_PROGRESS, pb::REASON_NONE, stream.bytes().size());
  RecoverOptions reading = options();
  reading.writer_is_over = true;
  check_error(recover_dump(source(), reading), Code::kRefused, "may be at work");
  BOOST_TEST(left_behind().empty());

  reading.mark_saved = false;
  const auto result = recover_dump(source(), reading);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->saved());
  BOOST_TEST(header().attribute() == pb::IN_PROGRESS);
}

BOOST_AUTO_TEST_CASE(head_that_is_garbage) {
  fake::StreamBuilder stream(kCrash);
  stream.elf_head(std::vector<std::byte>(5000, std::byte{0x5a}));
  stream.pages(0, 8, stored_runs(0, 8)).end();
  put_stream(stream.bytes());
  put_header(pb::COMPLETED, pb::REASON_NONE, stream.bytes().size());
  check_error(recover(), Code::kCorrupt, "not an ELF file");
  BOOST_TEST(left_behind().empty());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(head_that_is_cut) {
  const auto stream = sample_stream();
  put_stream(std::span(stream.bytes()).first(stream.boundaries()[1]));
  put_header(pb::ABORTED, pb::LIMIT, stream.boundaries()[1]);
  check_error(recover(), Code::kCorrupt, "notes go beyond the head");
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(stream_of_a_newer_version) {
  auto stream = sample_stream();
  auto bytes = stream.end().bytes();
  const std::uint32_t version = kStreamVersion + 1;
  const std::size_t start = stream.boundaries()[6];
  std::memcpy(bytes.data() + start + offsetof(SectionHeader, version), &version, sizeof version);
  fake::reseal(bytes, start);
  put_stream(bytes);
  put_header(pb::COMPLETED, pb::REASON_NONE, bytes.size());
  check_error(recover(), Code::kFutureVersion, "newer lastword");
  BOOST_TEST(left_behind().empty());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(stream_of_an_older_version) {
  auto stream = sample_stream();
  auto bytes = stream.end().bytes();
  const std::uint32_t version = kStreamVersion - 1;
  const std::size_t start = stream.boundaries()[6];
  std::memcpy(bytes.data() + start + offsetof(SectionHeader, version), &version, sizeof version);
  fake::reseal(bytes, start);
  put_stream(bytes);
  put_header(pb::COMPLETED, pb::REASON_NONE, bytes.size());
  check_error(recover(), Code::kUnsupported, "older lastword");
  BOOST_TEST(left_behind().empty());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(extent_beyond_the_disk) {
  put_complete_dump();
  pb::CoredumpHeader wrong = header();
  wrong.set_extent_offset_bytes(kExtentOffset + kExtentBytes);
  put_header(wrong);
  check_error(recover(), Code::kCorrupt, "is not on this disk");
  wrong.set_extent_offset_bytes(~std::uint64_t{0} - kBlockBytes + 1);
  wrong.set_extent_length_bytes(2 * kBlockBytes);
  put_header(wrong);
  check_error(recover(), Code::kCorrupt, "is not on this disk");
}

BOOST_AUTO_TEST_CASE(header_without_a_crash_id) {
  put_complete_dump();
  pb::CoredumpHeader wrong = header();
  wrong.set_crash_id("../../etc");
  put_header(wrong);
  check_error(recover(), Code::kCorrupt, "no crash id");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(recover_reservation, RecoverFixture)

BOOST_AUTO_TEST_CASE(disk_of_another_node_is_refused_before_it_is_read) {
  put_complete_dump();
  const fake::Nexus other = shelf.connect("alpha");
  const auto theirs = other.lun(0);
  constexpr ReservationKey kTheirs{0x4c57'1234'01'000009};
  BOOST_TEST_REQUIRE(theirs->register_ignoring_existing(kTheirs, false).has_value());
  BOOST_TEST_REQUIRE(theirs->preempt_and_abort(kTheirs, kOwnKey, kOwnerType).has_value());
  check_error(recover(), Code::kFenced, "--no-mark");
  BOOST_TEST(left_behind().empty());

  RecoverOptions reading = options();
  reading.mark_saved = false;
  const auto result = recover_dump(source(), reading);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->saved());
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(disk_taken_by_another_node_meanwhile_keeps_the_files_and_its_header) {
  put_complete_dump();
  RecoverOptions losing = options();
  const fake::Nexus other = shelf.connect("alpha");
  const auto theirs = other.lun(0);
  constexpr ReservationKey kTheirs{0x4c57'1234'01'000009};
  losing.progress = [&](std::uint64_t, std::uint64_t) {
    (void)theirs->register_ignoring_existing(kTheirs, false);
    (void)theirs->preempt_and_abort(kTheirs, kOwnKey, kOwnerType);
  };
  check_error(recover_dump(source(), losing), Code::kFenced, "not by this node");
  BOOST_TEST(std::filesystem::exists(expected_path() + "/report.json"));
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(conflict_at_the_mark_itself_is_fenced) {
  put_complete_dump();
  shelf.inject(0, {.kind = fake::FaultKind::kConflict, .only = fake::Command::kWrite});
  check_error(recover(), Code::kFenced, "another node took this disk");
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(header_of_another_dump_by_then_is_left_alone) {
  put_complete_dump();
  RecoverOptions overtaken = options();
  overtaken.progress = [&](std::uint64_t, std::uint64_t) {
    pb::CoredumpHeader newer = header();
    newer.set_crash_id("0a1b2c3d-0000-4000-8000-000000000002");
    put_header(newer);
  };
  overtaken.accept_loss = true;
  const auto result = recover_dump(source(), overtaken);
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(!result->saved());
  BOOST_TEST(
      (result->note().find("move the directory away and recover again") != std::string::npos));
  BOOST_TEST(header().attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(node_without_a_key_can_only_read) {
  put_complete_dump();
  DumpSource keyless = source();
  keyless.own_key = {};
  check_error(recover_dump(keyless, options()), Code::kRefused, "lastword start");
}

BOOST_AUTO_TEST_CASE(image_needs_no_reservation) {
  put_complete_dump();
  DumpSource image = source();
  image.lun = nullptr;
  image.own_key = {};
  const auto result = recover_dump(image, options());
  BOOST_TEST_REQUIRE(result.has_value());
  BOOST_TEST(result->saved());
}

BOOST_AUTO_TEST_CASE(own_dump_of_an_earlier_life_becomes_aborted) {
  put_header(pb::IN_PROGRESS, pb::REASON_NONE, 0);
  BOOST_TEST_REQUIRE(end_orphaned_dump(source(), 1, 7).has_value());
  BOOST_TEST(header().attribute() == pb::ABORTED);
  BOOST_TEST(header().reason() == pb::REBOOTED);
}

BOOST_AUTO_TEST_CASE(partners_dump_on_a_disk_this_node_holds_becomes_aborted) {
  put_header(pb::IN_PROGRESS, pb::REASON_NONE, 0);
  BOOST_TEST_REQUIRE(end_orphaned_dump(source(), 2, 7).has_value());
  BOOST_TEST(header().attribute() == pb::ABORTED);
  BOOST_TEST(header().reason() == pb::STALLED);
}

BOOST_AUTO_TEST_CASE(dump_of_this_very_life_is_not_called_over) {
  put_header(pb::IN_PROGRESS, pb::REASON_NONE, 0);
  check_error(end_orphaned_dump(source(), 1, 6), Code::kRefused, "present life");
  BOOST_TEST(header().attribute() == pb::IN_PROGRESS);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace lastword
