// Operators have forbidden to take over: the agent holds back, says so once, and acts when it may.
#include "agent/node/switches_file.h"
#include "agent/protocol/switches.h"
#include "tests/agent/daemon/silence.h"

namespace lastword::test {
namespace {

struct Held : Silence {
  // beta's operator, on its own machine.
  void set(OperatorSwitch which, const Switch& asked) {
    const auto before = load_switches(config).value_or(pb::Switches());
    BOOST_TEST_REQUIRE(fake::ok(save_switches(config, next_switches(before, which, asked))));
  }
  void alpha_panics_at(Instant time) {
    dies = time;
    dump_ends = time + milliseconds(30'000);
    each_second = [this, time] {
      if (executor.now() >= time && header_on(shelf, kDump).attribute() == pb::INACTIVE) {
        put_header(kDump, pb::IN_PROGRESS);
      }
    };
  }
  [[nodiscard]] std::int64_t unix_ms_at(Instant time) const {
    return executor.unix_ms() - executor.now().count() + time.count();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(held_back, Held)

BOOST_AUTO_TEST_CASE(proven_panic_is_held_back_and_told_once) {
  set(OperatorSwitch::kDisable, {.on = true});
  alpha_panics_at(Instant{60'000});
  ends = Instant{120'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(times_told("takeover-held-back") == 1);
  BOOST_TEST(told("alpha has panicked, and is not taken over: takeover is switched off here"));
  BOOST_TEST(told("`lastword enable` here"));
  BOOST_TEST(!told("takeover-started"));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(panic_is_acted_on_when_the_switch_expires) {
  const Instant expires{90'000};
  set(OperatorSwitch::kDisable, {.on = true, .until_unix_ms = unix_ms_at(expires)});
  alpha_panics_at(Instant{60'000});
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(time_of("partner-panicked") >= expires);
  BOOST_TEST(time_of("partner-panicked") <= expires + milliseconds(1000));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(panic_is_acted_on_when_the_switch_is_taken_back) {
  set(OperatorSwitch::kDisable, {.on = true});
  alpha_panics_at(Instant{60'000});
  each_second = [this, panics = each_second] {
    panics();
    const auto now = load_switches(config);
    if (executor.now() >= Instant{80'000} && now->disable().on()) {
      set(OperatorSwitch::kDisable, {});
    }
  };
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(time_of("partner-panicked") >= Instant{80'000});
  BOOST_TEST(time_of("partner-panicked") <= Instant{87'000});
}

BOOST_AUTO_TEST_CASE(partner_that_must_not_be_taken_over_is_left_alone) {
  beat.switches = next_switches({}, OperatorSwitch::kNoTakeover, {.on = true});
  alpha_panics_at(Instant{60'000});
  ends = Instant{120'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("NO_TAKEOVER"));
  BOOST_TEST(!told("takeover-started"));
}

BOOST_AUTO_TEST_CASE(no_takeover_is_about_the_node_that_set_it) {
  set(OperatorSwitch::kNoTakeover, {.on = true});
  alpha_panics_at(Instant{60'000});
  BOOST_TEST(fake::ok(watch()));
  BOOST_TEST(!told("takeover-held-back"));
}

BOOST_AUTO_TEST_CASE(silence_is_held_back_and_acted_on_later) {
  const Instant expires{150'000};
  beat.switches = next_switches({}, OperatorSwitch::kNoTakeover,
                                {.on = true, .until_unix_ms = unix_ms_at(expires)});
  BOOST_TEST_REQUIRE(fake::ok(watch()));
  BOOST_TEST(told("alpha is silent, and is not taken over"));
  BOOST_TEST(time_of("takeover-announced") >= expires);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(operator_who_sees_the_announcement_can_stop_it) {
  each_second = [this] {
    if (told("takeover-announced") && !load_switches(config)) {
      set(OperatorSwitch::kDisable, {.on = true});
    }
  };
  const auto report = watch();
  BOOST_TEST_REQUIRE(fake::fails(report, Code::kRefused));
  BOOST_TEST(describe(report.error()).find("called off: takeover is switched off here") !=
             std::string::npos);
  BOOST_TEST(!told("takeover-started"));
  BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

// The agent's survey is older than that.
BOOST_AUTO_TEST_CASE(order_that_came_a_moment_ago_counts_when_the_disks_are_looked_at_again) {
  work.events = [this, tell = work.events](const Event& event) {
    tell(event);
    if (event.name == "partner-silent") set(OperatorSwitch::kDisable, {.on = true});
  };
  ends = Instant{150'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("takeover-held-back"));
  BOOST_TEST(!told("takeover-announced"));
}

BOOST_AUTO_TEST_CASE(order_of_an_operator_overrides) {
  set(OperatorSwitch::kDisable, {.on = true});
  put_header(kDump, pb::COMPLETED);
  BOOST_TEST_REQUIRE(fake::ok(take_over_now(config, surveyor, work.events, hands())));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
}

BOOST_AUTO_TEST_CASE(heartbeats_carry_the_switches_and_one_copy_is_enough) {
  dies = Instant::max();
  set(OperatorSwitch::kDisable, {.on = true});
  ends = Instant{20'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  Medium medium(shelf, kMailbox);
  RecordIo records(medium, kMetadataOffset);
  pb::MailboxSlot slot;
  BOOST_TEST_REQUIRE(fake::ok(records.read(RecordPlace::kMailboxHigh, slot)));
  BOOST_TEST(slot.switches().disable().on());
  // The file is gone, as after a new installation.
  std::filesystem::remove(config.persistent_directory + "/switches-2");
  alpha_panics_at(Instant{30'000});
  ends = Instant{60'000};
  BOOST_CHECK_THROW((void)watch(), StillWatching);
  BOOST_TEST(told("takeover-held-back"));
  BOOST_TEST(!told("takeover-started"));
}

BOOST_AUTO_TEST_CASE(file_that_cannot_be_read_is_told_and_holds_nothing) {
  set(OperatorSwitch::kDisable, {.on = true});
  std::ofstream(config.persistent_directory + "/switches-2") << "{";
  alpha_panics_at(Instant{60'000});
  BOOST_TEST(fake::ok(watch()));
  BOOST_TEST(times_told("switches-not-read") == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
