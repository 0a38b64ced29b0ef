// What the watching node acts on, and what it lets be: on the fake shelf, on a virtual clock.
#include "agent/daemon/failure_watch.h"

#include <algorithm>
#include <vector>

#include "agent/disks/intent_log.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

constexpr Instant kMinute{60'000};

// alpha lives, until it panics after a minute.
class Watch : public Panic {
 public:
  Watch() {
    put_header(kDump, pb::ARMED);
    watch_command = [this](const fake::CommandTrace&) {
      if (!panicked_ && executor.now() >= kMinute) {
        panicked_ = true;
        put_header(kDump, pb::IN_PROGRESS);
      }
    };
    dump_ends = Instant::max();
  }
  Result<Failure> wait() {
    auto failure = wait_for_failure(config, state, surveyor, work.events);
    if (!failure) return fail(failure.error());
    return std::move(failure->value());
  }

  void note(IntentPhase phase, std::uint32_t victim = kCrashed) {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    const IntentLog log(config, state, view, executor);
    const auto before = read_intent(config, look->survey).intent;
    BOOST_TEST(log.write(look->survey, log.next(before, phase, victim)).problems.empty());
  }
  void give(unsigned lun, const pb::Label& label) {
    plant(shelf, lun, label);
    BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
    BOOST_TEST_REQUIRE(
        fake::ok(beta.lun(lun)->preempt(state.key, key_of(kAlpha, kCrashed), kOwnerType)));
  }
  // The panic, and nothing before it, was acted on.
  void require_panic(const Result<Failure>& failure) {
    BOOST_TEST_REQUIRE(failure.has_value());
    BOOST_TEST(executor.now() >= kMinute);
    BOOST_TEST(executor.now() < kMinute + milliseconds(1000));  // by its header, not by a survey
    BOOST_TEST(failure->proven);
    BOOST_TEST(failure->generation.value_or(0) == kCrashed);
  }

 private:
  bool panicked_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(failure_watch)

BOOST_AUTO_TEST_CASE(partner_that_lives_is_left_alone_until_its_dump_shows) {
  Watch watch;
  watch.require_panic(watch.wait());
}

BOOST_AUTO_TEST_CASE(disk_of_the_partners_that_this_node_holds_is_no_reason_to_act) {
  Watch watch;
  // Labelled over to alpha while beta held it: owned by nobody.
  watch.give(kSpare, make_label(kSpare, pb::SPARE, kAlpha));
  watch.require_panic(watch.wait());
}

BOOST_AUTO_TEST_CASE(dump_that_an_earlier_life_left_is_no_reason_to_act) {
  Watch watch;
  // alpha lives again, and could not take the disk that its earlier life dumped to.
  for (const unsigned lun : {kFirst, kSecond}) {
    pb::Label label = label_on(watch.shelf, lun);
    label.set_owner_generation(kCrashed + 1);
    label.set_home_generation(kCrashed + 1);
    plant(watch.shelf, lun, label);
  }
  watch.put_header(kDump, pb::IN_PROGRESS);
  struct StillWatching {};
  watch.watch_command = [&](const fake::CommandTrace&) {
    if (watch.executor.now() >= kMinute) throw StillWatching();
  };
  BOOST_CHECK_THROW((void)watch.wait(), StillWatching);
}

BOOST_AUTO_TEST_CASE(life_that_was_stopped_takes_no_lost_reservation_anew) {
  Watch watch;
  NodeState next = watch.state;
  next.boot_generation = kOwn + 1;
  next.key = key_of(kBeta, kOwn + 1);
  BOOST_TEST_REQUIRE(save_node_state(watch.config, next).has_value());
  pb::Label own = make_label(kSecond, pb::SERVICE, kBeta);
  own.set_owner_node(kBeta);
  own.set_owner_generation(kOwn);
  plant(watch.shelf, kSecond, own);
  watch.shelf.lose_power();
  watch.require_panic(watch.wait());
  BOOST_TEST(!watch.shelf.reservation(kSecond).has_value());
}

BOOST_AUTO_TEST_CASE(takeover_that_was_interrupted_is_resumed_at_once_and_bounded) {
  Watch watch;
  watch.note(pb::TakeoverIntent::TAKING);
  const auto failure = watch.wait();
  BOOST_TEST_REQUIRE(failure.has_value());
  BOOST_TEST(watch.executor.now() < kMinute);
  BOOST_TEST(failure->generation.value_or(0) == kCrashed);
  BOOST_TEST(!failure->proven);
}

BOOST_AUTO_TEST_CASE(takeover_of_a_panic_that_was_interrupted_is_resumed_not_begun_again) {
  Watch watch;
  watch.put_header(kDump, pb::IN_PROGRESS);
  watch.note(pb::TakeoverIntent::TAKING);
  const auto failure = watch.wait();
  BOOST_TEST_REQUIRE(failure.has_value());
  BOOST_TEST(watch.executor.now() < kMinute);
  BOOST_TEST(failure->proven);
  BOOST_TEST(failure->resumed);
  BOOST_TEST(watch.place_of("takeover-resumed") >= 0);
  BOOST_TEST(watch.place_of("partner-panicked") > watch.place_of("takeover-resumed"));
}

BOOST_AUTO_TEST_CASE(mailbox_disk_knows_the_intent_of_a_node_that_lost_its_own_copy) {
  Watch watch;
  watch.note(pb::TakeoverIntent::TAKING);
  std::filesystem::remove_all(watch.config.persistent_directory);
  BOOST_TEST(watch.wait().has_value());
  BOOST_TEST(watch.executor.now() < kMinute);
}

BOOST_AUTO_TEST_CASE(later_life_of_the_victim_ends_the_intent) {
  Watch watch;
  watch.note(pb::TakeoverIntent::TAKING, kCrashed - 1);
  watch.require_panic(watch.wait());
  BOOST_TEST(watch.place_of("takeover-ended") >= 0);
  BOOST_TEST(watch.phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(intent_on(watch.shelf, kMailbox).phase() == pb::TakeoverIntent::ENDED);
}

BOOST_AUTO_TEST_CASE(slow_survey_takes_no_header_back) {
  Watch watch;
  plant(watch.shelf, kArmed, pb::CoredumpHeader());
  const auto is_of_header = [](std::uint64_t offset) {
    return offset == kMetadataOffset + slot_offset(RecordPlace::kCoredump, 0) ||
           offset == kMetadataOffset + slot_offset(RecordPlace::kCoredump, 1);
  };
  bool slow = false;
  unsigned looks = 0;  // since the survey that is slow
  watch.watch_command = [&](const fake::CommandTrace& trace) {
    const Instant now = watch.executor.now();
    if (!slow && now >= milliseconds(5000) && trace.command == fake::Command::kTestUnitReady) {
      slow = true;
      watch.executor.sleep(milliseconds(3000));
    }
    const bool look = trace.lun == kArmed && trace.command == fake::Command::kRead &&
                      trace.length == kBlockBytes && is_of_header(trace.offset);
    if (!slow || !look) return;
    // Armed after the survey has read it; seen by one poll, which reads the slot that has changed
    // and then both, and by none after that.
    ++looks;
    if (looks == 1) watch.put_header(kArmed, pb::ARMED);
    if (looks == 4) {
      watch.shelf.inject(
          kArmed,
          {.kind = fake::FaultKind::kIoError, .only = fake::Command::kRead, .initiator = "beta"});
    }
    if (looks == 4 + 40) watch.put_header(kDump, pb::IN_PROGRESS);
  };
  const auto failure = watch.wait();
  BOOST_TEST_REQUIRE(failure.has_value());
  BOOST_TEST(looks > 40U);
  BOOST_TEST(failure->look.survey.disks[kArmed].header.attribute() == pb::ARMED);
}

BOOST_AUTO_TEST_CASE(reservations_that_the_shelf_lost_are_taken_anew_within_a_survey) {
  Watch watch;
  watch.state.mailbox_joined = watch.state.mailbox_disks;
  BOOST_TEST_REQUIRE(save_node_state(watch.config, watch.state).has_value());
  // beta has a disk of its own, too.
  pb::Label own = make_label(kSecond, pb::SERVICE, kBeta);
  own.set_owner_node(kBeta);
  own.set_owner_generation(kOwn);
  plant(watch.shelf, kSecond, own);
  watch.shelf.lose_power();
  watch.require_panic(watch.wait());
  BOOST_TEST(watch.place_of("reservations-lost") >= 0);
  BOOST_TEST(unsigned{watch.holder(kSecond)} == unsigned{kBeta});
  const auto keys = watch.shelf.registrations(kMailbox).keys;
  BOOST_TEST(std::ranges::count(keys, watch.state.key) == 1);
}

// `start` may be about to take it, under a new key.
BOOST_AUTO_TEST_CASE(lost_reservation_is_not_taken_anew_while_a_start_is_at_work) {
  Watch watch;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(watch.config, watch.state)));
  pb::Label own = make_label(kSecond, pb::SERVICE, kBeta);
  own.set_owner_node(kBeta);
  own.set_owner_generation(kOwn);
  plant(watch.shelf, kSecond, own);
  watch.shelf.lose_power();
  auto start = lock_state(watch.config);
  BOOST_TEST_REQUIRE(fake::ok(start));
  constexpr Instant kStartEnds{22'000};
  std::optional<Instant> taken;
  const auto panic_later = watch.watch_command;
  watch.watch_command = [&](const fake::CommandTrace& trace) {
    panic_later(trace);
    const Instant now = watch.executor.now();
    if (start->valid() && now >= kStartEnds) start->reset();
    if (trace.lun == kSecond && trace.command == fake::Command::kRegister && !taken) taken = now;
  };
  watch.require_panic(watch.wait());
  BOOST_TEST_REQUIRE(taken.has_value());
  BOOST_TEST((*taken >= kStartEnds));
  BOOST_TEST(unsigned{watch.holder(kSecond)} == unsigned{kBeta});
}

// `lastword stop` and `start` ran after the survey that saw the loss, and before its report.
BOOST_AUTO_TEST_CASE(lost_reservation_is_not_taken_anew_under_a_key_that_a_start_has_replaced) {
  Watch watch;
  watch.state.mailbox_joined = watch.state.mailbox_disks;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(watch.config, watch.state)));
  pb::Label own = make_label(kSecond, pb::SERVICE, kBeta);
  own.set_owner_node(kBeta);
  own.set_owner_generation(kOwn);
  plant(watch.shelf, kSecond, own);
  const auto header_at = kMetadataOffset + slot_offset(RecordPlace::kCoredump, 0);
  bool lost = false;
  bool replaced = false;
  const auto panic_later = watch.watch_command;
  watch.watch_command = [&](const fake::CommandTrace& trace) {
    panic_later(trace);
    if (!lost && watch.executor.now() >= Instant{12'000} &&
        trace.command == fake::Command::kTestUnitReady) {
      lost = true;
      watch.shelf.lose_power();
      watch.executor.sleep(milliseconds(300));  // looks at headers come before this survey's report
    } else if (lost && !replaced && trace.command == fake::Command::kRead &&
               trace.offset == header_at) {
      replaced = true;
      BOOST_TEST(fake::ok(save_node_state(
          watch.config, {.boot_generation = kOwn + 1, .key = key_of(kBeta, kOwn + 1)})));
    }
  };
  watch.require_panic(watch.wait());
  BOOST_TEST(replaced);
  for (const unsigned lun : {kSecond, kMailbox}) {
    const auto keys = watch.shelf.registrations(lun).keys;
    BOOST_TEST(std::ranges::count(keys, watch.state.key) == 0);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_the_partner_took_while_the_shelf_was_down_is_not_taken_anew) {
  Watch watch;
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(watch.config, watch.state)));
  pb::Label taken = make_label(kSecond, pb::SERVICE, kBeta);
  taken.set_owner_node(kAlpha);
  taken.set_owner_generation(kCrashed);
  plant(watch.shelf, kSecond, taken);
  watch.shelf.lose_power();
  watch.require_panic(watch.wait());
  BOOST_TEST(!watch.shelf.reservation(kSecond).has_value());
  BOOST_TEST(watch.shelf.registrations(kMailbox).keys.empty());
}

