#include "agent/daemon/pulsing_executor.h"

#include <algorithm>
#include <future>
#include <memory>

namespace lastword {

PulsingExecutor& PulsingExecutor::make(Executor& inner, std::function<void()> pulse) {
  // Reachable for good, as a leak checker wants it.
  static auto* const all = new std::vector<std::unique_ptr<PulsingExecutor>>;
  all->push_back(std::unique_ptr<PulsingExecutor>(new PulsingExecutor(inner, std::move(pulse))));
  return *all->back();
}

void PulsingExecutor::sleep(milliseconds time) {
  if (!is_owner()) return inner_.sleep(time);
  const Instant end = now() + time;
  for (;;) {
    pulse_();
    const milliseconds left = end - now();
    if (left <= milliseconds{0}) return;
    inner_.sleep(std::min(left, kPollInterval));
  }
}

std::vector<bool> PulsingExecutor::fan_out(std::size_t count, milliseconds timeout,
                                           std::function<void(std::size_t)> work) {
  if (!is_owner()) return inner_.fan_out(count, timeout, std::move(work));
  const auto done = std::make_shared<std::vector<bool>>();
  during([inner = &inner_, done, count, timeout, work = std::move(work)] {
    *done = inner->fan_out(count, timeout, work);
  });
  return *done;
}

void PulsingExecutor::during(std::function<void()> work) {
  const auto done = std::make_shared<std::promise<void>>();
  auto end = done->get_future();
  inner_.elsewhere([done, work = std::move(work)] {
    work();
    done->set_value();
  });
  // Woken at its end: a takeover does not wait for the next pulse.
  do {
    pulse_();
  } while (end.wait_for(kPollInterval) != std::future_status::ready);
}

}  // namespace lastword
