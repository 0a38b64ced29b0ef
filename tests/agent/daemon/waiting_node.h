// beta has rebooted, and alpha has its disks: beta waits. On the fake shelf and a virtual clock.
#pragma once

#include "agent/node/persistent_files.h"
#include "tests/agent/daemon/silence.h"

namespace lastword::test {

// The lives of Panic the other way round: what belongs to alpha there is beta's disk here.
class Waiting : public Silence {
 public:
  Waiting() {
    dies = Instant::max();
    state.waiting = true;
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, kOwn)));
    for (const unsigned lun : {kFirst, kSecond, kSpare, kDump, kArmed}) {
      pb::Label label = label_on(shelf, lun);
      label.set_home_node(kBeta);
      label.set_home_generation(kOwn - 1);
      plant(shelf, lun, label);
      plant(shelf, lun, pb::CoredumpHeader());
    }
  }
  void promise(unsigned lun, std::uint32_t life = kOwn) {
    pb::Label label = label_on(shelf, lun);
    label.set_promised_node(kBeta);
    label.set_promised_generation(life);
    plant(shelf, lun, label);
  }
  [[nodiscard]] TakeoverHands all_hands() {
    TakeoverHands all = hands();
    all.run_hook = [this, run = all.run_hook](const HookInput& input) -> Status {
      if (Status status = run(input); !status) return status;
      if (!hook_fails) return {};
      return fail({.code = Code::kIo, .operation = "hook"});
    };
    all.arm = [this]() -> Status {
      armed_at.push_back(executor.now());
      if (executor.now() < arming_fails_until) return fail({.code = Code::kRefused});
      return {};
    };
    return all;
  }
  // An agent of its own.
  void run_until(Instant end) {
    Heartbeat heartbeat(config, view, executor, work.events, "beta");
    BOOST_TEST(fake::ok(run_agent(
        config, surveyor, work.events, all_hands(),
        {.heartbeat = &heartbeat, .stop_wanted = [this, end] { return executor.now() >= end; }})));
  }
  [[nodiscard]] pb::MailboxSlot slot() { return slots_on(shelf, kMailbox)[1]; }

  std::vector<Instant> armed_at;
  bool hook_fails = false;
  Instant arming_fails_until{};
};

}  // namespace lastword::test
