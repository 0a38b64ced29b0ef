#include "storage/block/record_io.h"

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "proto/crc32c.h"
#include "proto/disk.pb.h"
#include "tests/fake/check.h"
#include "tests/fake/fake_shelf.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr std::uint64_t kMetadataOffset = 1 << 20;
constexpr RecordPlace kPlace = RecordPlace::kLabel;

pb::Label label(std::uint64_t epoch) {
  pb::Label label;
  label.set_cluster_uuid("00112233-4455-6677-8899-aabbccddeeff");
  label.set_ownership_epoch(epoch);
  return label;
}

struct Records {
  void put(std::uint64_t epoch) { BOOST_TEST_REQUIRE(ok(records.put(kPlace, label(epoch)))); }
  [[nodiscard]] Result<std::uint64_t> epoch() {
    pb::Label found;
    const auto choice = records.read(kPlace, found);
    if (!choice) return fail(choice.error());
    return found.ownership_epoch();
  }
  [[nodiscard]] std::size_t count(Command command) const {
    return static_cast<std::size_t>(
        std::ranges::count(shelf.trace(), command, &CommandTrace::command));
  }
  void corrupt(unsigned slot) {
    AlignedBuffer garbage(kBlockBytes);
    std::ranges::fill(garbage.span(), std::byte{0x77});
    shelf.poke(0, kMetadataOffset + slot_offset(kPlace, slot), garbage.span());
  }

  FakeShelf shelf;
  std::unique_ptr<BlockDevice> device = shelf.connect("alpha").device(0);
  RecordIo records{*device, kMetadataOffset};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(record_io, Records)

BOOST_AUTO_TEST_CASE(record_never_written_is_not_found) {
  BOOST_TEST(fails(epoch(), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(last_write_is_read_back) {
  for (const std::uint64_t value : {1, 2, 3, 4, 5}) {
    put(value);
    BOOST_TEST(epoch().value() == value);
  }
}

BOOST_AUTO_TEST_CASE(writes_alternate_between_the_slots) {
  put(1);
  put(2);
  put(3);
  std::vector<std::uint64_t> offsets;
  for (const CommandTrace& command : shelf.trace()) {
    if (command.command == Command::kWrite) offsets.push_back(command.offset);
  }
  const std::uint64_t first = kMetadataOffset + slot_offset(kPlace, 0);
  const std::uint64_t second = kMetadataOffset + slot_offset(kPlace, 1);
  BOOST_TEST((offsets == std::vector{first, second, first}));
}

BOOST_AUTO_TEST_CASE(written_record_survives_a_power_loss) {
  put(1);
  put(2);
  shelf.lose_power();
  BOOST_TEST(epoch().value() == 2U);
}

BOOST_AUTO_TEST_CASE(chain_of_writes_needs_one_read) {
  put(1);
  shelf.clear_trace();
  pb::Label found;
  auto choice = records.read(kPlace, found);
  for (std::uint64_t value = 2; value < 6; ++value) {
    BOOST_TEST_REQUIRE(ok(choice));
    choice = records.write(kPlace, *choice, label(value));
  }
  BOOST_TEST(count(Command::kRead) == 2U);
  BOOST_TEST(count(Command::kWrite) == 4U);
  BOOST_TEST(count(Command::kFlush) == 4U);
  BOOST_TEST(epoch().value() == 5U);
}

// Whatever part of the newest write survives, the record reads as the old or as the new one.
BOOST_DATA_TEST_CASE(torn_by_a_power_loss_is_old_or_new,
                     boost::unit_test::data::make({0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}), sectors) {
  put(1);
  put(2);
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kFlush});
  BOOST_TEST(fails(records.put(kPlace, label(3)), Code::kIo));
  shelf.heal(0);
  shelf.lose_power([=](std::uint64_t) { return sectors; });
  const auto found = epoch();
  BOOST_TEST_REQUIRE(ok(found));
  // The whole frame fits the first sector.
  BOOST_TEST(*found == (sectors == 0 ? 2U : 3U));
}

BOOST_DATA_TEST_CASE(torn_inside_a_long_record_is_the_old_one,
                     boost::unit_test::data::make({1U, 2U, 3U, 4U, 5U, 6U}), sectors) {
  put(1);
  put(2);
  pb::Label longer = label(3);
  longer.set_disk_uuid(std::string(3500, 'x'));
  shelf.inject(0, {.kind = FaultKind::kTornBlock, .times = 1, .argument = sectors});
  BOOST_TEST(fails(records.put(kPlace, longer), Code::kIo));
  BOOST_TEST(epoch().value() == 2U);
  BOOST_TEST_REQUIRE(ok(records.put(kPlace, longer)));
  BOOST_TEST(epoch().value() == 3U);
}

BOOST_AUTO_TEST_CASE(write_without_a_flush_does_not_count_as_written) {
  put(1);
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kFlush, .times = 1});
  BOOST_TEST(fails(records.put(kPlace, label(2)), Code::kIo));
  shelf.lose_power();
  BOOST_TEST(epoch().value() == 1U);
}

