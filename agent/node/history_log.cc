#include "agent/node/history_log.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "agent/node/history_events.h"
#include "agent/node/history_file.h"
#include "agent/node/state_files.h"

namespace lastword {
namespace {

// What waits for an append that hangs; more is lost.
constexpr std::size_t kMostWaiting = kHistoryBytes / 4;
// Otherwise a link that comes and goes would leave no room for takeovers.
constexpr milliseconds kSparse{3'600'000};

}  // namespace

// With the thread that appends.
struct HistoryLog::Shared {
  Append append;
  std::string program;
  std::string boot_id;
  Executor& executor;
  EventSink events;

  std::mutex mutex;
  std::string waiting;  // whole lines
  std::size_t lost = 0;
  bool appending = false;
  std::string told;
  std::map<std::string, Instant> sparse;  // when each was kept last, by name and detail

  // False: the same was kept a short time ago.
  bool is_due(const Event& event);
  static void keep(const std::shared_ptr<Shared>& shared, const Event& event);
  void append_all();
  void tell(const std::string& problem);
};

bool HistoryLog::Shared::is_due(const Event& event) {
  const auto known = history_event(event.name);
  if (!known || !known->sparse) return known.has_value();
  const Instant now = executor.now();
  const std::lock_guard lock(mutex);
  std::erase_if(sparse, [&](const auto& one) { return now - one.second >= kSparse; });
  return sparse.emplace(fmt::format("{} {}", event.name, event.detail), now).second;
}

void HistoryLog::Shared::keep(const std::shared_ptr<Shared>& shared, const Event& event) {
  pb::HistoryLine line;
  line.set_event(event.name);
  line.set_program(shared->program);
  line.set_unix_ms(shared->executor.unix_ms());
  line.set_monotonic_ms(shared->executor.now().count());
  line.set_boot_id(shared->boot_id);
  line.set_disk(event.disk);
  line.set_disk_uuid(event.disk_uuid);
  line.set_detail(event.detail);
  line.set_ago_ms(event.ago.count());
  const std::string text = history_line(std::move(line));
  bool begin = false;
  {
    const std::lock_guard lock(shared->mutex);
    if (shared->waiting.size() + text.size() > kMostWaiting) {
      ++shared->lost;
      return;
    }
    shared->waiting += text;
    begin = !std::exchange(shared->appending, true);
  }
  if (begin) shared->executor.elsewhere([shared] { shared->append_all(); });
}

// Elsewhere; one at a time.
void HistoryLog::Shared::append_all() {
  for (;;) {
    std::string lines;
    std::size_t dropped = 0;
    {
      const std::lock_guard lock(mutex);
      if (waiting.empty()) {
        appending = false;
        return;
      }
      lines = std::exchange(waiting, {});
      dropped = std::exchange(lost, 0);
    }
    const Status kept = append(lines);
    if (!kept) {
      tell(describe(kept.error()));
    } else if (dropped != 0) {
      tell(fmt::format("{} events are lost: the file system did not answer", dropped));
    } else {
      tell({});
    }
  }
}

void HistoryLog::Shared::tell(const std::string& problem) {
  if (std::exchange(told, problem) == problem || problem.empty()) return;
  events({.name = "history-not-kept",
          .disk = {},
          .detail = problem + "; `lastword history` misses what happens until it can be written"});
}

HistoryLog::HistoryLog(const Config& config, std::string program, Executor& executor,
                       EventSink events)
    : HistoryLog([config](std::string_view lines) { return append_history(config, lines); },
                 std::move(program), read_boot_id().value_or(std::string()), executor,
                 std::move(events)) {}

HistoryLog::HistoryLog(Append append, std::string program, std::string boot_id, Executor& executor,
                       EventSink events)
    : shared_(new Shared{.append = std::move(append),
                         .program = std::move(program),
                         .boot_id = std::move(boot_id),
                         .executor = executor,
                         .events = std::move(events)}) {}

EventSink HistoryLog::sink() const {
  return [shared = shared_](const Event& event) {
    shared->events(event);
    if (shared->is_due(event)) Shared::keep(shared, event);
  };
}

void HistoryLog::wait(milliseconds most) const {
  const Instant end = shared_->executor.now() + most;
  for (;;) {
    {
      const std::lock_guard lock(shared_->mutex);
      if (!shared_->appending) return;
    }
    if (shared_->executor.now() >= end) return;
    shared_->executor.sleep(milliseconds(1));
  }
}

}  // namespace lastword
