// The seam for time and concurrency (agent/base/executor.h) for one process of one node: its
// threads are fibers, its clock the history's.
#pragma once

#include "agent/base/executor.h"
#include "tests/sim/scheduler.h"

namespace lastword::sim {

class SimExecutor final : public Executor {
 public:
  // `booted`: the clock of a node counts from its boot, so the two nodes' clocks differ.
  // `wall_off_ms`: how far its wall clock is off; outlives this.
  SimExecutor(Scheduler& scheduler, ProcessPtr process, Time booted,
              const std::int64_t& wall_off_ms)
      : scheduler_(scheduler),
        process_(std::move(process)),
        booted_(booted),
        wall_off_ms_(wall_off_ms) {}

  Instant now() const override;
  std::int64_t unix_ms() const override;
  void sleep(milliseconds time) override { scheduler_.sleep(time); }
  void elsewhere(std::function<void()> work) override;
  std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                            std::function<void(std::size_t)> work) override;
  std::unique_ptr<Loop> make_loop() override;

 private:
  Scheduler& scheduler_;
  ProcessPtr process_;
  Time booted_;
  const std::int64_t& wall_off_ms_;
};

}  // namespace lastword::sim
