// `lastword start` and registrations that a seizure which failed has left.
#include "agent/node/intent_file.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/service/start_run.h"
#include "tests/agent/service/service_node.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kBetasLife = 9;

// alpha: 0 service, 1 mailbox; beta: 2 service, held by it. beta is on 0 too, alpha on 2.
struct Strays : ServiceNode {
  Strays() : ServiceNode({.luns = 6, .power_on_attention = false, .aborts_for_holder_only = true}) {
    add(pb::SERVICE);
    add(pb::MAILBOX, 0);
    add(pb::SERVICE, kBeta);
    pb::Label theirs = *survey.disks[2].label;
    theirs.set_owner_node(kBeta);
    theirs.set_owner_generation(kBetasLife);
    theirs.set_home_generation(kBetasLife);
    plant(shelf, 2, theirs);
    enter(beta, 2, betas_key);
    BOOST_TEST_REQUIRE(fake::ok(beta.lun(2)->reserve(betas_key, kOwnerType)));
    enter(beta, 1, betas_key);
    look_again();
  }
  static void enter(const fake::Nexus& nexus, unsigned lun, ReservationKey key) {
    const auto path = nexus.lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(wait_until_ready(*path)));
    BOOST_TEST_REQUIRE(fake::ok(path->register_ignoring_existing(key, false)));
  }
  StartReport start() {
    StartReport report = start_and_lose();
    for (const auto& result : report.results) BOOST_TEST(fake::ok(result));
    return report;
  }
  // Some of its disks, perhaps.
  StartReport start_and_lose() {
    auto report = start_node(config, true, access());
    BOOST_TEST_REQUIRE(fake::ok(report));
    return std::move(*report);
  }
  [[nodiscard]] bool registered(unsigned lun, std::uint8_t node) const {
    return std::ranges::any_of(shelf.registrations(lun).keys,
                               [&](ReservationKey key) { return parse_key(key)->node == node; });
  }
  static bool remarks(const StartReport& report, std::size_t disk, const std::string& text) {
    return std::ranges::any_of(report.remarks, [&](const DiskRemark& remark) {
      return remark.disk == disk && remark.text.find(text) != std::string::npos;
    });
  }
  void beta_intends(IntentPhase phase, std::uint32_t victim) {
    pb::MailboxSlot slot;
    slot.set_node(kBeta);
    slot.set_generation(kBetasLife);
    *slot.mutable_intent() = next_intent(std::nullopt, phase, kAlpha, victim);
    plant(shelf, 1, slot, RecordPlace::kMailboxHigh);
    look_again();
  }

  ReservationKey betas_key = key_of(kBeta, kBetasLife);
  fake::Nexus beta = shelf.connect("beta");
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(start_strays, Strays)