// `lastword stop` and `lastword start` ran while the agent watched.
BOOST_AUTO_TEST_CASE(key_and_disks_of_a_start_since_then_are_the_ones_that_count) {
  Watch watch;
  NodeState fresh{.boot_generation = kOwn + 1,
                  .key = key_of(kBeta, kOwn + 1),
                  .mailbox_disks = {uuid_of(kMailbox)},
                  .mailbox_joined = {uuid_of(kMailbox)}};
  watch.state.mailbox_joined.clear();
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(watch.config, watch.state)));
  bool started = false;
  const auto panic_later = watch.watch_command;
  watch.watch_command = [&](const fake::CommandTrace& trace) {
    panic_later(trace);
    if (started || watch.executor.now() < Instant{20'000}) return;
    started = true;
    BOOST_TEST(fake::ok(save_node_state(watch.config, fresh)));
    watch.shelf.lose_power();
  };
  watch.require_panic(watch.wait());
  BOOST_TEST(started);
  const auto keys = watch.shelf.registrations(kMailbox).keys;
  BOOST_TEST(std::ranges::count(keys, fresh.key) == 1);
  BOOST_TEST(std::ranges::count(keys, watch.state.key) == 0);
}

BOOST_AUTO_TEST_CASE(disk_held_by_the_key_before_a_start_is_taken_under_the_new_one) {
  Watch watch;
  watch.note(pb::TakeoverIntent::TAKEN);
  pb::Label taken = make_label(kSpare, pb::SPARE);
  taken.set_owner_node(kBeta);
  taken.set_owner_generation(kOwn);
  taken.set_home_generation(kCrashed);
  watch.give(kSpare, taken);
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(
      watch.config, {.boot_generation = kOwn + 1, .key = key_of(kBeta, kOwn + 1)})));
  BOOST_TEST_REQUIRE(watch.wait().has_value());
  BOOST_TEST(watch.place_of("takeover-resumed") >= 0);
}

