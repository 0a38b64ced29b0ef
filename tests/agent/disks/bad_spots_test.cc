// Looks at a disk with blocks that cannot be read.
#include <cerrno>

#include "tests/agent/disks/looks.h"

namespace lastword::test {
namespace {

// Blocks of the only disk cannot be read, nor what is read together with them.
class BadSpots final : public FakeNodeShelf {
 public:
  BadSpots(fake::Nexus nexus, VirtualExecutor& executor)
      : FakeNodeShelf(std::move(nexus), 1), executor_(executor) {}
  Status read(std::span<ReadRequest> requests, milliseconds timeout) override {
    timeouts.push_back(timeout);
    executor_.sleep(takes);
    Status status = FakeNodeShelf::read(requests, timeout);
    for (ReadRequest& request : requests) {
      for (const std::uint64_t spot : spots) {
        if (spot < request.offset || spot >= request.offset + request.buffer.size()) continue;
        request.status = fail({.code = Code::kIo, .sys_errno = ENODATA, .operation = "read"});
      }
    }
    return status;
  }

  std::vector<std::uint64_t> spots;
  milliseconds takes{0};
  std::vector<milliseconds> timeouts;  // of each batch

 private:
  VirtualExecutor& executor_;
};

std::uint64_t place_of(RecordPlace place, unsigned slot) {
  return kMetadataOffset + slot_offset(place, slot);
}

struct SpottedLooks : Looks {
  SpottedLooks() {
    // Again: both slots of each record are written.
    plant(shelf, 0, make_label(0, pb::SERVICE));
    put(pb::ARMED);
    put(pb::ARMED);
  }
  DiskView look_at_spots() {
    spotted.timeouts.clear();
    const auto look = Surveyor(config, spotted, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    return look->survey.disks.front();
  }

  BadSpots spotted{beta, executor};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bad_spots, SpottedLooks)

BOOST_AUTO_TEST_CASE(one_under_any_slot_leaves_every_record) {
  for (const RecordPlace place : kRecordPlaces) {
    for (const unsigned slot : {0U, 1U}) {
      spotted.spots = {place_of(place, slot)};
      const DiskView disk = look_at_spots();
      BOOST_TEST(!disk.problem.has_value());
      BOOST_TEST_REQUIRE(disk.label.has_value());
      BOOST_TEST(disk.label->disk_uuid() == uuid_of(0));
      BOOST_TEST(disk.header.attribute() == pb::ARMED);
    }
  }
}

BOOST_AUTO_TEST_CASE(under_both_slots_are_damage_of_that_record_alone) {
  spotted.spots = {place_of(RecordPlace::kCoredump, 0), place_of(RecordPlace::kCoredump, 1)};
  const DiskView disk = look_at_spots();
  BOOST_TEST(disk.label.has_value());
  BOOST_TEST_REQUIRE(disk.problem.has_value());
  BOOST_TEST((disk.problem->code == Code::kCorrupt));
  BOOST_TEST(disk.problem->offset == place_of(RecordPlace::kCoredump, 0));
}

BOOST_AUTO_TEST_CASE(disks_with_other_errors_are_not_read_again) {
  for (const auto kind :
       {fake::FaultKind::kIoError, fake::FaultKind::kGone, fake::FaultKind::kTimeout}) {
    shelf.inject(0, {.kind = kind, .only = fake::Command::kRead, .initiator = "beta", .times = 1});
    const DiskView disk = look_at_spots();
    BOOST_TEST(disk.problem.has_value());
    BOOST_TEST(!disk.label.has_value());
    BOOST_TEST(spotted.timeouts.size() == 1U);
    shelf.heal(0);
  }
}

BOOST_AUTO_TEST_CASE(are_read_again_in_what_is_left_of_the_time) {
  const milliseconds whole = config.timing.settings.io_timeout;
  spotted.spots = {place_of(RecordPlace::kMailboxLow, 1)};
  for (const auto& [takes, left] :
       {std::pair{milliseconds(300), whole - milliseconds(300)}, {whole, kPollInterval}}) {
    spotted.takes = takes;
    BOOST_TEST(look_at_spots().label.has_value());
    BOOST_TEST((spotted.timeouts == std::vector{whole, left}));
  }
}

BOOST_AUTO_TEST_CASE(header_beside_one_is_followed) {
  for (const unsigned slot : {0U, 1U}) {
    spotted.spots = {place_of(RecordPlace::kCoredump, slot)};
    HeaderWatch watch = this->watch(spotted);
    const auto seen = [&] {
      const auto found = watch.poll({0});
      BOOST_TEST_REQUIRE(fake::ok(found[0].header));
      return found[0].sequence;
    };
    std::uint64_t before = seen();
    // Every other one goes to the bad spot.
    for (int i = 0; i < 3; ++i) {
      put(pb::IN_PROGRESS);
      (void)seen();
      put(pb::IN_PROGRESS);
      BOOST_TEST(seen() == before + 2);
      before += 2;
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
