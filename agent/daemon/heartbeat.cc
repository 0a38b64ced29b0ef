#include "agent/daemon/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/disks/mailbox_beat.h"
#include "agent/node/state_files.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

std::optional<pb::MailboxSlot> load_seen(const Config& config) {
  const auto seen = load_partner_seen(config);
  return seen ? std::optional(*seen) : std::nullopt;
}

// The device shows another label than that of this disk.
bool is_another_now(const Survey& survey, const std::string& path, const std::string& uuid) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return disk.info.path == path && disk.label && disk.label->disk_uuid() != uuid;
  });
}

// Why no heartbeat follows.
std::string_view reason_of(const pb::MailboxSlot& slot) {
  switch (slot.presence()) {
    case pb::AWAY:
      return "its agent has ended in order";
    case pb::GONE:
      return "`lastword stop` has ended it";
    default:
      return "its agent has not run yet";
  }
}

}  // namespace

std::string machine_id() {
  return read_boot_id().value_or(std::string());
}

struct Heartbeat::Path {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::string disk_uuid;
  bool joined = false;
  std::shared_ptr<OpenDisk> open;
  std::shared_ptr<MailboxBeat> job;  // under way
  std::string told;                  // the problem that was told last
};

Heartbeat::Heartbeat(const Config& config, Shelf& shelf, Executor& executor, EventSink events,
                     std::string machine)
    : config_(config),
      shelf_(shelf),
      executor_(executor),
      events_(std::move(events)),
      machine_(std::move(machine)),
      peer_(config.timing, config.partner.id, load_seen(config), executor.now()),
      // Beyond whatever this life has said on a disk that is not there any more.
      sequence_(static_cast<std::uint64_t>(executor.now().count())) {}

Heartbeat::~Heartbeat() = default;

void Heartbeat::follow(const Look& look, const NodeState& state) {
  state_ = state;
  sees_ = disks_in_reach(look.survey, config_);
  sees_partner_ = partner_disks_in_reach(look.survey, config_);
  peer_.set_paths(state.mailbox_disks.size());
  std::map<std::string, std::unique_ptr<Path>> paths;
  for (const std::string& uuid : state.mailbox_disks) {
    auto known = paths_.extract(uuid);
    const DiskView* disk = find_mailbox(look.survey, config_, uuid);
    if (disk == nullptr) {
      // It may be out of sight for a moment, and what was sent is still under way.
      if (!known.empty() && !is_another_now(look.survey, known.mapped()->info.path, uuid)) {
        paths.insert(std::move(known));
      }
      continue;
    }
    auto path = known.empty() ? std::make_unique<Path>() : std::move(known.mapped());
    if (path->info.path != disk->info.path) path->open.reset();
    path->info = disk->info;
    path->metadata_offset = disk->metadata_offset;
    path->disk_uuid = uuid;
    path->joined = !state.stopped && std::ranges::count(state.mailbox_joined, uuid) != 0;
    paths.emplace(uuid, std::move(path));
  }
  paths_ = std::move(paths);
}

void Heartbeat::tick() {
  const Instant now = executor_.now();
  collect();
  peer_.tick(now);
  tell_standing();
  if (each_tick_) each_tick_();
  if (!state_ || (next_ && now < *next_)) return;
  next_ = now + config_.timing.settings.heartbeat;
  ++sequence_;
  for (auto& [uuid, path] : paths_) {
    if (!path->job) send(*path, pb::WATCHING);
  }
}

void Heartbeat::leave() {
  if (!state_) return;
  ++sequence_;
  const Instant end = executor_.now() + config_.timing.settings.io_timeout;
  std::vector<Path*> open;
  for (auto& [uuid, path] : paths_) {
    if (path->joined) open.push_back(path.get());
  }
  std::vector<bool> sent(open.size());
  const auto busy = [&] {
    collect();
    bool any = false;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!open[i]->job && !sent[i]) {
        send(*open[i], pb::AWAY);
        sent[i] = true;
      }
      any = any || open[i]->job;
    }
    return any;
  };
  while (busy() && executor_.now() < end) {
    if (each_tick_) each_tick_();
    executor_.sleep(kShortWait);
  }
}

