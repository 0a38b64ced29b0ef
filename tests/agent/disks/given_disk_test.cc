// The giver's side of one disk: its promise, and taking it back.
#include "agent/disks/given_disk.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 4;   // beta's life
constexpr std::uint32_t kLife = 8;  // alpha's, that waits

// beta owns and holds a disk whose home is alpha.
struct Given {
  Given() {
    pb::Label label = make_label(0, pb::SERVICE);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kOwn);
    plant(shelf, 0, label);
    hold(beta, self.key);
    shelf.clear_trace();
  }
  void hold(const fake::Nexus& nexus, ReservationKey key) {
    BOOST_TEST_REQUIRE(fake::ok(nexus.lun(0)->register_ignoring_existing(key, false)));
    BOOST_TEST_REQUIRE(fake::ok(nexus.lun(0)->reserve(key, kOwnerType)));
  }
  void alpha_takes() {
    const ReservationKey key = key_of(kAlpha, kLife);
    const auto lun = alpha.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key, false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->preempt_and_abort(key, self.key, kOwnerType)));
  }
  Status promise(std::uint32_t to_node = kAlpha) {
    const NodeDisk disk(beta, 0);
    return promise_disk(disk.own(), self, {to_node, kLife});
  }
  Status withdraw() {
    const NodeDisk disk(beta, 0);
    return withdraw_promise(disk.own(), self);
  }
  [[nodiscard]] bool is_promised() {
    const pb::Label label = label_on(shelf, 0);
    return label.promised_node() == kAlpha && label.promised_generation() == kLife;
  }
  [[nodiscard]] bool wrote() const {
    return std::ranges::any_of(shelf.trace(), [](const fake::CommandTrace& trace) {
      return trace.command == fake::Command::kWrite;
    });
  }

  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  OwnerIdentity self = identity(kBeta, kOwn);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(given_disk, Given)

BOOST_AUTO_TEST_CASE(promised_disk_stays_the_givers_until_it_is_taken) {
  BOOST_TEST(fake::ok(promise()));
  BOOST_TEST(is_promised());
  BOOST_TEST(label_on(shelf, 0).owner_node() == unsigned{kBeta});
  BOOST_TEST((shelf.reservation(0)->holder == self.key));
}

BOOST_AUTO_TEST_CASE(promise_that_is_there_already_is_not_written_again) {
  BOOST_TEST(fake::ok(promise()));
  shelf.clear_trace();
  BOOST_TEST(fake::ok(promise()));
  BOOST_TEST(!wrote());
}

BOOST_AUTO_TEST_CASE(promise_is_taken_back_while_the_disk_is_here) {
  BOOST_TEST(fake::ok(promise()));
  BOOST_TEST(fake::ok(withdraw()));
  BOOST_TEST(label_on(shelf, 0).promised_node() == 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_the_home_node_has_taken_is_its) {
  BOOST_TEST(fake::ok(promise()));
  alpha_takes();
  BOOST_TEST(fake::fails(withdraw(), Code::kFenced));
  BOOST_TEST(fake::fails(promise(), Code::kFenced));
  BOOST_TEST(is_promised());
}

BOOST_AUTO_TEST_CASE(disk_that_nobody_holds_is_not_promised) {
  BOOST_TEST_REQUIRE(fake::ok(beta.lun(0)->release(self.key, kOwnerType)));
  BOOST_TEST(fake::fails(promise(), Code::kRefused));
  BOOST_TEST(!wrote());
}

BOOST_AUTO_TEST_CASE(disk_whose_label_names_another_owner_home_or_disk_is_left_alone) {
  const pb::Label label = label_on(shelf, 0);
  pb::Label other = label;
  other.set_owner_node(kAlpha);
  plant(shelf, 0, other);
  BOOST_TEST(fake::fails(promise(), Code::kRefused));
  plant(shelf, 0, label);
  BOOST_TEST(fake::fails(promise(3), Code::kRefused));
  other = label;
  other.set_disk_uuid(uuid_of(7));
  plant(shelf, 0, other);
  BOOST_TEST(fake::fails(promise(), Code::kGone));
  BOOST_TEST(!wrote());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