BOOST_AUTO_TEST_CASE(partners_key_on_an_own_disk_is_removed_with_what_it_had_queued) {
  enter(beta, 0, betas_key);
  look_again();
  AlignedBuffer block(kBlockBytes);
  block.span()[0] = std::byte{0xaa};
  BOOST_TEST_REQUIRE(fake::ok(shelf.queue_write(beta, 0, kDataOffset, block.span())));
  const StartReport report = start();
  BOOST_TEST((holder(0) == key_of(kAlpha, report.plan.boot_generation)));
  BOOST_TEST(!registered(0, kBeta));
  BOOST_TEST(registered(1, kBeta));
  BOOST_TEST(registered(2, kBeta));
  BOOST_TEST(remarks(report, 0, to_string(betas_key)));
  BOOST_TEST(remarks(report, 0, "removed"));
  shelf.execute_queued(0);
  shelf.peek(0, kDataOffset, block.span());
  BOOST_TEST((block.span()[0] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(without_strays_nobody_looks_twice) {
  const StartReport report = start();
  BOOST_TEST(report.remarks.empty());
  BOOST_TEST(!survey.disks[0].reservation.has_value());  // of the first look
}

BOOST_AUTO_TEST_CASE(partners_key_stays_while_its_takeover_is_under_way) {
  enter(beta, 0, betas_key);
  for (const std::uint32_t victim : {0U, 1U, 7U}) {  // of whichever life
    beta_intends(pb::TakeoverIntent::TAKING, victim);
    // One that has announced to take over from an earlier life would be waited for.
    const auto report = start_node(config, true, access(), false);
    BOOST_TEST_REQUIRE(fake::ok(report));
    BOOST_TEST(registered(0, kBeta));
    BOOST_TEST(remarks(*report, 0, "could write there"));
  }
}

BOOST_AUTO_TEST_CASE(takeover_of_an_earlier_life_that_is_over_keeps_nothing) {
  enter(beta, 0, betas_key);
  for (const auto phase : {pb::TakeoverIntent::TAKEN, pb::TakeoverIntent::ENDED}) {
    enter(beta, 0, betas_key);
    beta_intends(phase, 0);
    (void)start();
    BOOST_TEST(!registered(0, kBeta));
  }
}

BOOST_AUTO_TEST_CASE(key_that_came_since_this_start_looked_is_not_removed) {
  enter(beta, 0, key_of(kBeta, 1));
  look_again();
  before_work = [this] { enter(beta, 0, betas_key); };
  const auto report = start_node(config, true, access());
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(registered(0, kBeta));
}

BOOST_AUTO_TEST_CASE(partners_key_stays_where_the_mailbox_disks_cannot_tell) {
  enter(beta, 0, betas_key);
  BOOST_TEST_REQUIRE(fake::ok(keep_known_mailboxes(config, {uuid_of(4), uuid_of(5)})));
  look_again();
  const StartReport report = start();
  BOOST_TEST(registered(0, kBeta));
  BOOST_TEST(remarks(report, 0, "cannot be read"));
}

BOOST_AUTO_TEST_CASE(own_key_is_withdrawn_from_a_disk_of_the_partner) {
  enter(nexus, 2, key_of(kAlpha, 3));
  look_again();
  const StartReport report = start();
  BOOST_TEST(!registered(2, kAlpha));
  BOOST_TEST((holder(2) == betas_key));
  BOOST_TEST(registered(1, kAlpha));
  BOOST_TEST(remarks(report, 2, to_string(key_of(kAlpha, 3))));
  BOOST_TEST(remarks(report, 2, "withdrawn"));
}

BOOST_AUTO_TEST_CASE(own_key_of_a_path_that_is_gone_is_named_and_nothing_is_registered_for_it) {
  enter(shelf.connect("alpha before its power cycle"), 2, key_of(kAlpha, 3));
  look_again();
  const StartReport report = start();
  BOOST_TEST((shelf.registrations(2).keys.size() == 2U));
  BOOST_TEST(remarks(report, 2, to_string(key_of(kAlpha, 3))));
  for (const fake::CommandTrace& trace : shelf.trace()) {
    if (trace.lun == 2 && trace.initiator == "alpha") {
      BOOST_TEST((trace.command != fake::Command::kPreempt));
      BOOST_TEST((trace.command != fake::Command::kPreemptAndAbort));
    }
  }
}

BOOST_AUTO_TEST_CASE(own_key_stays_on_disks_that_this_node_holds_or_is_taking) {
  // Taken over from beta, and its label not written yet.
  enter(nexus, 2, key_of(kAlpha, 3));
  BOOST_TEST_REQUIRE(fake::ok(nexus.lun(2)->preempt(key_of(kAlpha, 3), betas_key, kOwnerType)));
  look_again();
  (void)start();
  BOOST_TEST((holder(2) == key_of(kAlpha, 3)));
}

BOOST_AUTO_TEST_CASE(own_key_stays_while_this_node_takes_over) {
  enter(nexus, 2, key_of(kAlpha, 3));
  look_again();
  {
    const auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    (void)start();
    BOOST_TEST(registered(2, kAlpha));
  }
  BOOST_TEST_REQUIRE(fake::ok(save_intent(
      config, next_intent(std::nullopt, pb::TakeoverIntent::TAKING, kBeta, kBetasLife))));
  (void)start();
  BOOST_TEST(registered(2, kAlpha));
}

BOOST_AUTO_TEST_CASE(partner_that_takes_the_disk_meanwhile_keeps_it) {
  enter(beta, 0, betas_key);
  look_again();
  bool took = false;
  shelf.set_hook([&](const fake::CommandTrace& trace) {
    if (took || trace.initiator != "alpha" || trace.lun != 0 ||
        trace.command != fake::Command::kPreemptAndAbort || trace.victim != betas_key) {
      return;
    }
    took = true;
    (void)beta.lun(0)->test_unit_ready();  // alpha's reset is told
    BOOST_TEST(fake::ok(beta.lun(0)->preempt_and_abort(betas_key, trace.own, kOwnerType)));
  });
  const StartReport report = start_and_lose();
  BOOST_TEST(took);
  BOOST_TEST((holder(0) == betas_key));
  BOOST_TEST(!registered(0, kAlpha));
  BOOST_TEST_REQUIRE(report.disks.at(0) == 0U);
  BOOST_TEST(fake::fails(report.results.at(0), Code::kConflict));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