void Heartbeat::send(Path& path, pb::Presence presence) {
  auto job = std::make_shared<MailboxBeat>();
  job->info = path.info;
  job->metadata_offset = path.metadata_offset;
  job->disk_uuid = path.disk_uuid;
  job->open = path.open;
  job->writes = path.joined;
  job->writer = slot_writer(config_, state_->boot_generation, state_->mailbox_disks, executor_);
  job->io_timeout = config_.timing.settings.io_timeout;
  job->beat = {
      .sequence = sequence_, .presence = presence, .machine = machine_, .timing = config_.timing};
  job->beat.phase = phase_;
  job->beat.sees = sees_;
  job->beat.sees_partner = sees_partner_;
  job->beat.switches = switches_;
  job->beat.request = request_;
  if (peer_.newest()) {
    job->beat.echo_generation = peer_.newest()->generation();
    job->beat.echo_sequence = peer_.newest()->sequence();
  }
  path.job = job;
  executor_.elsewhere(
      [job, shelf = &shelf_, executor = &executor_] { run_beat(*shelf, *executor, *job); });
}

void Heartbeat::collect() {
  for (auto& [uuid, path] : paths_) {
    if (!path->job || !path->job->done.load(std::memory_order_acquire)) continue;
    if (path->job->back > executor_.now()) continue;
    const auto job = std::exchange(path->job, nullptr);
    path->open = job->open;
    sequence_ = std::max(sequence_, job->written);
    if (job->slot) on_slot(*path, *job->slot, job->asked);
    std::string problem = job->problem ? describe(*job->problem) : std::string();
    if (std::exchange(path->told, problem) == problem || problem.empty()) continue;
    events_({.name = "heartbeat-problem",
             .disk = path->info.path,
             .detail = std::move(problem),
             .disk_uuid = uuid});
  }
}

void Heartbeat::on_slot(const Path& path, const pb::MailboxSlot& slot, Instant asked) {
  const std::uint32_t before = peer_.newest() ? peer_.newest()->generation() : 0;
  const bool first = told_ == Standing::kUnseen;
  if (!peer_.read(path.disk_uuid, slot, asked, executor_.now())) return;
  if (!first && slot.generation() == before) return;
  // An agent that is restarted goes on from here.
  if (const Status kept = save_partner_seen(config_, slot); !kept) {
    events_({.name = "heartbeat-problem", .disk = {}, .detail = describe(kept.error())});
  }
}

void Heartbeat::tell_standing() {
  const Standing now = standing();
  if (std::exchange(told_, now) == now) return;
  const auto tell = [&](std::string name, std::string detail, milliseconds ago = {}) {
    events_({.name = std::move(name), .disk = {}, .detail = std::move(detail), .ago = ago});
  };
  const std::string& name = config_.partner.name;
  switch (now) {
    case Standing::kUnseen:
      return;
    case Standing::kHeard:
      return tell("partner-heard", fmt::format("{}, life {}", name, peer_.newest()->generation()));
    case Standing::kLate:
      return tell("partner-late",
                  fmt::format("{}: no heartbeat for {} ms; it counts as dead after {} ms", name,
                              peer_.quiet_for(executor_.now()).count(), peer_.silence().count()));
    case Standing::kAway:
      return tell("partner-away",
                  fmt::format("{}, life {}: {}; until it is heard only a panic that its capture "
                              "kernel tells of is taken over",
                              name, peer_.newest()->generation(), reason_of(*peer_.newest())));
    case Standing::kSilent:
      return tell(
          "partner-silent",
          fmt::format("{}: no heartbeat for {} ms", name, peer_.quiet_for(executor_.now()).count()),
          peer_.quiet_for(executor_.now()));
  }
}

}  // namespace lastword
