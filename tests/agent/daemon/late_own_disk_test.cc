// beta waits, alpha has its disks and dies, and one of beta's own disks does not answer just then.
// On the fake shelf and a virtual clock.
#include "agent/daemon/receive_run.h"
#include "tests/agent/daemon/waiting_node.h"

namespace lastword::test {
namespace {

// kDump is alpha's own; alpha falls silent. beta cannot read kSecond from then on, until it heals.
class OwnDiskIsLate : public Waiting {
 public:
  OwnDiskIsLate() {
    pb::Label label = label_on(shelf, kDump);
    label.set_home_node(kAlpha);
    label.set_home_generation(kCrashed);
    label.set_role(pb::SERVICE);
    plant(shelf, kDump, label);
    dies = Instant{30'000};
    each_second = [this] { pass(); };
  }
  void pass() {
    const Instant now = executor.now();
    if (!sick_ && now >= dies + milliseconds(2000) && now < heals) {
      sick_ = true;
      if (vanishes) {
        view.out_of_sight.insert(kSecond);
      } else {
        shelf.inject(
            kSecond,
            {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
      }
    }
    if (!after_takeover && told("takeover-finished")) after_takeover = now;
    if (heals_after && after_takeover) heals = *after_takeover + *heals_after;
    if (sick_ && now >= heals) {
      sick_ = false;
      shelf.heal(kSecond);
      view.out_of_sight.clear();
    }
  }
  [[nodiscard]] std::vector<Lines> announced(const std::string& event) const {
    std::vector<Lines> disks;
    for (const HookRun& run : hooks) {
      if (run.input.event == event) disks.push_back(run.input.new_disks);
    }
    return disks;
  }
  [[nodiscard]] std::string line_of(const std::string& event) const {
    const auto place = place_of(" " + event + " ");
    return place < 0 ? std::string() : events[static_cast<std::size_t>(place)];
  }
  void check_that_all_is_well() {
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
      BOOST_TEST(unsigned{holder(lun)} == unsigned{kBeta});
      BOOST_TEST(label_on(shelf, lun).owner_node() == unsigned{kBeta});
    }
    BOOST_TEST(phase() == pb::TakeoverIntent::TAKEN);
    BOOST_TEST(!load_node_state(config)->waiting);
    BOOST_TEST(!load_node_state(config)->unannounced);
    BOOST_TEST((slot().phase() == pb::PHASE_SERVING));
  }

  const Lines both_sets{path_of(kFirst), path_of(kSecond), path_of(kDump)};
  const Instant after_all{900'000};
  bool vanishes = false;  // instead of giving no data
  Instant heals = Instant::max();
  std::optional<milliseconds> heals_after;  // the end of the first takeover
  std::optional<Instant> after_takeover;

 private:
  bool sick_ = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(late_own_disk, OwnDiskIsLate)

BOOST_AUTO_TEST_CASE(
    that_answers_again_during_the_takeover_is_taken_and_announced_with_the_others) {
  ends = after_all + milliseconds(1000);
  heals = dies + config.timing.peer_silence() + config.timing.announcement() + milliseconds(9000);
  run_until(Instant{200'000});
  BOOST_TEST(time_of("takeover-started") < heals);
  BOOST_TEST(line_of("takeover-finished").ends_with("complete"));
  BOOST_TEST(line_of("service-held-back").find(path_of(kSecond)) != std::string::npos);
  const auto taken = announced("service-taken");
  BOOST_TEST_REQUIRE(taken.size() == 1U);
  BOOST_TEST(Lines(taken[0].begin(), taken[0].end()).size() == both_sets.size());
  BOOST_TEST(std::ranges::is_permutation(taken[0], both_sets));
  BOOST_TEST(hooks.front().begun >= heals);
  BOOST_TEST(hooks.front().input.missing_disks.empty());
  const auto returned = announced("service-returned");
  BOOST_TEST_REQUIRE(returned.size() == 1U);
  BOOST_TEST(returned[0] == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  check_that_all_is_well();
}

BOOST_AUTO_TEST_CASE(that_answers_again_after_the_takeover_is_taken_then) {
  ends = after_all + milliseconds(1000);
  heals_after = milliseconds(60'000);
  run_until(after_all);
  BOOST_TEST_REQUIRE(after_takeover.has_value());
  BOOST_TEST(line_of("takeover-finished").find("incomplete") != std::string::npos);
  BOOST_TEST_REQUIRE(!hooks.empty());
  BOOST_TEST(hooks.front().begun >= heals);
  BOOST_TEST(std::ranges::is_permutation(announced("service-taken").at(0), both_sets));
  BOOST_TEST(announced("service-returned").size() == 1U);
  check_that_all_is_well();
}

BOOST_AUTO_TEST_CASE(that_stays_away_keeps_the_node_waiting_and_is_named) {
  ends = after_all + milliseconds(1000);
  run_until(Instant{600'000});
  BOOST_TEST(line_of("takeover-finished").find("incomplete") != std::string::npos);
  BOOST_TEST(times_told("takeover-finished") == 1);
  BOOST_TEST(hooks.empty());
  BOOST_TEST(line_of("disk-not-returned").find(path_of(kSecond)) != std::string::npos);
  BOOST_TEST(times_told("disk-not-returned") == 1);
  BOOST_TEST(load_node_state(config)->waiting);
  // An operator has what is there served.
  BOOST_TEST_REQUIRE(fake::ok(take_over_now(config, surveyor, work.events, all_hands(), false)));
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(std::ranges::is_permutation(hooks[0].input.new_disks,
                                         Lines{path_of(kFirst), path_of(kDump)}));
  BOOST_TEST(hooks[0].input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(is_named_as_missing_where_the_service_may_be_incomplete) {
  ends = after_all + milliseconds(1000);
  config.incomplete_service = true;
  heals_after = milliseconds(60'000);
  run_until(after_all);
  BOOST_TEST_REQUIRE(hooks.size() >= 2U);
  BOOST_TEST(hooks[0].begun < heals);
  BOOST_TEST(hooks[0].input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  BOOST_TEST(hooks[1].input.event == "service-returned");
  BOOST_TEST(hooks[1].input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  BOOST_TEST(announced("service-taken").back() == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  check_that_all_is_well();
}

BOOST_AUTO_TEST_CASE(that_answers_again_when_the_agent_was_restarted_is_taken_too) {
  ends = after_all + milliseconds(1000);
  run_until(Instant{200'000});
  BOOST_TEST(hooks.empty());
  heals = Instant{300'000};
  run_until(after_all);
  check_that_all_is_well();
}

// Nothing tells the takeover of it. The node goes into service without it.
BOOST_AUTO_TEST_CASE(that_was_out_of_sight_is_taken_from_the_dead_when_it_is_back) {
  ends = after_all + milliseconds(1000);
  vanishes = true;
  heals_after = milliseconds(60'000);
  run_until(after_all);
  BOOST_TEST(line_of("takeover-finished").ends_with(" complete"));
  BOOST_TEST_REQUIRE(after_takeover.has_value());
  BOOST_TEST(announced("service-returned").at(0) == Lines{path_of(kFirst)},
             boost::test_tools::per_element());
  BOOST_TEST(announced("service-taken").size() == 2U);
  BOOST_TEST(announced("service-taken").back() == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
  check_that_all_is_well();
}

// It is tried once for each time that it comes to light.
BOOST_AUTO_TEST_CASE(that_cannot_be_taken_is_not_tried_again_and_again) {
  ends = after_all + milliseconds(1000);
  vanishes = true;
  heals_after = milliseconds(60'000);
  each_second = [this] {
    pass();
    if (after_takeover) {
      shelf.heal(kSecond);
      shelf.inject(kSecond, {.kind = fake::FaultKind::kIoError,
                             .only = fake::Command::kPreemptAndAbort,
                             .initiator = "beta"});
    }
  };
  run_until(after_all);
  BOOST_TEST(times_told("takeover-finished") == 2);
  BOOST_TEST(unsigned{holder(kSecond)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

// alpha gives all back; kSecond gives no data from when beta is in service, until it heals.
class ReturnedDiskIsSick : public OwnDiskIsLate {
 public:
  ReturnedDiskIsSick() {
    dies = Instant::max();
    pb::Label label = label_on(shelf, kDump);
    label.set_home_node(kBeta);
    label.set_home_generation(kOwn - 1);
    plant(shelf, kDump, label);
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) promise(lun);
    each_second = [this] {
      if (executor.now() >= heals) shelf.heal(kSecond);
    };
    watch_command = [this, before = watch_command](const fake::CommandTrace& trace) {
      before(trace);
      if (sick_ || executor.now() >= heals || !gets_sick()) return;
      sick_ = true;
      shelf.inject(kSecond,
                   {.kind = fake::FaultKind::kIoError, .only = fails, .initiator = "beta"});
    };
  }

  fake::Command fails = fake::Command::kRead;
  std::function<bool()> gets_sick = [this] { return !load_node_state(config)->waiting; };

 private:
  bool sick_ = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(returned_service_is_whole, ReturnedDiskIsSick)

BOOST_AUTO_TEST_CASE(service_waits_for_a_disk_that_is_sick_and_names_it) {
  heals = Instant{120'000};
  run_until(Instant{110'000});
  BOOST_TEST(announced("service-returned").empty());
  BOOST_TEST(line_of("service-held-back").find(path_of(kSecond)) != std::string::npos);
  BOOST_TEST(times_told("service-held-back") == 1);
  BOOST_TEST(load_node_state(config)->unannounced);
  // It is armed all the same.
  BOOST_TEST(!armed_at.empty());
  run_until(Instant{180'000});
  const auto returned = announced("service-returned");
  BOOST_TEST_REQUIRE(returned.size() == 1U);
  BOOST_TEST(std::ranges::count(returned[0], path_of(kSecond)) == 1);
  BOOST_TEST(!load_node_state(config)->unannounced);
}

// `start` tries to take it again and again, and has had the disks for dumps all the time.
BOOST_AUTO_TEST_CASE(node_that_waits_for_a_disk_that_can_be_read_is_armed_once) {
  fails = fake::Command::kReadReservation;
  heals = Instant{180'000};
  run_until(Instant{60'000});
  const std::size_t armed = armed_at.size();
  BOOST_TEST(armed >= 1U);
  run_until(Instant{170'000});
  BOOST_TEST(line_of("service-held-back").find(path_of(kSecond)) != std::string::npos);
  BOOST_TEST(armed_at.size() <= armed + 1);  // by the next agent
}

// It was not read since alpha owned it.
BOOST_AUTO_TEST_CASE(disk_that_is_sick_as_soon_as_it_is_taken_is_waited_for_too) {
  gets_sick = [this] { return label_on(shelf, kSecond).owner_node() == kBeta; };
  heals = Instant{120'000};
  run_until(Instant{180'000});
  BOOST_TEST(times_told("disk-not-returned") == 1);
  BOOST_TEST_REQUIRE(announced("service-returned").size() == 1U);
  BOOST_TEST(announced("service-returned")[0].size() == 3U);
}

BOOST_AUTO_TEST_CASE(service_that_may_be_incomplete_is_told_what_is_missing) {
  config.incomplete_service = true;
  run_until(Instant{60'000});
  BOOST_TEST_REQUIRE(announced("service-returned").size() == 1U);
  BOOST_TEST(hooks.back().input.missing_disks == Lines{path_of(kSecond)},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(service_of_which_nothing_is_there_yet_is_not_announced) {
  state.waiting = false;
  state.unannounced = true;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  const auto loop = executor.make_loop();
  ReceiveRun run(config, surveyor, work.events,
                 {.run_hook = all_hands().run_hook, .arm = all_hands().arm}, *loop, [] {});
  // As a look may find it that began before the disks were taken.
  Survey before;
  run.follow(before, state, false);
  BOOST_TEST(hooks.empty());
  BOOST_TEST(load_node_state(config)->unannounced);
  for (const unsigned lun : {kFirst, kSecond, kDump}) {
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kOwn);
    label.set_home_generation(kOwn);
    plant(shelf, lun, label);
    BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
    BOOST_TEST_REQUIRE(
        fake::ok(beta.lun(lun)->preempt(state.key, key_of(kAlpha, kCrashed), kOwnerType)));
  }
  heals = Instant{0};
  const auto look = surveyor.look();
  BOOST_TEST_REQUIRE(fake::ok(look));
  run.follow(look->survey, state, false);
  BOOST_TEST(announced("service-returned").size() == 1U);
  BOOST_TEST(!load_node_state(config)->unannounced);
}

BOOST_AUTO_TEST_SUITE_END()

// The partner had announced a takeover, and never came.
BOOST_FIXTURE_TEST_CASE(
    disk_that_could_not_be_taken_is_taken_when_it_can_be_and_completes_the_service, Waiting) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    const auto lun_of_alpha = alpha.lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(lun_of_alpha->release(key_of(kAlpha, kCrashed), kOwnerType)));
    BOOST_TEST_REQUIRE(fake::ok(unregister(*lun_of_alpha)));
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(0);
    plant(shelf, lun, label);
  }
  shelf.inject(
      kSecond,
      {.kind = fake::FaultKind::kIoError, .only = fake::Command::kReserve, .initiator = "beta"});
  const Instant heals{40'000};
  each_second = [this, heals] {
    if (executor.now() >= heals) shelf.heal(kSecond);
  };
  run_until(heals);
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST(told("disk-not-returned " + path_of(kSecond)));
  BOOST_TEST(times_told("service-held-back") == 1);
  BOOST_TEST(hooks.empty());
  run_until(heals + milliseconds(20'000));
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks[0].input.disks == (Lines{path_of(kFirst), path_of(kSecond)}),
             boost::test_tools::per_element());
  BOOST_TEST(!load_node_state(config)->unannounced);
}

BOOST_FIXTURE_TEST_CASE(node_that_has_nothing_but_dump_disks_has_no_service_to_announce, Waiting) {
  for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
    pb::Label label = label_on(shelf, lun);
    label.set_role(pb::SPARE);
    plant(shelf, lun, label);
    promise(lun);
  }
  run_until(Instant{60'000});
  BOOST_TEST(!load_node_state(config)->waiting);
  BOOST_TEST(!load_node_state(config)->unannounced);
  BOOST_TEST(hooks.empty());
  BOOST_TEST(!told("service-held-back"));
}

}  // namespace lastword::test
