// A whole handover on the fake shelf: its order, its ends, and what is left of one that was killed.
#include "agent/service/handover_run.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/node/intent_file.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/service/start_run.h"
#include "tests/agent/service/handover.h"

namespace lastword::test {
namespace {

Status hook_fails(const HookInput& input) {
  if (input.event != "service-leaving") return {};
  return fail({.code = Code::kIo, .operation = "hook service-leaving"});
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void finish(Handover& handover) {
  const auto report = handover.run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  for (const auto& veto : report->vetoes) BOOST_TEST(veto.reason == "");
  BOOST_TEST(report->complete, report->problem);
  handover.require_left();
  handover.require_nothing_wrong();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(handover_run, Handover)

BOOST_AUTO_TEST_CASE(service_ends_then_this_node_says_so_then_the_partner_takes_all) {
  hook_ends = [this](const HookInput&) {
    BOOST_TEST(!has_left());
    BOOST_TEST((says() == pb::PHASE_PAIRED));
    return Status{};
  };
  finish(*this);
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks[0].event == "service-leaving");
  BOOST_TEST(hooks[0].disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  BOOST_TEST(place_of("handover-started") == 0);
  BOOST_TEST(place_of("handed-over") > place_of("service-leaving"));
  BOOST_TEST(slots_on(shelf, kMailbox)[0].sequence() > 40U);
}

BOOST_AUTO_TEST_CASE(veto_touches_nothing) {
  phase = pb::PHASE_SERVING;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->vetoes.size() == 1U);
  BOOST_TEST(hooks.empty());
  BOOST_TEST(events.empty());
  require_kept();
}

BOOST_AUTO_TEST_CASE(forecast_writes_nothing) {
  const auto report = try_handover(work());
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  BOOST_TEST_REQUIRE(report->disks.size() == 3U);
  BOOST_TEST(report->disks[0].outcome == "would be left");
  require_kept();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(takeover_and_handover_never_run_side_by_side) {
  const auto lock = lock_takeover(config);
  BOOST_TEST_REQUIRE(lock.has_value());
  BOOST_TEST(fake::fails(run(), Code::kRefused));
}

// A hook may last for minutes, and point 6 of the protocol says "at once".
BOOST_AUTO_TEST_CASE(partner_that_panics_is_taken_over_while_a_hook_of_the_handover_runs) {
  hook_ends = [this](const HookInput& input) {
    BOOST_TEST(fake::ok(lock_takeover(config)), input.event);
    return hook_fails(input);
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(hooks.size() == 2U);
  require_kept();
  armed = false;
  disarmed = fail({.code = Code::kIo, .operation = "unload"});
  hook_ends = [](const HookInput&) { return Status{}; };
  BOOST_TEST_REQUIRE(fake::ok(run()));
  BOOST_TEST(armed);  // under a lock that was free
}

BOOST_AUTO_TEST_CASE(takeover_that_begins_in_the_hook_calls_it_off) {
  const auto taking = next_intent(std::nullopt, pb::TakeoverIntent::TAKING, kBeta, kLife);
  hook_ends = [&](const HookInput& input) {
    if (input.event != "service-leaving") return Status{};
    auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    takeover_lock = std::move(*lock);
    return save_intent(config, taking);
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "a takeover from beta"));
  BOOST_TEST(hooks.size() == 2U);
  require_kept();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(handover_waits_for_the_end_of_a_look_at_the_records) {
  hook_ends = [&](const HookInput&) {
    auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    takeover_lock = std::move(*lock);
    lock_is_free = executor.now() + milliseconds(2000);
    return Status{};
  };
  finish(*this);
}

BOOST_AUTO_TEST_CASE(nothing_is_left_while_another_program_has_the_lock) {
  hook_ends = [&](const HookInput& input) {
    if (input.event != "service-leaving") return Status{};
    auto lock = lock_takeover(config);
    BOOST_TEST_REQUIRE(fake::ok(lock));
    takeover_lock = std::move(*lock);
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "handover runs on this node"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(hook_that_fails_calls_it_off_and_the_service_goes_on) {
  hook_ends = hook_fails;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "--ignore-hook"));
  BOOST_TEST_REQUIRE(hooks.size() == 2U);
  BOOST_TEST(hooks[1].event == "service-returned");
  BOOST_TEST(hooks[1].new_disks.size() == 2U);
  BOOST_TEST(told("handover-called-off"));
  require_kept();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(service_that_is_not_announced_yet_is_left_by_the_operators_word_only) {
  state.unannounced = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  const auto vetoed = run();
  BOOST_TEST_REQUIRE(fake::ok(vetoed));
  BOOST_TEST(vetoed->vetoes.size() == 1U);
  BOOST_TEST(hooks.empty());
  hook_ends = [this](const HookInput&) {
    BOOST_TEST(!load_node_state(config)->unannounced);  // by no agent either
    return Status{};
  };
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete, report->problem);
  require_left();
}

BOOST_AUTO_TEST_CASE(hook_that_fails_is_ignored_by_the_operators_word) {
  hook_ends = hook_fails;
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete);
  require_left();
}

BOOST_AUTO_TEST_CASE(disk_that_is_open_calls_it_off_whatever_the_hook_said) {
  view.openers = {{path_of(kSecond), {"sdb1 is mounted on /srv"}}};
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "mounted on /srv"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(disk_that_the_kernel_holds_unseen_calls_it_off) {
  view.claims = {{path_of(kSecond), 1000}};
  const auto report = run({.ignore_hook = true});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, path_of(kSecond) + ": another program or the kernel"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(what_the_service_wrote_is_durable_before_the_partner_has_the_disk) {
  AlignedBuffer block(kBlockBytes);
  std::ranges::fill(block.span(), std::byte{0xaa});
  BOOST_TEST_REQUIRE(fake::ok(alpha.device(kFirst)->write(kChangedOffset, block.span())));
  never_takes = {kFirst};  // beta would flush it
  BOOST_TEST(!run()->complete);
  BOOST_TEST(has_left());
  shelf.peek_durable(kFirst, kChangedOffset, block.span());
  BOOST_TEST((block.span()[0] == std::byte{0xaa}));
}

BOOST_AUTO_TEST_CASE(image_that_cannot_be_unloaded_calls_it_off) {
  disarmed = fail({.code = Code::kIo, .operation = "unload"});
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "still armed"));
  BOOST_TEST(told("armed"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(partner_that_falls_silent_in_the_hook_calls_it_off) {
  hook_ends = [this](const HookInput&) {
    alive = false;
    executor.sleep(config.timing.peer_silence() + milliseconds(1000));
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "has not been heard"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(request_that_is_withdrawn_in_the_hook_calls_it_off) {
  request.set_id("one");
  request.set_asked_generation(kOwn);
  hook_ends = [this](const HookInput&) {
    request.Clear();
    pass(milliseconds(2000));
    return Status{};
  };
  const auto report = run({.request = "one"});
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "does not ask for it any more"));
  require_kept();
}

BOOST_AUTO_TEST_CASE(partner_that_never_comes_leaves_the_way_back_by_a_new_life) {
  never_takes = {kFirst, kSecond, kSpare};
  const Instant begun = executor.now();
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(contains(report->problem, "`lastword start` here"));
  BOOST_TEST((executor.now() - begun >= config.timing.handover_taking()));
  for (const unsigned lun : kLeft) BOOST_TEST(is_kept(lun));
  BOOST_TEST(has_left());
  BOOST_TEST((says() == pb::PHASE_HANDED_OVER));
  BOOST_TEST(fake::fails(load_node_state(config), Code::kNotFound));
  const auto start = start_node(config, false, access());
  BOOST_TEST_REQUIRE(fake::ok(start));
  BOOST_TEST((start->outcome == StartOutcome::kStarted));
  BOOST_TEST(start->plan.boot_generation == kOwn + 1);
  for (const unsigned lun : kLeft) BOOST_TEST((holder(lun) == key_of(kAlpha, kOwn + 1)));
  BOOST_TEST(!load_node_state(config)->handed_over);
}

BOOST_AUTO_TEST_CASE(start_after_a_handover_waits_for_giveback) {
  finish(*this);
  const auto start = start_node(config, false, access());
  BOOST_TEST_REQUIRE(fake::ok(start));
  BOOST_TEST((start->outcome == StartOutcome::kWaits));
  BOOST_TEST(start->plan.boot_generation == kOwn + 1);
  const auto now = load_node_state(config);
  BOOST_TEST_REQUIRE(fake::ok(now));
  BOOST_TEST(now->waiting);
  BOOST_TEST(!now->handed_over);
}

BOOST_AUTO_TEST_CASE(partner_that_leaves_too_is_named) {
  never_takes = {kFirst, kSecond, kSpare};
  left_too = true;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(contains(report->problem, "has left its disks too"));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_fails_for_a_while_is_told_again) {
  hook_ends = [this](const HookInput&) {
    shelf.inject(
        kMailbox,
        {.kind = fake::FaultKind::kIoError, .only = fake::Command::kWrite, .initiator = "alpha"});
    heals = executor.now() + milliseconds(5000);
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->complete, report->problem);
  BOOST_TEST(told("handover-not-told"));
  require_left();
}

BOOST_AUTO_TEST_CASE(killed_in_the_hook_it_runs_the_hook_again) {
  hook_ends = [this](const HookInput&) -> Status {
    if (hooks.size() == 1) throw Killed();
    return {};
  };
  BOOST_CHECK_THROW((void)run(), Killed);
  BOOST_TEST(!has_left());
  finish(*this);
  BOOST_TEST(hooks.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(handover_killed)

BOOST_AUTO_TEST_CASE(killed_before_any_write_it_finishes_in_another_run) {
  bool killed = true;
  unsigned runs = 0;
  for (; killed; ++runs) {
    Handover handover;
    handover.writes_to_live = runs;
    killed = false;
    try {
      (void)handover.run();
    } catch (const Killed&) {
      killed = true;
    }
    handover.writes_to_live = std::numeric_limits<unsigned>::max();
    BOOST_TEST_CONTEXT("killed before write " << runs) {
      handover.pass(milliseconds(3000));
      finish(handover);
    }
  }
  BOOST_TEST(runs == 7U);  // two disks' flush; the slot, twice, with a flush each
}

BOOST_AUTO_TEST_CASE(killed_before_any_command_it_finishes_in_another_run) {
  constexpr unsigned kStride = 7;  // most commands are looks
  bool killed = true;
  for (unsigned command = 0; killed; command += kStride) {
    Handover handover;
    handover.commands_to_live = command;
    killed = false;
    try {
      (void)handover.run();
    } catch (const Killed&) {
      killed = true;
    }
    handover.commands_to_live = std::numeric_limits<unsigned>::max();
    BOOST_TEST_CONTEXT("killed before command " << command) {
      handover.pass(milliseconds(3000));
      finish(handover);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
