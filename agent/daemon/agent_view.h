// What the agent can say of itself at any moment, for its control socket: gathered as it goes, so
// that nothing is read or waited for when somebody asks.
#pragma once

#include <memory>
#include <vector>

#include "agent/base/executor.h"
#include "agent/daemon/heartbeat.h"
#include "agent/daemon/service_manager.h"
#include "agent/node/event.h"
#include "agent/protocol/config.h"
#include "agent/protocol/path_report.h"
#include "agent/records/status.pb.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

class AgentView {
 public:
  // The agent begins now. Both outlive this.
  AgentView(const Config& config, const Executor& executor);

  // Passes events on, and remembers the newest that says what the agent does (status_after()).
  [[nodiscard]] EventSink sink(EventSink events) const;
  // Saves a dump as recover_after_takeover() does, and remembers how far it is.
  [[nodiscard]] RecoverDump recover() const;

  [[nodiscard]] pb::StatusAgent snapshot(const Heartbeat& heartbeat,
                                         const std::vector<PathReport>& paths = {}) const;

 private:
  struct Memory;

  const Config& config_;
  const Executor& executor_;
  Instant began_;
  std::int64_t began_unix_ms_;
  // Shared with threads that may hang and outlive this.
  std::shared_ptr<Memory> memory_;
};

}  // namespace lastword