BOOST_AUTO_TEST_CASE(intent_that_a_failed_write_left_on_a_mailbox_disk_is_put_right) {
  for (const bool damaged : {false, true}) {
    Watch watch;
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(watch.config, watch.state)));
    watch.note(pb::TakeoverIntent::ENDED);
    if (damaged) {
      damage_slot(watch.shelf, kMailbox, RecordPlace::kMailboxHigh);
    } else {
      pb::MailboxSlot slot;
      slot.set_node(kBeta);
      *slot.mutable_intent() =
          next_intent(std::nullopt, pb::TakeoverIntent::TAKING, kAlpha, kCrashed);
      slot.mutable_intent()->set_number(0);
      plant(watch.shelf, kMailbox, slot, RecordPlace::kMailboxHigh);
    }
    watch.require_panic(watch.wait());
    const pb::MailboxSlot slot = slots_on(watch.shelf, kMailbox)[1];
    BOOST_TEST(slot.intent().phase() == pb::TakeoverIntent::ENDED);
    BOOST_TEST(slot.generation() == kOwn);
    BOOST_TEST((watch.place_of("slot-rewritten") >= 0) == damaged);
  }
}

BOOST_AUTO_TEST_CASE(intent_is_not_ended_while_a_takeover_of_this_node_is_under_way) {
  Watch watch;
  watch.note(pb::TakeoverIntent::TAKING, kCrashed - 1);
  const auto lock = lock_takeover(watch.config);
  BOOST_TEST_REQUIRE(fake::ok(lock));
  watch.require_panic(watch.wait());
  BOOST_TEST(watch.phase() == pb::TakeoverIntent::TAKING);
}

