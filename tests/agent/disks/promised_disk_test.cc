// beta gives one disk back, and alpha takes it.
#include <boost/test/unit_test.hpp>
#include <memory>

#include "agent/disks/own_disk.h"
#include "agent/disks/seize_run.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/fake/check.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kGiver = 9;  // beta's life
constexpr std::uint32_t kLife = 5;   // alpha's

struct Killed {};

// beta holds alpha's disk.
struct Promised {
  explicit Promised(std::uint32_t to_life = kLife) {
    pb::Label label = make_label(0, pb::SERVICE);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kGiver);
    label.set_home_generation(kLife - 1);
    label.set_ownership_epoch(2);
    label.set_promised_node(kAlpha);
    label.set_promised_generation(to_life);
    plant(shelf, 0, label);
    BOOST_TEST_REQUIRE(
        fake::ok(seize(NodeDisk(beta, 0).lun(), SeizeGoal{.own = key_of(kBeta, kGiver)})));
    shelf.clear_trace();
  }
  Result<pb::CoredumpHeader> take() {
    return take_promised_disk(NodeDisk(alpha, 0).own(), identity(kAlpha, kLife), kBeta);
  }
  void check_taken() {
    BOOST_TEST_REQUIRE(shelf.reservation(0).has_value());
    BOOST_TEST((shelf.reservation(0)->holder == key_of(kAlpha, kLife)));
    BOOST_TEST((shelf.registrations(0).keys == std::vector{key_of(kAlpha, kLife)}));
    const pb::Label label = label_on(shelf, 0);
    BOOST_TEST(label.owner_node() == unsigned{kAlpha});
    BOOST_TEST(label.owner_generation() == kLife);
    BOOST_TEST(label.home_generation() == kLife);
    BOOST_TEST(label.ownership_epoch() == 3U);
    BOOST_TEST(label.promised_node() == 0U);
    BOOST_TEST(label.promised_generation() == 0U);
  }
  // As a takeover from alpha's present life does it (partner_disk.h).
  bool take_back() {
    const NodeDisk disk(beta, 0);
    pb::Label label = label_on(shelf, 0);
    label.clear_promised_node();
    label.clear_promised_generation();
    RecordIo records = disk.records();
    if (!records.put(RecordPlace::kLabel, label)) return false;
    const SeizeGoal goal{
        .own = key_of(kBeta, kGiver), .victim_node = kAlpha, .victim_generation = kLife};
    return seize(disk.lun(), goal).has_value();
  }
  void check_untouched() {
    BOOST_TEST((shelf.reservation(0)->holder == key_of(kBeta, kGiver)));
    BOOST_TEST((shelf.registrations(0).keys == std::vector{key_of(kBeta, kGiver)}));
    BOOST_TEST(label_on(shelf, 0).owner_node() == unsigned{kBeta});
  }

  fake::FakeShelf shelf{{.luns = 1, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(promised_disk, Promised)

BOOST_AUTO_TEST_CASE(promised_disk_is_taken_from_the_giver_by_preempt_and_abort) {
  BOOST_TEST(fake::ok(take()));
  check_taken();
  unsigned aborts = 0;
  for (const fake::CommandTrace& command : shelf.trace()) {
    aborts += command.command == fake::Command::kPreemptAndAbort;
    BOOST_TEST((command.command != fake::Command::kRelease));
  }
  BOOST_TEST(aborts == 1U);
}

BOOST_AUTO_TEST_CASE(write_that_the_giver_had_queued_does_not_land) {
  const std::vector<std::byte> block(kBlockBytes, std::byte{0x77});
  BOOST_TEST_REQUIRE(fake::ok(shelf.queue_write(beta, 0, kDataOffset, block)));
  BOOST_TEST(fake::ok(take()));
  shelf.execute_queued(0);
  std::vector<std::byte> now(kBlockBytes);
  shelf.peek(0, kDataOffset, now);
  BOOST_TEST((now != block));
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_promised_to_this_life_is_left_alone) {
  Promised to_another(kLife - 1);
  BOOST_TEST(fake::fails(to_another.take(), Code::kRefused));
  to_another.check_untouched();
  pb::Label label = label_on(shelf, 0);
  label.clear_promised_node();
  plant(shelf, 0, label);
  BOOST_TEST(fake::fails(take(), Code::kRefused));
  check_untouched();
}

BOOST_AUTO_TEST_CASE(what_an_earlier_life_had_seized_is_finished) {
  Promised to_another(kLife - 1);
  const SeizeGoal earlier{.own = key_of(kAlpha, kLife - 1), .victim_node = kBeta};
  BOOST_TEST_REQUIRE(fake::ok(seize(NodeDisk(to_another.alpha, 0).lun(), earlier)));
  BOOST_TEST(fake::ok(to_another.take()));
  to_another.check_taken();
}

BOOST_AUTO_TEST_CASE(later_life_of_the_giver_is_respected) {
  BOOST_TEST_REQUIRE(
      fake::ok(seize(NodeDisk(beta, 0).lun(), SeizeGoal{.own = key_of(kBeta, kGiver + 1)})));
  BOOST_TEST(fake::fails(take(), Code::kConflict));
  BOOST_TEST((shelf.reservation(0)->holder == key_of(kBeta, kGiver + 1)));
  BOOST_TEST((shelf.registrations(0).keys == std::vector{key_of(kBeta, kGiver + 1)}));
}

BOOST_AUTO_TEST_CASE(promise_that_is_taken_back_before_alpha_is_registered_is_respected) {
  bool done = false;
  shelf.set_hook([&](const fake::CommandTrace& command) {
    if (command.command != fake::Command::kRegister || std::exchange(done, true)) return;
    pb::Label label = label_on(shelf, 0);
    label.clear_promised_node();
    label.clear_promised_generation();
    plant(shelf, 0, label);
  });
  BOOST_TEST(fake::fails(take(), Code::kRefused));
  check_untouched();
}

// beta takes the disk back at any command of alpha's: one of the two has it then, and knows it.
BOOST_AUTO_TEST_CASE(giver_that_takes_the_disk_back_at_any_command_and_alpha_never_both_have_it) {
  bool undisturbed = false;
  unsigned number = 0;
  for (; !undisturbed; ++number) {
    Promised fresh;
    unsigned left = number;
    bool back = false;
    bool betas = false;
    fresh.shelf.set_hook([&](const fake::CommandTrace& command) {
      if (command.initiator != "alpha" || left-- != 0) return;
      back = true;
      betas = fresh.take_back();
    });
    const bool alphas = fresh.take().has_value();
    undisturbed = !back;
    BOOST_TEST_CONTEXT("at command " << number) {
      BOOST_TEST(alphas != betas);
      const auto holder = fresh.shelf.reservation(0);
      BOOST_TEST_REQUIRE(holder.has_value());
      BOOST_TEST(unsigned{parse_key(holder->holder)->node} == unsigned{betas ? kBeta : kAlpha});
      BOOST_TEST(fresh.shelf.registrations(0).keys.size() == 1U);
    }
  }
  BOOST_TEST(number > 8U);
}

// Who holds the disk has it: nobody would, if alpha left it again.
BOOST_AUTO_TEST_CASE(promise_that_is_taken_back_at_that_moment_is_kept) {
  bool done = false;
  shelf.set_hook([&](const fake::CommandTrace& command) {
    if (command.command != fake::Command::kPreemptAndAbort || std::exchange(done, true)) return;
    pb::Label label = label_on(shelf, 0);
    label.clear_promised_node();
    label.clear_promised_generation();
    plant(shelf, 0, label);
  });
  BOOST_TEST(fake::ok(take()));
  check_taken();
}

BOOST_AUTO_TEST_CASE(killed_at_any_command_the_next_run_finishes) {
  bool completed = false;
  unsigned number = 0;
  for (; !completed; ++number) {
    Promised fresh;
    const auto left = std::make_shared<unsigned>(number);
    fresh.shelf.set_hook([left](const fake::CommandTrace&) {
      if ((*left)-- == 0) throw Killed();
    });
    try {
      completed = fresh.take().has_value();
    } catch (const Killed&) {
    }
    fresh.shelf.set_hook({});
    // What was done before the kill is not undone: the label tells that the disk is taken.
    if (label_on(fresh.shelf, 0).owner_node() != kAlpha) BOOST_TEST(fake::ok(fresh.take()));
    fresh.check_taken();
  }
  BOOST_TEST(number > 10U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
