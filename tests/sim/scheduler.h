// Fibers on one virtual clock: the threads of both nodes, in one real thread.
//
// A fiber runs until it parks; then the event that is due next happens, and the clock jumps to it.
// Of two events at one time the one that was asked for first comes first. All chance is in the
// times that are asked for, so one seed gives one history.
//
// A fiber belongs to a process. A process that is killed loses its fibers where they are parked:
// park() throws Killed there, and whatever the fiber had on its stack is destroyed, as descriptors
// and locks of a real process are. Memory that a fiber shares with the others stays.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/random.h"

namespace lastword::sim {

// Ends a fiber. Not an std::exception: nobody but the scheduler catches it.
struct Killed {};

struct Fiber;

class Process {
 public:
  explicit Process(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool killed() const { return killed_; }
  // None of its fibers goes on before.
  void pause_until(Time time) { paused_until_ = time; }

 private:
  friend class Scheduler;
  std::string name_;
  bool killed_ = false;
  Time paused_until_{0};
  std::vector<Fiber*> fibers_;
};
using ProcessPtr = std::shared_ptr<Process>;

// A fiber that is parked, this time. A fiber that is over is kept for the next one, which never
// parks under a number of the former: a waiter may outlive whom it meant.
struct Waiter {
  Fiber* fiber = nullptr;
  std::uint64_t park = 0;
};

class Scheduler {
 public:
  using Work = std::function<void()>;

  Scheduler() = default;
  ~Scheduler() { end(); }
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  // On no fiber: `work` must not park.
  void at(Time when, Work work);
  void after(Time delay, Work work) { at(now_ + delay, std::move(work)); }
  // A new fiber. In a process that was killed: nothing.
  void spawn(const ProcessPtr& process, Work work);
  // Kills every process; nothing happens any more.
  void end();
  // From anywhere; a fiber that kills its own process goes on until it parks.
  void kill(const ProcessPtr& process);

  // On a fiber: `before` is given the waiter, then the fiber sleeps until wake() with it.
  template <class Before>
  void park(const Before& before) {
    before(next_park());
    sleep_here();
  }
  void wake(const Waiter& waiter);
  void wake_at(Time when, const Waiter& waiter);
  // Still parked there?
  [[nodiscard]] static bool waits(const Waiter& waiter);
  void sleep_until(Time when);
  // The caller is one.
  [[nodiscard]] static bool on_fiber() noexcept;
  // For code that nothing may be thrown through: lets the present fiber sleep; false: it was
  // killed, or there is none.
  [[nodiscard]] static bool nap(Time time) noexcept;
  void sleep(Time time) { sleep_until(now_ + time); }

  // Until the clock reads `end`, or `done` holds after some event.
  void run(Time end, const std::function<bool()>& done);

 private:
  enum class Kind : std::uint8_t { kWork, kBegin, kResume, kWake };
  // Moved around in the heap: so small, and its work apart.
  struct Event {
    Time when{};
    std::uint64_t number = 0;
    Waiter waiter;  // of kWork: its place in works_ instead
    Kind kind = Kind::kWork;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  void push(Time when, Kind kind, const Waiter& waiter);
  void happen(const Event& event);
  static void enter();
  // Of the running fiber, which is not killed; or throws.
  [[nodiscard]] Waiter next_park();
  void sleep_here();
  [[nodiscard]] static Waiter begin_park(Fiber& fiber);
  void resume(Fiber& fiber);
  void resume_waiter(const Waiter& waiter);
  void unwind(const ProcessPtr& process);

  std::vector<Event> events_;  // a heap
  std::vector<Work> works_;
  std::vector<std::size_t> free_works_;
  std::uint64_t numbers_ = 0;
  std::uint64_t steps_ = 0;
  Time now_{0};
  Fiber* running_ = nullptr;
  std::vector<std::weak_ptr<Process>> processes_;
  std::exception_ptr thrown_;
};

}  // namespace lastword::sim
