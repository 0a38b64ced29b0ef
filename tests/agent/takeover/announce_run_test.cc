// The driver of announcements where its hook comes late: on a virtual clock.
#include "agent/takeover/announce_run.h"

#include "tests/agent/takeover/panic.h"

namespace lastword::test {
namespace {

// What is to run elsewhere waits until the test runs it, as a thread does that a disk holds up.
class HeldUpExecutor final : public Executor {
 public:
  [[nodiscard]] Instant now() const override { return clock_.now(); }
  [[nodiscard]] std::int64_t unix_ms() const override { return clock_.unix_ms(); }
  void sleep(milliseconds time) override { clock_.sleep(time); }
  void elsewhere(std::function<void()> work) override { held_up.push_back(std::move(work)); }
  std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                            std::function<void(std::size_t)> work) override {
    return clock_.fan_out(count, timeout, std::move(work));
  }
  std::unique_ptr<Loop> make_loop() override { return clock_.make_loop(); }

  std::vector<std::function<void()>> held_up;

 private:
  VirtualExecutor clock_;
};

struct Announcing {
  TestFolder folder;
  Config config = [this] {
    Config made = cluster_config();
    made.state_directory = folder.file("run");
    return made;
  }();
  fake::FakeShelf shelf{{.luns = 2, .power_on_attention = false}};
  FakeNodeShelf view{shelf.connect("beta"), 2};
  HeldUpExecutor executor;
  Surveyor surveyor{config, view, executor};
  NodeState state{.boot_generation = 7};
  std::vector<std::string> events;
  unsigned hooks = 0;
  milliseconds hook_takes{0};
  TakeoverWork work{.config = config,
                    .state = state,
                    .surveyor = surveyor,
                    .events = [this](const Event& event) { events.push_back(event.name); },
                    .run_hook = [this](const HookInput&) -> Status {
                      ++hooks;
                      executor.sleep(hook_takes);
                      return {};
                    },
                    .recover = {}};
  std::unique_ptr<Loop> loop = executor.make_loop();
  AnnounceRun announcements{work, *loop, 1};

  void hold_first() {
    announcements.expect(path_of(0), uuid_of(0));
    announcements.held({path_of(0)});
    BOOST_TEST_REQUIRE(executor.held_up.size() == 1U);
  }

