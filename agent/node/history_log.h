// Keeps events as they are told, beside what goes on: a file system that hangs, is full or is not
// there costs the history, and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/base/executor.h"
#include "agent/node/event.h"
#include "agent/protocol/config.h"

namespace lastword {

class HistoryLog {
 public:
  // Appends whole lines; tests have another one.
  using Append = std::function<Status(std::string_view lines)>;

  // `program`: the name of the command that keeps them. `events` owns what it needs: an append that
  // hangs may outlive this. The executor outlives both.
  HistoryLog(const Config& config, std::string program, Executor& executor, EventSink events);
  HistoryLog(Append append, std::string program, std::string boot_id, Executor& executor,
             EventSink events);

  // Tells `events`, and keeps those of history_events.h. Returns at once. Event history-not-kept:
  // these lines are lost; told once, until it works again or fails otherwise. The result owns what
  // it needs.
  [[nodiscard]] EventSink sink() const;
  // Returns when all is kept, or after `most`.
  void wait(milliseconds most = kHistoryWait) const;

 private:
  static constexpr milliseconds kHistoryWait{1000};
  struct Shared;

  std::shared_ptr<Shared> shared_;
};

}  // namespace lastword
