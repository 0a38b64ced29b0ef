#include "agent/daemon/agent_view.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "agent/base/utc.h"
#include "agent/base/utf8.h"
#include "agent/recover/recover_disk.h"

namespace lastword {
namespace {

constexpr std::size_t kMostEventBytes = 1000;

std::uint64_t whole_ms(milliseconds time) {
  return time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
}

void add_path(const PathReport& path, pb::StatusAgent& agent) {
  pb::StatusAgentPath& added = *agent.add_paths();
  added.set_kind(path.kind == PathReport::Kind::kLink ? "link" : "mailbox");
  added.set_name(valid_utf8(path.name));
  added.set_where(valid_utf8(path.where));
  added.set_heard(path.age.has_value());
  if (path.age) added.set_age_ms(whole_ms(*path.age));
  added.set_messages(path.heard);
  added.set_one_way(path.one_way);
  added.set_problem(valid_utf8(path.problem));
  for (const PathReport::Dropped& one : path.dropped) {
    pb::StatusDropped& dropped = *added.add_dropped();
    dropped.set_reason(one.reason);
    dropped.set_count(one.count);
  }
}

}  // namespace

struct AgentView::Memory {
  std::mutex mutex;
  std::string event;
  Instant told{};
  std::string recovering;
  unsigned percent = 0;

  void recovers(const std::string& disk, double part) {
    const std::lock_guard lock(mutex);
    recovering = disk;
    percent = static_cast<unsigned>(part * 100);
  }
};

AgentView::AgentView(const Config& config, const Executor& executor)
    : config_(config),
      executor_(executor),
      began_(executor.now()),
      began_unix_ms_(executor.unix_ms()),
      memory_(std::make_shared<Memory>()) {}

EventSink AgentView::sink(EventSink events) const {
  return [memory = memory_, executor = &executor_, events = std::move(events)](const Event& event) {
    events(event);
    const std::string line = status_after(event).substr(0, kMostEventBytes);
    if (line.empty()) return;
    const std::lock_guard lock(memory->mutex);
    memory->event = valid_utf8(line);
    memory->told = executor->now();
  };
}

RecoverDump AgentView::recover() const {
  return [config = config_, memory = memory_](const DiskView& disk,
                                              const std::function<void()>& on_progress) {
    memory->recovers(disk.info.path, 0);
    auto saved = recover_after_takeover(config, disk, [&](std::uint64_t done, std::uint64_t total) {
      if (total != 0) {
        memory->recovers(disk.info.path,
                         static_cast<double>(std::min(done, total)) / static_cast<double>(total));
      }
      on_progress();
    });
    memory->recovers("", 0);
    return saved;
  };
}

pb::StatusAgent AgentView::snapshot(const Heartbeat& heartbeat,
                                    const std::vector<PathReport>& paths) const {
  const Instant now = executor_.now();
  pb::StatusAgent agent;
  agent.set_state("running");
  agent.set_pid(static_cast<std::uint32_t>(::getpid()));
  agent.set_version(LASTWORD_VERSION);
  agent.set_since(utc_time(began_unix_ms_));
  agent.set_uptime_ms(whole_ms(now - began_));
  agent.set_phase(heartbeat.phase());
  agent.set_partner(std::string(name_of(heartbeat.standing())));
  agent.set_quiet_ms(whole_ms(heartbeat.peer().quiet_for(now)));
  agent.set_silence_ms(whole_ms(heartbeat.peer().silence()));
  agent.set_heartbeat_ms(whole_ms(config_.timing.settings.heartbeat));
  if (const auto& followed = heartbeat.followed()) {
    agent.set_surveyed(true);
    agent.set_survey_age_ms(whole_ms(now - followed->at));
    agent.set_survey_disks(static_cast<std::uint32_t>(followed->disks));
  }
  for (const PathReport& path : paths) add_path(path, agent);
  const std::lock_guard lock(memory_->mutex);
  agent.set_recovering(valid_utf8(memory_->recovering));
  agent.set_recovery_percent(memory_->percent);
  agent.set_last_event(memory_->event);
  if (!memory_->event.empty()) agent.set_last_event_ms(whole_ms(now - memory_->told));
  return agent;
}

}  // namespace lastword
