// Records are written only while this node holds the disk.
#include "agent/disks/held_disk.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"

namespace lastword::test {
namespace {

constexpr ReservationKey kOther{0x4c57'0000'02'000009};

struct Held {
  Held() { plant(shelf, 0, make_label(0, pb::SPARE)); }
  void hold(const fake::Nexus& nexus, ReservationKey key, PrType type = kOwnerType) {
    const auto one = nexus.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(one->register_ignoring_existing(key, false)));
    BOOST_TEST_REQUIRE(fake::ok(one->reserve(key, type)));
  }
  void require_refused(Code code) {
    BOOST_TEST(fake::fails(require_hold(*lun, own), code));
    shelf.clear_trace();
    pb::Label label = make_label(0, pb::SERVICE);
    BOOST_TEST(fake::fails(disk.put_label(label), code));
    pb::CoredumpHeader header;
    header.set_attribute(pb::ARMED);
    BOOST_TEST(fake::fails(disk.put_header(header), code));
    for (const fake::CommandTrace& trace : shelf.trace()) {
      BOOST_TEST((trace.command != fake::Command::kWrite));
    }
    BOOST_TEST(label_on(shelf, 0).role() == pb::SPARE);
  }

  ReservationKey own = key_of(kAlpha, 5);
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  std::unique_ptr<BlockDevice> device = alpha.device(0);
  std::unique_ptr<ScsiLun> lun = alpha.lun(0);
  HeldDisk disk{*device, *lun, kMetadataOffset, own};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(held_disk, Held)

BOOST_AUTO_TEST_CASE(holder_writes_label_and_header) {
  hold(alpha, own);
  BOOST_TEST(fake::ok(require_hold(*lun, own)));
  BOOST_TEST(fake::ok(disk.put_label(make_label(0, pb::SERVICE))));
  BOOST_TEST(label_on(shelf, 0).role() == pb::SERVICE);
  pb::CoredumpHeader header;
  header.set_attribute(pb::ARMED);
  BOOST_TEST(fake::ok(disk.put_header(header)));
  BOOST_TEST(header_on(shelf, 0).attribute() == pb::ARMED);
}

// It was to go to the slot that this life's record has gone to since.
BOOST_AUTO_TEST_CASE(record_that_an_earlier_boot_had_sent_is_not_believed_when_it_lands_late) {
  hold(alpha, own);
  Medium medium(shelf, 0);
  RecordIo earlier(medium, kMetadataOffset);
  pb::Label label;
  const auto next_label = earlier.read(RecordPlace::kLabel, label);
  BOOST_TEST_REQUIRE(fake::ok(next_label));
  label.set_owner_generation(5);
  BOOST_TEST_REQUIRE(fake::ok(disk.put_label(label)));
  label.set_owner_generation(4);
  BOOST_TEST_REQUIRE(fake::ok(earlier.write(RecordPlace::kLabel, *next_label, label)));
  BOOST_TEST(label_on(shelf, 0).owner_generation() == 5U);

  pb::CoredumpHeader header;
  header.set_boot_generation(5);
  BOOST_TEST_REQUIRE(fake::ok(disk.put_header(header)));
  header.set_boot_generation(4);
  BOOST_TEST_REQUIRE(fake::ok(earlier.write(RecordPlace::kCoredump, PairChoice(), header)));
  BOOST_TEST(header_on(shelf, 0).boot_generation() == 5U);
}

BOOST_AUTO_TEST_CASE(disk_that_nobody_holds_is_refused) {
  require_refused(Code::kRefused);
}

BOOST_AUTO_TEST_CASE(disk_of_another_node_is_fenced) {
  hold(beta, kOther);
  // Registered beside the holder, the target would let it write.
  BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(own, false)));
  require_refused(Code::kFenced);
}

BOOST_AUTO_TEST_CASE(disk_of_an_earlier_life_is_fenced) {
  hold(alpha, key_of(kAlpha, 4));
  require_refused(Code::kFenced);
}

BOOST_AUTO_TEST_CASE(reservation_of_another_type_is_no_hold) {
  hold(alpha, own, PrType::kWriteExclusive);
  require_refused(Code::kFenced);
}

BOOST_AUTO_TEST_CASE(header_that_was_never_written_is_inactive) {
  const auto header = disk.header();
  BOOST_TEST_REQUIRE(fake::ok(header));
  BOOST_TEST(header->attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
