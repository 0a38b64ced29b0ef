#include "tests/sim/scheduler.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "tests/sim/fiber_place.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace lastword::sim {
namespace {

constexpr std::size_t kStackBytes = 256 << 10;

// Kept for the next fiber: a history makes tens of thousands.
class Stacks {
 public:
  void* get() {
    if (!free_.empty()) {
      void* const stack = free_.back();
      free_.pop_back();
      return stack;
    }
    void* const stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) throw std::bad_alloc();
    return stack;
  }
  void put_back(void* stack) { free_.push_back(stack); }

 private:
  std::vector<void*> free_;
};

Stacks& stacks() {
  static Stacks all;
  return all;
}

struct Place {
  FiberPlace at;
  const void* stack = nullptr;  // for the sanitizer
  std::size_t stack_bytes = 0;
};

// Where run() is, and who was resumed by it.
Place main_place;
Fiber* entered = nullptr;

}  // namespace

struct Fiber {
  Fiber(Scheduler& own_scheduler, ProcessPtr own, Scheduler::Work what)
      : scheduler(&own_scheduler),
        process(std::move(own)),
        work(std::move(what)),
        stack(stacks().get()) {
    place.stack = stack;
    place.stack_bytes = kStackBytes;
  }
  ~Fiber() { stacks().put_back(stack); }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  Scheduler* scheduler;
  ProcessPtr process;
  Scheduler::Work work;
  void* stack;
  Place place;
  std::uint64_t parks = 0;
  bool begun = false;
  bool parked = false;
  bool over = false;
};

namespace {

void switch_between(Place& from, Place& to, [[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_stack, to.stack, to.stack_bytes);
#endif
  switch_places(from.at, to.at);
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
#endif
}

}  // namespace

void Scheduler::end() {
  for (const auto& weak : processes_) {
    const ProcessPtr process = weak.lock();
    if (!process) continue;
    process->killed_ = true;
    unwind(process);
  }
  processes_.clear();
  events_.clear();
}

void Scheduler::at(Time when, Work work) {
  events_.push_back({.when = std::max(when, now_), .number = numbers_++, .work = std::move(work)});
  std::push_heap(events_.begin(), events_.end(), later);
}

void Scheduler::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &main_place.stack, &main_place.stack_bytes);
#endif
  Fiber* const fiber = entered;
  try {
    fiber->work();
  } catch (const Killed&) {
  }
  fiber->work = nullptr;
  fiber->over = true;
  switch_between(fiber->place, main_place, true);
}

void Scheduler::spawn(const ProcessPtr& process, Work work) {
  if (process->killed_) return;
  if (process->fibers_.empty()) processes_.push_back(process);
  const auto fiber = std::make_shared<Fiber>(*this, process, [this, work = std::move(work)] {
    try {
      work();
    } catch (const std::exception&) {
      thrown_ = std::current_exception();  // run() throws it, on its own stack
    }
  });
  process->fibers_.push_back(fiber);
  begin_at(fiber->place.at, fiber->stack, kStackBytes, &Scheduler::enter);
  at(now_, [this, weak = std::weak_ptr(fiber)] {
    const auto begun = weak.lock();
    if (!begun || begun->process->killed_ || begun->begun) return;
    resume(begun);
  });
}

void Scheduler::resume(const std::shared_ptr<Fiber>& fiber) {
  fiber->begun = true;
  fiber->parked = false;
  running_ = fiber;
  entered = fiber.get();
  switch_between(main_place, fiber->place, false);
  entered = nullptr;
  running_.reset();
  if (fiber->over) std::erase(fiber->process->fibers_, fiber);
}

void Scheduler::park(const std::function<void(const Waiter&)>& before) {
  if (!running_) throw std::logic_error("parked outside of a fiber");
  if (running_->process->killed_) throw Killed{};
  park_killable(before);
  if (running_->process->killed_) throw Killed{};
}

void Scheduler::park_killable(const std::function<void(const Waiter&)>& before) {
  Fiber& fiber = *running_;
  fiber.parked = true;
  ++fiber.parks;
  before({.fiber = running_, .park = fiber.parks});
  switch_between(fiber.place, main_place, false);
}

bool Scheduler::on_fiber() noexcept {
  return entered != nullptr;
}

bool Scheduler::nap(Time time) noexcept {
  if (entered == nullptr || entered->process->killed()) return false;
  Scheduler& scheduler = *entered->scheduler;
  scheduler.park_killable([&](const Waiter& waiter) {
    scheduler.after(time, [&scheduler, waiter] { scheduler.resume_waiter(waiter); });
  });
  return !entered->process->killed();
}

bool Scheduler::waits(const Waiter& waiter) {
  const auto fiber = waiter.fiber.lock();
  return fiber && fiber->parked && fiber->parks == waiter.park && !fiber->process->killed_;
}

void Scheduler::resume_waiter(const Waiter& waiter) {
  if (!waits(waiter)) return;
  const auto fiber = waiter.fiber.lock();
  if (fiber->process->paused_until_ > now_) {
    at(fiber->process->paused_until_, [this, waiter] { resume_waiter(waiter); });
    return;
  }
  resume(fiber);
}

void Scheduler::wake(const Waiter& waiter) {
  at(now_, [this, waiter] { resume_waiter(waiter); });
}

void Scheduler::sleep_until(Time when) {
  park([&](const Waiter& waiter) { at(when, [this, waiter] { resume_waiter(waiter); }); });
}

void Scheduler::kill(const ProcessPtr& process) {
  process->killed_ = true;
  if (running_) {
    at(now_, [this, process] { unwind(process); });
  } else {
    unwind(process);
  }
}

void Scheduler::unwind(const ProcessPtr& process) {
  const auto fibers = process->fibers_;
  for (const auto& fiber : fibers) {
    if (fiber->begun && !fiber->over) resume(fiber);
    fiber->work = nullptr;
  }
  process->fibers_.clear();
}

void Scheduler::run(Time end, const std::function<bool()>& done) {
  while (!events_.empty() && events_.front().when <= end) {
    std::pop_heap(events_.begin(), events_.end(), later);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.when;
    ++steps_;
    event.work();
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (done()) return;
  }
  now_ = std::max(now_, end);
}

}  // namespace lastword::sim
