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
  Fiber()
      : stack(::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (stack == MAP_FAILED) throw std::bad_alloc();
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void* const stack;
  Scheduler* scheduler = nullptr;
  ProcessPtr process;
  Scheduler::Work work;
  Place place;
  std::uint64_t parks = 0;  // goes on over all that it is used for
  bool begun = false;
  bool parked = false;
  bool over = false;
};

namespace {

// Each is kept for the next one: a history makes tens of thousands.
class Fibers {
 public:
  Fiber& get() {
    if (free_.empty()) return *new Fiber;
    Fiber& fiber = *free_.back();
    free_.pop_back();
    return fiber;
  }
  void put_back(Fiber& fiber) {
    fiber.work = nullptr;
    fiber.process.reset();
    fiber.parked = false;
    free_.push_back(&fiber);
  }

 private:
  std::vector<Fiber*> free_;
};

Fibers& fibers() {
  static Fibers& all = *new Fibers;  // for good, as its fibers are
  return all;
}

}  // namespace

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
  works_.clear();
  free_works_.clear();
}

void Scheduler::push(Time when, Kind kind, const Waiter& waiter) {
  events_.push_back(
      {.when = std::max(when, now_), .number = numbers_++, .waiter = waiter, .kind = kind});
  std::push_heap(events_.begin(), events_.end(), later);
}

void Scheduler::at(Time when, Work work) {
  std::size_t place = works_.size();
  if (free_works_.empty()) {
    works_.push_back(std::move(work));
  } else {
    place = free_works_.back();
    free_works_.pop_back();
    works_[place] = std::move(work);
  }
  push(when, Kind::kWork, {.park = place});
}

void Scheduler::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &main_place.stack, &main_place.stack_bytes);
#endif
  Fiber* const fiber = entered;
  try {
    fiber->work();
  } catch (const Killed&) {
  } catch (const std::exception&) {
    fiber->scheduler->thrown_ = std::current_exception();  // run() throws it, on its own stack
  }
  fiber->work = nullptr;
  fiber->over = true;
  switch_between(fiber->place, main_place, true);
}

void Scheduler::spawn(const ProcessPtr& process, Work work) {
  if (process->killed_) return;
  if (process->fibers_.empty()) processes_.push_back(process);
  Fiber& fiber = fibers().get();
  fiber.scheduler = this;
  fiber.process = process;
  fiber.work = std::move(work);
  fiber.place = {.at = {}, .stack = fiber.stack, .stack_bytes = kStackBytes};
  fiber.begun = fiber.over = false;
  fiber.parked = true;
  ++fiber.parks;
  process->fibers_.push_back(&fiber);
  begin_at(fiber.place.at, fiber.stack, kStackBytes, &Scheduler::enter);
  push(now_, Kind::kBegin, {.fiber = &fiber, .park = fiber.parks});
}

void Scheduler::resume(Fiber& fiber) {
  fiber.begun = true;
  fiber.parked = false;
  running_ = entered = &fiber;
  switch_between(main_place, fiber.place, false);
  running_ = entered = nullptr;
  if (!fiber.over) return;
  std::erase(fiber.process->fibers_, &fiber);
  fibers().put_back(fiber);
}

Waiter Scheduler::begin_park(Fiber& fiber) {
  fiber.parked = true;
  ++fiber.parks;
  return {.fiber = &fiber, .park = fiber.parks};
}

Waiter Scheduler::next_park() {
  if (running_ == nullptr) throw std::logic_error("parked outside of a fiber");
  if (running_->process->killed_) throw Killed{};
  return begin_park(*running_);
}

void Scheduler::sleep_here() {
  Fiber& fiber = *running_;
  switch_between(fiber.place, main_place, false);
  if (fiber.process->killed_) throw Killed{};
}

bool Scheduler::on_fiber() noexcept {
  return entered != nullptr;
}

bool Scheduler::nap(Time time) noexcept {
  if (entered == nullptr || entered->process->killed()) return false;
  Scheduler& scheduler = *entered->scheduler;
  scheduler.push(scheduler.now_ + time, Kind::kResume, begin_park(*entered));
  switch_between(entered->place, main_place, false);
  return !entered->process->killed();
}

bool Scheduler::waits(const Waiter& waiter) {
  const Fiber* const fiber = waiter.fiber;
  return fiber != nullptr && fiber->parked && fiber->parks == waiter.park &&
         !fiber->process->killed_;
}

void Scheduler::resume_waiter(const Waiter& waiter) {
  if (!waits(waiter)) return;
  const Time paused_until = waiter.fiber->process->paused_until_;
  if (paused_until > now_) return push(paused_until, Kind::kResume, waiter);
  resume(*waiter.fiber);
}

void Scheduler::wake(const Waiter& waiter) {
  push(now_, Kind::kResume, waiter);
}

void Scheduler::wake_at(Time when, const Waiter& waiter) {
  push(when, Kind::kWake, waiter);
}

void Scheduler::sleep_until(Time when) {
  park([&](const Waiter& waiter) { push(when, Kind::kResume, waiter); });
}

void Scheduler::kill(const ProcessPtr& process) {
  process->killed_ = true;
  if (running_ != nullptr) {
    at(now_, [this, process] { unwind(process); });
  } else {
    unwind(process);
  }
}

void Scheduler::unwind(const ProcessPtr& process) {
  const auto all = process->fibers_;
  for (Fiber* const fiber : all) {
    if (fiber->begun) {
      resume(*fiber);  // to its end
    } else {
      std::erase(process->fibers_, fiber);
      fibers().put_back(*fiber);
    }
  }
}

void Scheduler::happen(const Event& event) {
  switch (event.kind) {
    case Kind::kWork: {
      const std::size_t place = event.waiter.park;
      const Work work = std::exchange(works_[place], nullptr);
      free_works_.push_back(place);
      return work();
    }
    case Kind::kBegin:
      if (waits(event.waiter)) resume(*event.waiter.fiber);
      return;
    case Kind::kResume:
      return resume_waiter(event.waiter);
    case Kind::kWake:
      if (waits(event.waiter)) wake(event.waiter);
      return;
  }
}

void Scheduler::run(Time end, const std::function<bool()>& done) {
  while (!events_.empty() && events_.front().when <= end) {
    std::pop_heap(events_.begin(), events_.end(), later);
    const Event event = events_.back();
    events_.pop_back();
    now_ = event.when;
    ++steps_;
    happen(event);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (done()) return;
  }
  now_ = std::max(now_, end);
}

}  // namespace lastword::sim
