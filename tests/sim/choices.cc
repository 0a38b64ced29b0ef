#include "tests/sim/choices.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <new>
#include <sstream>
#include <stdexcept>

#include "tests/sim/digest.h"
#include "tests/sim/seen_states.h"

namespace lastword::sim {

using Clock = std::chrono::steady_clock;
using Count = std::atomic<std::uint64_t>;

struct SharedSearch {
  Clock::time_point end;
  Count runs;
  Count merged;
  Count vain;
  Count points;
  Count states;
  Count steps;
  Count longest;
  Count left;
  std::atomic<unsigned> workers;  // processes that do not wait for a child of theirs
  unsigned most_workers;
  std::atomic<bool> incomplete;
  std::atomic<bool> broken;
  std::array<char, 600> what;
  std::array<char, 400> choices;
  SeenStates seen;

  void break_with(const std::string& problem, const ChoiceList& list) {
    if (broken.exchange(true)) return;
    const std::string text = to_string(list);
    std::copy_n(problem.begin(), std::min(problem.size(), what.size() - 1), what.begin());
    std::copy_n(text.begin(), std::min(text.size(), choices.size() - 1), choices.begin());
  }
};

namespace {

// In memory that children share, all zero.
class SharedMemory {
 public:
  SharedMemory()
      : memory_(::mmap(nullptr, sizeof(SharedSearch), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~SharedMemory() { ::munmap(memory_, sizeof(SharedSearch)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  [[nodiscard]] SharedSearch& get() const { return *static_cast<SharedSearch*>(memory_); }

 private:
  void* memory_;
};

// A test framework that handles the end of a child would take its own way out of a run, or out of
// waitpid().
class ChildrenEndUnheard {
 public:
  ChildrenEndUnheard() {
    struct sigaction unheard {};
    unheard.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &unheard, &before_);
  }
  ~ChildrenEndUnheard() { ::sigaction(SIGCHLD, &before_, nullptr); }
  ChildrenEndUnheard(const ChildrenEndUnheard&) = delete;
  ChildrenEndUnheard& operator=(const ChildrenEndUnheard&) = delete;

 private:
  struct sigaction before_ {};
};

// The children of this process that have not been waited for, with what they were told to try.
struct Child {
  ::pid_t pid;
  ChoiceList list;
};
std::vector<Child>& children() {
  static std::vector<Child> all;
  return all;
}
// This process has a place among the workers that it gives back at its end.
bool is_worker = false;

void judge(SharedSearch& search, int status, const ChoiceList& list) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  search.break_with(fmt::format("the process of a run has crashed, status {}", status), list);
}

// Absent: it has not ended, and was not waited for.
std::optional<int> status_of(::pid_t pid, int flags) {
  int status = 0;
  ::pid_t ended = 0;
  do {
    ended = ::waitpid(pid, &status, flags);
  } while (ended < 0 && errno == EINTR);
  if (ended == pid) return status;
  return {};
}

// Of those that run beside this process: all, or those that have ended by now.
void wait_for_children(SharedSearch& search, bool all) {
  std::erase_if(children(), [&](const Child& child) {
    const auto status = status_of(child.pid, all ? 0 : WNOHANG);
    if (status) judge(search, *status, child.list);
    return status.has_value();
  });
}

[[noreturn]] void end_process(SharedSearch& search) {
  if (is_worker) --search.workers;
  wait_for_children(search, true);
  ::_exit(0);
}

bool becomes_worker(SharedSearch& search) {
  unsigned now = search.workers;
  while (now < search.most_workers) {
    if (search.workers.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

// True: this is the child. Otherwise its parent, when the child has ended; or at once, where there
// is a place for one more that works.
bool forks_child(SharedSearch& search, const ChoiceList& list) {
  wait_for_children(search, false);
  const bool beside = becomes_worker(search);
  const ::pid_t parent = ::getpid();
  const ::pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) {
    // No run outlives the search, however that ends.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    children().clear();
    is_worker = beside;
    return true;
  }
  if (beside) {
    children().push_back({.pid = pid, .list = list});
    return false;
  }
  if (const auto status = status_of(pid, 0)) judge(search, *status, list);
  return false;
}

}  // namespace

std::string to_string(const ChoiceList& list) {
  std::string text;
  for (const auto& [point, index] : list) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", point, index);
  }
  return text.empty() ? "none" : text;
}

std::optional<ChoiceList> parse_choices(const std::string& text) {
  ChoiceList list;
  if (text == "none") return list;
  std::istringstream all(text);
  for (std::string one; std::getline(all, one, ',');) {
    std::istringstream pair(one);
    std::uint64_t point = 0;
    unsigned index = 0;
    char colon = 0;
    if (!(pair >> point >> colon >> index) || colon != ':' || !(pair >> std::ws).eof()) return {};
    list.emplace_back(point, index);
  }
  return list;
}

Choices::Choices(SharedSearch& search, const Bound& bound) : search_(&search), left_(bound) {}

Choices::Choices(ChoiceList list, std::function<void(const std::string&)> tell)
    : to_follow_(std::move(list)), tell_(std::move(tell)) {}

bool Choices::may(const Option& option) const {
  if (option.kind == Deviation::kSame) return true;
  if (left_.deviations == 0) return false;
  if (option.kind == Deviation::kCrash) return left_.crashes > 0;
  return option.kind != Deviation::kLost || left_.losses > 0;
}

void Choices::take(std::uint64_t point, unsigned index, const Option& option) {
  taken_.emplace_back(point, index);
  if (option.kind == Deviation::kSame) return;
  --left_.deviations;
  if (option.kind == Deviation::kCrash) --left_.crashes;
  if (option.kind == Deviation::kLost) --left_.losses;
}

std::uint64_t Choices::with_left(std::uint64_t state) const {
  if (left_.deviations == 0) return mix(state, 0);
  return mix(state, left_.deviations << 8 | left_.crashes << 4 | left_.losses);
}

void Choices::end_if_seen(std::uint64_t state) {
  if (!searches()) return;
  const bool is_new = search_->seen.insert(with_left(state));
  if (is_new) ++search_->states;
  if (is_new || taken_.empty()) return;
  ++search_->merged;
  end_process(*search_);
}

void Choices::end_as_vain() {
  if (!searches()) return;
  ++search_->vain;
  end_process(*search_);
}

std::optional<unsigned> Choices::choose(const std::vector<Option>& options, std::uint64_t state) {
  const std::uint64_t point = points_++;
  if (!searches()) {
    const auto found =
        std::ranges::find(to_follow_, point, &std::pair<std::uint64_t, unsigned>::first);
    if (found == to_follow_.end() || found->second >= options.size()) return {};
    tell_(fmt::format("CHOICE {}:{} {}", point, found->second, options[found->second].what));
    taken_.push_back(*found);
    return found->second;
  }
  if (search_->broken) end_process(*search_);
  ++search_->points;
  end_if_seen(state);
  for (unsigned i = 0; i < options.size(); ++i) {
    if (!may(options[i])) continue;
    if (Clock::now() >= search_->end) {
      search_->incomplete = true;
      break;
    }
    ChoiceList with = taken_;
    with.emplace_back(point, i);
    if (forks_child(*search_, with)) {
      take(point, i, options[i]);
      return i;
    }
    if (search_->broken) end_process(*search_);
  }
  return {};
}

SearchFigures search(const Bound& bound, const std::function<RunEnd(Choices&)>& run) {
  const SharedMemory memory;
  const ChildrenEndUnheard unheard;
  SharedSearch& all = memory.get();
  all.end = Clock::now() + bound.limit;
  // The one of the undisturbed run is waited for.
  all.workers = 1;
  all.most_workers = 1;
  if (forks_child(all, {})) {
    is_worker = true;
    all.most_workers = std::max(1U, bound.workers);
    Choices choices(all, bound);
    try {
      const RunEnd end = run(choices);
      ++all.runs;
      all.steps += end.steps;
      all.left += end.left ? 1 : 0;
      std::uint64_t longest = all.longest;
      while (choices.points() > longest &&
             !all.longest.compare_exchange_weak(longest, choices.points())) {
      }
      if (end.broken) all.break_with(*end.broken, choices.taken());
    } catch (const std::exception& error) {
      all.break_with(error.what(), choices.taken());
    }
    end_process(all);
  }
  SearchFigures figures{.runs = all.runs,
                        .merged = all.merged,
                        .vain = all.vain,
                        .points = all.points,
                        .states = all.states,
                        .steps = all.steps,
                        .longest = all.longest,
                        .left = all.left,
                        .complete = !all.incomplete && !all.broken};
  if (all.broken) {
    figures.broken = all.what.data();
    figures.choices = parse_choices(all.choices.data()).value_or(ChoiceList());
  }
  return figures;
}

}  // namespace lastword::sim
