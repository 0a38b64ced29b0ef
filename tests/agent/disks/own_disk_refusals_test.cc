// What start, stop and arm must not do on a disk that is not what it was when it was surveyed.
#include <boost/test/unit_test.hpp>

#include "agent/disks/own_disk.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 5;

struct OwnDiskRefusals {
  OwnDiskRefusals() { plant(shelf, 0, make_label(0, pb::SPARE)); }

  void put_another_disk(pb::Role role = pb::SPARE) {
    pb::Label label = make_label(0, role);
    label.set_disk_uuid(uuid_of(9));
    plant(shelf, 0, label);
  }
  void require_unchanged() const {
    for (const fake::CommandTrace& trace : shelf.trace()) {
      BOOST_TEST((trace.command == fake::Command::kRead), fake::name_of(trace.command));
    }
  }
  [[nodiscard]] bool registered() const {
    return std::ranges::count(shelf.registrations(0).keys, self.key) != 0;
  }
  // In service, and then the survey saw it.
  OwnDisk take() {
    BOOST_TEST_REQUIRE(fake::ok(take_own_disk(disk.own(), self)));
    OwnDisk seen = disk.own();
    seen.keys = {self.key};
    shelf.clear_trace();
    return seen;
  }

  OwnerIdentity self = identity(kAlpha, kLife);
  TestFolder folder;
  VirtualExecutor executor;
  SlotWriter writer{.member = {.self = self, .place = RecordPlace::kMailboxLow, .mailbox_set = 1},
                    .state_directory = folder.file("run"),
                    .executor = &executor,
                    .patience = milliseconds(1000)};
  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  NodeDisk disk{alpha, 0};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(own_disk_refusals, OwnDiskRefusals)

BOOST_AUTO_TEST_CASE(another_disk_under_the_name_is_neither_released_nor_left) {
  const OwnDisk seen = take();
  put_another_disk();
  BOOST_TEST(fake::fails(release_own_disk(seen, self), Code::kGone));
  BOOST_TEST(fake::fails(leave_mailbox_disk(seen, writer), Code::kGone));
  require_unchanged();
  BOOST_TEST(registered());
}

BOOST_AUTO_TEST_CASE(another_mailbox_disk_under_the_name_is_not_joined) {
  put_another_disk(pb::MAILBOX);
  BOOST_TEST(fake::fails(join_mailbox_disk(disk.own(), writer, std::nullopt), Code::kGone));
  require_unchanged();
}

BOOST_AUTO_TEST_CASE(header_of_another_disk_under_the_name_is_not_changed) {
  const OwnDisk seen = take();
  put_another_disk();
  const auto changed =
      change_header(seen, self.key, [](const pb::CoredumpHeader&) -> Result<pb::CoredumpHeader> {
        pb::CoredumpHeader armed;
        armed.set_attribute(pb::ARMED);
        return armed;
      });
  BOOST_TEST(fake::fails(changed, Code::kGone));
  require_unchanged();
}

BOOST_AUTO_TEST_CASE(node_whose_key_was_removed_since_it_was_seen_does_not_register_again) {
  const OwnDisk seen = take();
  const auto other = beta.lun(0);
  const ReservationKey theirs = key_of(kBeta, 9);
  BOOST_TEST_REQUIRE(fake::ok(wait_until_ready(*other)));
  BOOST_TEST_REQUIRE(fake::ok(other->register_ignoring_existing(theirs, false)));
  BOOST_TEST_REQUIRE(fake::ok(other->preempt(theirs, self.key, kOwnerType)));
  BOOST_TEST_REQUIRE(fake::ok(other->register_ignoring_existing({0}, false)));
  // Nobody holds it now, and nobody is registered.
  BOOST_TEST(fake::fails(take_own_disk(seen, self), Code::kFenced));
  BOOST_TEST(!registered());
  plant(shelf, 0, make_label(0, pb::MAILBOX, 0));
  BOOST_TEST(fake::fails(join_mailbox_disk(seen, writer, std::nullopt), Code::kFenced));
  BOOST_TEST(!registered());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