BOOST_AUTO_TEST_CASE(failed_write_leaves_the_old_record) {
  put(1);
  shelf.inject(0, {.kind = FaultKind::kConflict, .only = Command::kWrite});
  const Status status = records.put(kPlace, label(2));
  BOOST_TEST(fails(status, Code::kConflict));
  BOOST_TEST(status.error().offset == kMetadataOffset + slot_offset(kPlace, 1));
  BOOST_TEST(epoch().value() == 1U);
}

BOOST_AUTO_TEST_CASE(damaged_newer_slot_falls_back_to_the_older_and_is_replaced) {
  put(1);
  put(2);
  corrupt(1);
  BOOST_TEST(epoch().value() == 1U);
  put(3);
  BOOST_TEST(epoch().value() == 3U);
  corrupt(0);
  BOOST_TEST(epoch().value() == 3U);
}

BOOST_AUTO_TEST_CASE(bad_spot_under_one_slot_leaves_the_other) {
  put(1);
  put(2);
  shelf.inject(0, {.kind = FaultKind::kMediumError, .only = Command::kRead, .skip = 1, .times = 1});
  BOOST_TEST(epoch().value() == 1U);
}

BOOST_AUTO_TEST_CASE(bad_spots_under_both_slots_are_damage) {
  put(1);
  shelf.inject(0, {.kind = FaultKind::kMediumError, .only = Command::kRead});
  BOOST_TEST(fails(epoch(), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(read_error_that_says_nothing_of_the_content_is_returned) {
  put(1);
  put(2);
  for (const FaultKind kind :
       {FaultKind::kIoError, FaultKind::kConflict, FaultKind::kGone, FaultKind::kTimeout}) {
    shelf.inject(0, {.kind = kind, .only = Command::kRead, .skip = 1, .times = 1});
    BOOST_TEST(!epoch());
    shelf.heal(0);
  }
}

BOOST_AUTO_TEST_CASE(read_error_writes_nothing) {
  put(1);
  shelf.clear_trace();
  shelf.inject(0, {.kind = FaultKind::kIoError, .only = Command::kRead});
  BOOST_TEST(fails(records.put(kPlace, label(2)), Code::kIo));
  BOOST_TEST(count(Command::kWrite) == 0U);
}

BOOST_AUTO_TEST_CASE(damaged_pair_is_not_replaced) {
  put(1);
  put(2);
  corrupt(0);
  corrupt(1);
  const auto found = epoch();
  BOOST_TEST(fails(found, Code::kCorrupt));
  BOOST_TEST(found.error().disk.view() == device->name());
  BOOST_TEST(found.error().offset == kMetadataOffset + slot_offset(kPlace, 0));
  BOOST_TEST(fails(records.put(kPlace, label(3)), Code::kCorrupt));
  BOOST_TEST(fails(epoch(), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(torn_first_write_is_damage_and_not_absence) {
  pb::Label longer = label(1);
  longer.set_disk_uuid(std::string(3500, 'x'));
  shelf.inject(0, {.kind = FaultKind::kTornBlock, .times = 1, .argument = 2});
  BOOST_TEST(fails(records.put(kPlace, longer), Code::kIo));
  BOOST_TEST(fails(epoch(), Code::kCorrupt));
  BOOST_TEST(fails(records.put(kPlace, longer), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(newer_version_is_never_overwritten) {
  put(1);
  AlignedBuffer block(kBlockBytes);
  BOOST_TEST_REQUIRE(ok(write_slot(block.block(0), RecordKind::kLabel, 9, label(9))));
  // Version 2, with a CRC that holds.
  pb::Label future = label(9);
  block.span()[12] = std::byte{2};
  const std::size_t end = kRecordHeaderBytes + future.ByteSizeLong();
  const std::uint32_t crc = crc32c(block.span().first(end));
  std::memcpy(&block.span()[end], &crc, sizeof crc);
  shelf.poke(0, kMetadataOffset + slot_offset(kPlace, 1), block.span());
  shelf.clear_trace();
  BOOST_TEST(fails(epoch(), Code::kFutureVersion));
  BOOST_TEST(fails(records.put(kPlace, label(2)), Code::kFutureVersion));
  BOOST_TEST(count(Command::kWrite) == 0U);
}

BOOST_AUTO_TEST_CASE(too_long_record_is_refused_and_writes_nothing) {
  put(1);
  shelf.clear_trace();
  pb::Label longer = label(2);
  longer.set_disk_uuid(std::string(kRecordMaxPayload, 'x'));
  BOOST_TEST(fails(records.put(kPlace, longer), Code::kRefused));
  BOOST_TEST(count(Command::kWrite) == 0U);
}

BOOST_AUTO_TEST_CASE(places_do_not_touch_each_other) {
  put(1);
  pb::CoredumpHeader header;
  header.set_rank(3);
  BOOST_TEST(ok(records.put(RecordPlace::kCoredump, header)));
  BOOST_TEST(ok(records.put(RecordPlace::kCoredump, header)));
  BOOST_TEST(epoch().value() == 1U);
  pb::CoredumpHeader found;
  BOOST_TEST(ok(records.read(RecordPlace::kCoredump, found)));
  BOOST_TEST(found.rank() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