  // Of another agent, after this one.
  unsigned hooks_after_interruption(std::uint32_t victim) {
    const unsigned before = hooks;
    const auto its_loop = executor.make_loop();
    AnnounceRun later(work, *its_loop, victim);
    executor.held_up.clear();
    later.expect(path_of(0), uuid_of(0));
    later.held({path_of(0)});
    for (const auto& hook : executor.held_up) hook();
    its_loop->run_until([&] { return later.over(); });
    return hooks - before;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(announce_run, Announcing)

BOOST_AUTO_TEST_CASE(hook_runs_once_nothing_holds_it_up) {
  hold_first();
  executor.held_up[0]();
  loop->run_until([this] { return announcements.over(); });
  BOOST_TEST(hooks == 1U);
  BOOST_TEST(!announcements.hook_failed());
}

// It may take as long as the hook, which has its own time after that; and it may fail.
BOOST_AUTO_TEST_CASE(pending_work_is_resumed_before_the_hook_and_takes_nothing_of_its_time) {
  const milliseconds most = Timing::service_hook_given_up(config.hooks.timeout);
  unsigned resumed = 0;
  work.resume = [&](const HookInput& input) -> Status {
    BOOST_TEST(hooks == 0U);
    BOOST_TEST(input.event == "resume");
    BOOST_TEST(input.new_disks.size() == 1U);
    ++resumed;
    executor.sleep(most - milliseconds(1000));
    return fail({.code = Code::kIo, .operation = "hook resume"});
  };
  hook_takes = most - milliseconds(1000);
  hold_first();
  executor.held_up[0]();
  loop->run_until([this] { return announcements.over(); });
  BOOST_TEST(resumed == 1U);
  BOOST_TEST(hooks == 1U);
  BOOST_TEST(!announcements.hook_failed());
  BOOST_TEST(std::ranges::count(events, "hook-failed") == 1);
}

// Another hook of the service was at work, which had nearly all of its time yet.
BOOST_AUTO_TEST_CASE(hook_that_waits_for_its_turn_is_not_given_up) {
  hook_takes = 2 * config.hooks.timeout - milliseconds(1000);
  hold_first();
  executor.held_up[0]();
  loop->run_until([this] { return announcements.over(); });
  BOOST_TEST(hooks == 1U);
  BOOST_TEST(!announcements.hook_failed());
}

// The next one may be at work by then, and the service's scripts are not made for two at once.
BOOST_AUTO_TEST_CASE(hook_that_was_given_up_before_it_ran_does_not_run) {
  hold_first();
  loop->run_until([this] { return announcements.over(); });
  BOOST_TEST((executor.now() >= Timing::service_hook_given_up(config.hooks.timeout)));
  BOOST_TEST(announcements.hook_failed());
  BOOST_TEST(events.back() == "hook-failed");
  executor.held_up[0]();
  BOOST_TEST(hooks == 0U);
}

BOOST_AUTO_TEST_CASE(hook_that_has_ended_well_does_not_run_again_in_that_takeover) {
  BOOST_TEST(hooks_after_interruption(1) == 1U);
  BOOST_TEST(hooks_after_interruption(1) == 0U);
  BOOST_TEST(hooks_after_interruption(2) == 1U);
}

BOOST_AUTO_TEST_CASE(disks_that_a_hook_was_told_of_are_kept_whatever_came_of_it) {
  hold_first();
  const auto told = load_announced(config);
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->told_size() == 1 && told->told(0) == uuid_of(0)));
  BOOST_TEST(told->disks_size() == 0);
  BOOST_TEST(hooks_after_interruption(2) == 1U);
  BOOST_TEST(forget_acknowledged(config).has_value());
  const auto after = load_announced(config);
  BOOST_TEST_REQUIRE(after.has_value());
  BOOST_TEST((after->told_size() == 1 && after->disks_size() == 0));
  BOOST_TEST(add_told(config, state.boot_generation, {uuid_of(1)}).has_value());
  BOOST_TEST(forget_told(config, {uuid_of(0)}).has_value());
  const auto left = load_announced(config);
  BOOST_TEST_REQUIRE(left.has_value());
  BOOST_TEST((left->told_size() == 1 && left->told(0) == uuid_of(1)));
}

BOOST_AUTO_TEST_CASE(what_a_hook_was_told_of_in_an_earlier_life_of_this_boot_stays_known) {
  BOOST_TEST(hooks_after_interruption(2) == 1U);
  pb::AnnouncedService told = load_announced(config).value_or(pb::AnnouncedService());
  told.add_told(uuid_of(5));
  BOOST_TEST_REQUIRE(fake::ok(save_announced(config, told)));
  state.boot_generation = 8;
  BOOST_TEST(hooks_after_interruption(2) == 1U);
  const auto after = load_announced(config);
  BOOST_TEST_REQUIRE(after.has_value());
  BOOST_TEST(std::ranges::count(after->told(), uuid_of(5)) == 1);
}

BOOST_AUTO_TEST_CASE(hook_that_has_ended_well_runs_again_in_another_life_and_by_an_order) {
  BOOST_TEST(hooks_after_interruption(1) == 1U);
  state.boot_generation = 8;
  BOOST_TEST(hooks_after_interruption(1) == 1U);
  BOOST_TEST(hooks_after_interruption(1) == 0U);
  BOOST_TEST(forget_acknowledged(config).has_value());
  BOOST_TEST(hooks_after_interruption(1) == 1U);
}

BOOST_AUTO_TEST_CASE(hook_that_has_failed_runs_again) {
  work.run_hook = [this](const HookInput&) -> Status {
    ++hooks;
    return fail({.code = Code::kIo, .operation = "hook"});
  };
  BOOST_TEST(hooks_after_interruption(1) == 1U);
  BOOST_TEST(hooks_after_interruption(1) == 1U);
}

BOOST_AUTO_TEST_CASE(hook_after_one_that_was_given_up_runs) {
  hold_first();
  loop->run_until([this] { return announcements.over(); });
  announcements.expect(path_of(1), uuid_of(1));
  announcements.held({path_of(1)});
  BOOST_TEST_REQUIRE(executor.held_up.size() == 2U);
  executor.held_up[0]();
  executor.held_up[1]();
  BOOST_TEST(hooks == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
