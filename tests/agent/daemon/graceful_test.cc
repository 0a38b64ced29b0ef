// `lastword takeover --graceful` on beta, while beta's agent and alpha are played by hand: on the
// fake shelf and a virtual clock.
#include "agent/daemon/graceful_run.h"
#include "tests/agent/daemon/silence.h"

namespace lastword::test {
namespace {

class Graceful : public Silence {
 public:
  Graceful() {
    dies = Instant::max();
    beat.phase = pb::PHASE_PAIRED;
    alpha_beats();
    each_second = [this] { act(); };
  }
  Result<GracefulReport> run(milliseconds countdown = milliseconds(30'000)) {
    const GracefulWork graceful{
        .config = config,
        .surveyor = surveyor,
        .events =
            [this](const Event& event) {
              if (event.name == "takeover-forced") withdrawn_first = !load_request(config);
              work.events(event);
            },
        .hands = hands(),
        .stop_wanted = [this] { return executor.now() >= stops; },
        .on_countdown = [this](milliseconds left) { shown.push_back(left); }};
    return take_over_gracefully(graceful, countdown);
  }
  [[nodiscard]] bool asks() const { return load_request(config).has_value(); }

  bool agent_runs = true;
  bool withdrawn_first = false;
  Instant leaves = Instant::max();  // alpha; beta's agent takes its disks then
  Instant stops = Instant::max();
  std::vector<milliseconds> shown;
  std::function<void()> also = [] {};

 private:
  void act() {
    also();
    if (agent_runs) {
      pb::MailboxSlot slot = slots_on(shelf, kMailbox)[1];
      slot.set_node(kBeta);
      slot.set_generation(kOwn);
      const auto open = load_request(config);
      *slot.mutable_request() = open ? open->request() : pb::LeaveRequest();
      plant(shelf, kMailbox, slot, RecordPlace::kMailboxHigh);
    }
    if (executor.now() < leaves || holder(kFirst) == kBeta) return;
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
      (void)beta.lun(lun)->register_ignoring_existing(state.key, false);
      (void)beta.lun(lun)->preempt_and_abort(state.key, key_of(kAlpha, kCrashed), kOwnerType);
      pb::Label label = label_on(shelf, lun);
      label.set_owner_node(kBeta);
      label.set_owner_generation(kOwn);
      plant(shelf, lun, label);
    }
    BOOST_TEST_REQUIRE(fake::ok(save_intent(
        config, next_intent(std::nullopt, pb::TakeoverIntent::TAKEN, kAlpha, kCrashed))));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(graceful, Graceful)

BOOST_AUTO_TEST_CASE(partner_that_leaves_is_taken_by_the_agent) {
  leaves = Instant{15'000};
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->end == GracefulEnd::kTaken));
  BOOST_TEST(report->takeover.complete);
  BOOST_TEST(report->takeover.disks.size() == 5U);
  BOOST_TEST(told("takeover-asked"));
  BOOST_TEST(!told("takeover-forced"));
  BOOST_TEST(!asks());
  BOOST_TEST_REQUIRE(!shown.empty());
  BOOST_TEST((shown.front() <= milliseconds(30'000) && shown.back() < shown.front()));
}

BOOST_AUTO_TEST_CASE(partner_that_does_not_leave_in_time_is_taken_by_force) {
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->end == GracefulEnd::kForced));
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kBeta});
  BOOST_TEST(withdrawn_first);
  BOOST_TEST(time_of("takeover-forced") >= time_of("takeover-asked") + milliseconds(30'000));
}

BOOST_AUTO_TEST_CASE(operator_cancels_it) {
  stops = Instant{20'000};
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->end == GracefulEnd::kCancelled));
  BOOST_TEST(!asks());
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_where_the_partner_could_not_be_taken_over) {
  each_second = [this] { BOOST_TEST(!asks()); };
  state.mailbox_disks = {uuid_of(kMailbox), "a", "b"};
  BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->end == GracefulEnd::kRefused));
  BOOST_TEST(!report->takeover.obstacles.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_of_a_partner_whose_agent_does_not_run) {
  beat.presence = pb::AWAY;
  each_second = [this] { BOOST_TEST(!asks()); };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST((report->end == GracefulEnd::kRefused));
  BOOST_TEST(!report->takeover.obstacles.empty());
}

BOOST_AUTO_TEST_CASE(agent_here_that_does_not_run_is_an_error_with_its_remedy) {
  agent_runs = false;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::fails(report, Code::kRefused));
  BOOST_TEST(describe(report.error()).find("systemctl start lastword-agent") != std::string::npos);
  BOOST_TEST(!asks());
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_CASE(life_that_was_not_asked_is_left_alone) {
  also = [this] {
    if (executor.now() >= Instant{15'000}) member.self.boot_generation = kCrashed + 1;
  };
  BOOST_TEST(fake::fails(run(), Code::kRefused));
  BOOST_TEST(!asks());
  BOOST_TEST(unsigned{holder(kFirst)} == unsigned{kAlpha});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
