#include "agent/cli/kept_event.h"

#include "agent/base/executor.h"
#include "agent/cli/command.h"
#include "agent/node/history_log.h"

namespace lastword {

void keep_event(const Config& config, const std::string& program, const Event& event) {
  const auto complain_of_history = [](const Event& told) {
    if (told.name == "history-not-kept") complain("lastword: {}\n", told.detail);
  };
  const HistoryLog history(config, program, real_executor(), complain_of_history);
  history.sink()(event);
  history.wait();
}

}  // namespace lastword
