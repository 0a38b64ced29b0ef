// A whole giveback on the fake shelf: order, ends, and what follows when something stands in its
// way.
#include "agent/service/giveback_run.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/node/locks.h"
#include "tests/agent/service/giveback.h"

namespace lastword::test {
namespace {

Status hook_fails(const HookInput& input) {
  if (input.event != "service-returning") return {};
  return fail({.code = Code::kIo, .operation = "hook service-returning"});
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(giveback_run, Giveback)

BOOST_AUTO_TEST_CASE(dump_disks_come_first_and_are_armed_before_the_service_ends) {
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(report->problem == "");
  require_all_returned();
  BOOST_TEST(intent_on(shelf, kMailbox).phase() == pb::TakeoverIntent::ENDED);
  require_nothing_wrong();
  const auto dump = place_of("disk-returned " + path_of(kDump));
  const auto ended = place_of("service-returning ");
  const auto first = place_of("disk-returned " + path_of(kFirst));
  BOOST_TEST(place_of("giveback-started") == 0);
  BOOST_TEST((0 < dump && dump < ended && ended < first));
  BOOST_TEST(events.back() == "giveback-finished  complete");
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks[0].disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  for (const auto& disk : report->disks) BOOST_TEST(disk.outcome == "returned");
}

BOOST_AUTO_TEST_CASE(intent_says_to_which_life_the_disks_go) {
  hook_ends = [this](const HookInput&) {
    const pb::TakeoverIntent intent = intent_on(shelf, kMailbox);
    BOOST_TEST(intent.phase() == pb::TakeoverIntent::RETURNING);
    BOOST_TEST(intent.returned_to() == 8U);
    BOOST_TEST(intent.victim_generation() == kVictim);
    return Status{};
  };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(hooks.size() == 1U);
}

BOOST_AUTO_TEST_CASE(intent_says_what_the_operator_allows_and_counts_from_the_beginning) {
  pb::TakeoverIntent before = *load_intent(config);
  before.set_number(before.number() + 1);
  before.set_automatic_returns(2);
  BOOST_TEST_REQUIRE(fake::ok(save_intent(config, before)));
  hook_ends = [this](const HookInput&) {
    const pb::TakeoverIntent intent = intent_on(shelf, kMailbox);
    BOOST_TEST(!intent.returned_by_itself());
    BOOST_TEST(intent.automatic_returns() == 0U);
    BOOST_TEST(intent.overrides().ignore_hook());
    BOOST_TEST(intent.overrides().unarmed());
    BOOST_TEST(!intent.overrides().leave_dump());
    const GivebackOptions resumed = options_of_resumed(intent, state);
    BOOST_TEST(resumed.ignore_hook);
    BOOST_TEST(resumed.unarmed);
    BOOST_TEST(!resumed.leave_dump);
    return Status{};
  };
  BOOST_TEST_REQUIRE(fake::ok(run({.ignore_hook = true, .unarmed = true})));
  BOOST_TEST(hooks.size() == 1U);
  BOOST_TEST(load_intent(config)->automatic_returns() == 0U);
}

BOOST_AUTO_TEST_CASE(agent_that_decided_on_an_older_intent_does_nothing) {
  for (const auto by : {GivebackBy::kRule, GivebackBy::kResumed}) {
    const auto report = run({.by = by, .decided_on = load_intent(config)->number() - 1});
    BOOST_TEST_REQUIRE(fake::ok(report));
    BOOST_TEST(!report->complete);
    BOOST_TEST(report->vetoes.empty());
  }
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  BOOST_TEST(events.empty());
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(one_that_was_told_the_life_is_gone_on_with_in_that_life) {
  state.mailbox_disks.clear();
  pb::TakeoverIntent begun = *load_intent(config);
  begun.set_returned_to(life);
  BOOST_TEST(options_of_resumed(begun, state).to_life == life);
  state.mailbox_disks = {uuid_of(kMailbox)};
  BOOST_TEST(options_of_resumed(begun, state).to_life == 0U);
}

BOOST_AUTO_TEST_CASE(nothing_is_promised_where_the_intent_is_kept_nowhere) {
  config.persistent_directory = "/dev/null/lib";
  shelf.inject(
      kMailbox,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite, .initiator = "beta"});
  BOOST_TEST(fake::fails(run(), Code::kIo));
  BOOST_TEST(told("intent-not-kept"));
  for (const unsigned lun : kReturned) BOOST_TEST(is_kept(lun));
}

BOOST_AUTO_TEST_CASE(one_copy_of_the_intent_is_enough) {
  config.persistent_directory = "/dev/null/lib";
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(intent_on(shelf, kMailbox).phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(veto_touches_nothing) {
  says = pb::PHASE_PAIRED;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST_REQUIRE(report->vetoes.size() == 1U);
  BOOST_TEST(contains(report->vetoes[0].reason, "does not wait"));
  BOOST_TEST(report->vetoes[0].flag == "");
  BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
  for (const unsigned lun : kReturned) BOOST_TEST(is_kept(lun));
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(dead_partner_is_not_heard) {
  alive = false;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST_REQUIRE(report->vetoes.size() == 1U);
  BOOST_TEST(contains(report->vetoes[0].reason, "not heard"));
}

BOOST_AUTO_TEST_CASE(unsaved_dump_goes_back_only_by_the_operators_word) {
  pb::CoredumpHeader header;
  header.set_attribute(pb::COMPLETED);
  header.set_node(kAlpha);
  header.set_boot_generation(kVictim);
  plant(shelf, kSpare, header);
  const auto refused = run();
  BOOST_TEST_REQUIRE(fake::ok(refused));
  BOOST_TEST_REQUIRE(refused->vetoes.size() == 1U);
  BOOST_TEST(refused->vetoes[0].flag == "--leave-dump");
  BOOST_TEST(refused->vetoes[0].disk == path_of(kSpare));
  const auto report = run({.leave_dump = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(header_on(shelf, kSpare).attribute() == pb::COMPLETED);
}

BOOST_AUTO_TEST_CASE(forecast_says_the_order_and_writes_nothing) {
  const auto report = try_giveback(work(), {});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(report->disks.size() == 4U);
  BOOST_TEST(report->disks[kFirst].outcome == "with the service");
  BOOST_TEST(report->disks[kDump].outcome == "first");
  for (const fake::CommandTrace& trace : shelf.trace()) {
    BOOST_TEST((trace.initiator != "beta" || trace.command != fake::Command::kWrite));
  }
}

BOOST_AUTO_TEST_CASE(takeover_and_giveback_never_run_side_by_side) {
  const auto lock = lock_takeover(config);
  BOOST_TEST_REQUIRE(lock.has_value());
  BOOST_TEST(fake::fails(run(), Code::kRefused));
}

BOOST_AUTO_TEST_CASE(partner_that_takes_no_disk_gets_none) {
  never_takes = {kFirst, kSecond, kSpare, kDump};
  for (const bool unarmed : {false, true}) {
    const auto report = run({.unarmed = unarmed});
    BOOST_TEST_REQUIRE(fake::ok(report));
    BOOST_TEST(!report->complete);
    BOOST_TEST(contains(report->problem, "taken none of the dump disks"));
    for (const unsigned lun : kReturned) BOOST_TEST(is_kept(lun));
    BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
    BOOST_TEST(hooks.empty());
    BOOST_TEST(told("giveback-called-off"));
    require_service_kept();
  }
}

BOOST_AUTO_TEST_CASE(partner_that_does_not_arm_gets_the_service_only_by_the_operators_word) {
  arms = false;
  const Instant begun = executor.now();
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "not armed"));
  BOOST_TEST((executor.now() - begun >= config.timing.giveback_arming()));
  BOOST_TEST(hooks.empty());
  require_service_kept();
  BOOST_TEST(is_alphas(kDump));
  BOOST_TEST(phase() == pb::TakeoverIntent::RETURNING);
  const auto unarmed = run({.unarmed = true});
  BOOST_TEST_REQUIRE(fake::ok(unarmed));
  BOOST_TEST(unarmed->complete);
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(dump_disk_that_the_partner_does_not_take_is_kept_with_the_service) {
  never_takes = {kSpare};
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "not taken " + path_of(kSpare)));
  BOOST_TEST(is_kept(kSpare));
  require_service_kept();
  never_takes.clear();
  BOOST_TEST(run()->complete);
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(hook_that_fails_calls_it_off_and_the_service_goes_on_here) {
  hook_ends = hook_fails;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(contains(report->problem, "--ignore-hook"));
  BOOST_TEST_REQUIRE(hooks.size() == 2U);
  BOOST_TEST(hooks[1].event == "service-taken");
  BOOST_TEST(hooks[1].new_disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  require_service_kept();
  BOOST_TEST(told("hook-failed"));
  // The dump disks are alpha's by now: that is not forgotten.
  BOOST_TEST(phase() == pb::TakeoverIntent::RETURNING);
  hook_ends = [](const HookInput&) { return Status{}; };
  BOOST_TEST(run()->complete);
  require_all_returned();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(hook_that_fails_is_ignored_by_the_operators_word) {
  hook_ends = hook_fails;
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST(told("hook-failed"));
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(disk_that_is_open_calls_it_off_whatever_the_hook_said) {
  view.openers = {{path_of(kSecond), {"sdb1 is mounted on /srv"}}};
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, path_of(kSecond) + ": sdb1 is mounted on /srv"));
  require_service_kept();
  BOOST_TEST(hooks.back().event == "service-taken");
}

BOOST_AUTO_TEST_CASE(disk_that_the_kernel_holds_unseen_calls_it_off) {
  view.claims = {{path_of(kFirst), 1000}};
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, path_of(kFirst) + ": another program or the kernel"));
  require_service_kept();
  view.claims.clear();
  BOOST_TEST(run()->complete);
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(disk_that_cannot_be_flushed_calls_it_off) {
  bool flushing = false;
  hook_ends = [&](const HookInput& input) {
    if (input.event == "service-returning" && !std::exchange(flushing, true)) {
      shelf.inject(kFirst, {.kind = fake::FaultKind::kIoError,
                            .only = fake::Command::kFlush,
                            .initiator = "beta",
                            .times = 1});
    }
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(what_is_cached_is_written_before_the_disk_is_promised) {
  view.changed = {path_of(kFirst)};
  BOOST_TEST(run()->complete);
  BOOST_TEST(view.changed.empty());
  AlignedBuffer block(kBlockBytes);
  shelf.peek_durable(kFirst, kChangedOffset, block.span());
  BOOST_TEST((block.span()[0] == std::byte{0xcc}));
}

BOOST_AUTO_TEST_CASE(partner_that_falls_silent_while_the_hook_runs_gets_nothing) {
  hook_takes = milliseconds(60'000);
  hook_ends = [this](const HookInput&) {
    alive = false;
    return Status{};
  };
  executor.sleep(milliseconds(1));
  const auto silent_after = config.timing.peer_silence();
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  // Heard at the hook's end, and silent only later: the disks are promised, and kept in mind.
  BOOST_TEST(!report->complete);
  BOOST_TEST(contains(report->problem, "not been heard"));
  BOOST_TEST((silent_after < config.timing.giveback_taking()));
  BOOST_TEST(phase() == pb::TakeoverIntent::RETURNING);
}

BOOST_AUTO_TEST_CASE(partner_that_died_long_before_the_hook_ended_gets_nothing) {
  hook_takes = milliseconds(0);
  hook_ends = [this](const HookInput& input) {
    if (input.event != "service-returning") return Status{};
    alive = false;
    executor.sleep(milliseconds(60'000));
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "not been heard"));
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(partner_that_is_stopped_while_the_hook_runs_gets_nothing) {
  hook_ends = [this](const HookInput&) {
    pb::MailboxSlot slot = slots_on(shelf, kMailbox)[0];
    slot.set_sequence(slot.sequence() + 1);
    slot.set_presence(pb::GONE);
    plant(shelf, kMailbox, slot, RecordPlace::kMailboxLow);
    alive = false;
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "lastword stop"));
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(panic_of_the_partner_ends_the_wait_at_once) {
  never_takes = {kFirst};
  hook_ends = [this](const HookInput&) {
    pb::CoredumpHeader header;
    header.set_attribute(pb::IN_PROGRESS);
    header.set_node(kAlpha);
    header.set_boot_generation(life);
    plant(shelf, kDump, header);
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "has panicked in life 8"));
  require_service_kept();
}

BOOST_AUTO_TEST_CASE(service_disk_that_the_partner_does_not_take_is_named_and_stays_promised) {
  never_takes = {kSecond};
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(contains(report->problem, "has not taken " + path_of(kSecond)));
  BOOST_TEST(contains(report->problem, "lastword giveback"));
  BOOST_TEST(phase() == pb::TakeoverIntent::RETURNING);
  BOOST_TEST(label_on(shelf, kSecond).promised_generation() == 8U);
  BOOST_TEST(is_alphas(kFirst));
  BOOST_TEST(hooks.size() == 1U);
  never_takes.clear();
  BOOST_TEST(run()->complete);
  BOOST_TEST(hooks.size() == 1U);  // what is promised has no service here to end
  require_all_returned();
}

BOOST_AUTO_TEST_CASE(set_that_is_split_is_never_served_here_again) {
  never_takes = {kSecond};
  BOOST_TEST(!run()->complete);
  pb::Label label = label_unpromised(label_on(shelf, kSecond));
  plant(shelf, kSecond, label);
  view.openers = {{path_of(kSecond), {"sdb1 is mounted on /srv"}}};
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "still in use"));
  BOOST_TEST(hooks.back().event == "service-returning");
  BOOST_TEST(hooks.back().disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  BOOST_TEST(phase() == pb::TakeoverIntent::RETURNING);
  BOOST_TEST(is_alphas(kFirst));
  view.openers.clear();
  hook_ends = hook_fails;
  BOOST_TEST(contains(run()->problem, "--ignore-hook"));
  BOOST_TEST(hooks.back().event == "service-returning");
  never_takes.clear();
  BOOST_TEST(run({.ignore_hook = true})->complete);
  require_all_returned();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