// Surveys until shortly after that time, when somebody orders a look at each of these times.
std::ptrdiff_t surveys_until(milliseconds end, std::vector<milliseconds> orders) {
  Watch watch;
  watch.shelf.clear_trace();
  const Instant began = watch.executor.now();
  const auto passed = [&] { return watch.executor.now() - began; };
  const auto stopped = wait_for_failure(
      watch.config, watch.state, watch.surveyor, watch.work.events,
      {.stop_wanted = [&] { return passed() >= end; },
       .look_wanted =
           [&] { return std::erase_if(orders, [&](auto t) { return t <= passed(); }) > 0; }});
  BOOST_TEST_REQUIRE(stopped.has_value());
  return std::ranges::count_if(watch.shelf.trace(), [](const fake::CommandTrace& trace) {
    return trace.lun == kDump && trace.command == fake::Command::kReadKeys;
  });
}

BOOST_AUTO_TEST_CASE(an_order_to_look_is_followed_at_once_and_only_once) {
  const milliseconds second{1'000};
  BOOST_TEST(surveys_until(3 * second, {}) == 1);
  BOOST_TEST(surveys_until(3 * second, {second}) == 2);
  BOOST_TEST(surveys_until(3 * second, {second, 2 * second}) == 3);
  // The next one of itself is counted from there.
  BOOST_TEST(surveys_until(milliseconds(6'500), {2 * second}) == 2);
  BOOST_TEST(surveys_until(milliseconds(7'500), {2 * second}) == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
