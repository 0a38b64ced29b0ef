#include "agent/daemon/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/disks/mailbox_beat.h"
#include "agent/node/state_files.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

std::optional<pb::MailboxSlot> newest_of(const pb::PartnerSeen& seen) {
  return seen.has_newest() ? std::optional(seen.newest()) : std::nullopt;
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

std::string what_silence_means(const PeerWatch& peer, bool has_mailbox_disks) {
  if (!has_mailbox_disks) {
    return fmt::format("it counts as dead after {} ms, where there are mailbox disks",
                       peer.silence().count());
  }
  if (!peer.counts_silence()) {
    return "no mailbox disk has shown a heartbeat of that life, so that its silence is not acted "
           "on: look at its mailbox disks; when you are sure that it is dead, `lastword takeover`";
  }
  return fmt::format("it counts as dead after {} ms", peer.silence().count());
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
  Instant sent{};                    // it
  MailboxTrouble trouble;
};

Heartbeat::Heartbeat(const Config& config, Shelf& shelf, Executor& executor, EventSink events,
                     std::string machine)
    : config_(config),
      shelf_(shelf),
      executor_(executor),
      events_(std::move(events)),
      machine_(std::move(machine)),
      seen_(load_partner_seen(config).value_or(pb::PartnerSeen())),
      peer_(config.timing, config.partner.id, newest_of(seen_), executor.now()),
      // Beyond whatever this life has said on a disk that is not there any more.
      sequence_(static_cast<std::uint64_t>(executor.now().count())) {}

Heartbeat::~Heartbeat() = default;

void Heartbeat::follow(const Look& look, const NodeState& state) {
  state_ = state;
  followed_ = Followed{.at = executor_.now(), .disks = look.survey.disks.size()};
  sees_ = disks_in_reach(look.survey, config_);
  sees_partner_ = partner_disks_in_reach(look.survey, config_);
  peer_.set_paths(state.mailbox_disks.size());
  peer_.speak_as(state.boot_generation, sequence_);
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
  if (ended_ || std::exchange(ticking_, true)) return;
  turn();
  ticking_ = false;
}

void Heartbeat::turn() {
  const Instant now = executor_.now();
  collect();
  if (links_) links_->receive(peer_, now);
  peer_.tick(now);
  keep_set();
  tell_standing();
  if (each_tick_) each_tick_();
  if (!state_ || (next_ && now < *next_)) return;
  next_ = now + config_.timing.settings.heartbeat;
  tell_deaf(now);
  ++sequence_;
  const Beat next = beat(pb::WATCHING);
  for (auto& [uuid, path] : paths_) {
    if (!path->job) send(*path, next);
  }
  send_by_links(next);
}

void Heartbeat::leave() {
  ended_ = true;
  if (!state_) return;
  ++sequence_;
  const Beat last = beat(pb::AWAY);
  send_by_links(last);
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
        send(*open[i], last);
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
  // Once more: a datagram may be lost.
  ++sequence_;
  send_by_links(beat(pb::AWAY));
}

Beat Heartbeat::beat(pb::Presence presence) const {
  Beat beat{
      .sequence = sequence_, .presence = presence, .machine = machine_, .timing = config_.timing};
  beat.phase = phase_;
  beat.sees = sees_;
  beat.sees_partner = sees_partner_;
  beat.switches = switches_;
  beat.request = request_;
  if (peer_.newest()) {
    beat.echo_generation = peer_.newest()->generation();
    beat.echo_sequence = peer_.newest()->sequence();
  }
  return beat;
}

// The same rules as on a disk: a life that was ended, or is another machine's too, says nothing
// more.
void Heartbeat::send_by_links(const Beat& beat) {
  if (!links_ || state_->stopped) return;
  const MailboxMember member =
      mailbox_member(config_, state_->boot_generation, state_->mailbox_disks);
  const auto slot = slot_with_beat(own_slot_, member, beat);
  if (slot) links_->send(*slot, peer_);
}

void Heartbeat::send(Path& path, const Beat& beat) {
  auto job = std::make_shared<MailboxBeat>();
  job->info = path.info;
  job->metadata_offset = path.metadata_offset;
  job->disk_uuid = path.disk_uuid;
  job->open = path.open;
  job->writes = path.joined;
  job->writer = slot_writer(config_, state_->boot_generation, state_->mailbox_disks, executor_);
  job->io_timeout = config_.timing.settings.io_timeout;
  job->beat = beat;
  path.job = job;
  path.sent = executor_.now();
  executor_.elsewhere(
      [job, shelf = &shelf_, executor = &executor_] { run_beat(*shelf, *executor, *job); });
}

void Heartbeat::collect() {
  for (auto& [uuid, path] : paths_) {
    if (!path->job) continue;
    const bool done = path->job->done.load(std::memory_order_acquire);
    if (!done || path->job->back > executor_.now()) {
      tell_trouble(*path, path->trouble.still_out(executor_.now() - path->sent, path->info.path,
                                                  config_.timing));
      continue;
    }
    const auto job = std::exchange(path->job, nullptr);
    path->open = job->open;
    sequence_ = std::max(sequence_, job->written);
    if (job->own && is_newer(*job->own, own_slot_)) own_slot_ = *job->own;
    if (job->slot) on_slot(*path, *job->slot, job->asked);
    tell_trouble(*path, path->trouble.came_back(job->problem));
  }
}

void Heartbeat::tell_trouble(const Path& path, MailboxTrouble::News news) {
  if (news == MailboxTrouble::News::kNothing) return;
  const bool over = news == MailboxTrouble::News::kOver;
  events_({.name = over ? "heartbeat-works" : "heartbeat-problem",
           .disk = path.info.path,
           .detail = over ? "the mailbox disk is written and read again" : path.trouble.problem(),
           .disk_uuid = path.disk_uuid});
}

void Heartbeat::on_slot(const Path& path, const pb::MailboxSlot& slot, Instant asked) {
  const std::uint32_t before = peer_.life_on_disks();
  const bool heard = peer_.read(path.disk_uuid, slot, asked, executor_.now());
  tell_went_back(path, slot);
  if (!heard) return;
  if (peer_.life_on_disks() == before) return;
  // An agent that is restarted goes on from here.
  *seen_.mutable_newest() = slot;
  keep_seen();
}

// What was believed stays believed. So the partner may seem silent there.
void Heartbeat::tell_went_back(const Path& path, const pb::MailboxSlot& slot) {
  const PeerWatch::Ear& ear = *peer_.disk(path.disk_uuid);
  if (ear.back != PeerWatch::kWentBack) return;
  events_(
      {.name = "slot-went-back",
       .disk = path.info.path,
       .detail = fmt::format(
           "{}'s slot tells of life {}, heartbeat {}, and told of life {}, heartbeat {} before: "
           "it is ignored until it tells of more. Was the disk restored from a copy, or does "
           "another machine write as {}? `systemctl restart lastword-agent` there begins beyond "
           "what was told",
           config_.partner.name, slot.generation(), slot.sequence(), ear.newest.generation,
           ear.newest.sequence, config_.partner.name),
       .disk_uuid = path.disk_uuid});
}

// An order asks by it whether this node misses mailbox disks.
void Heartbeat::keep_set() {
  if (standing() == Standing::kUnseen || standing() == Standing::kExpected) return;
  const std::uint64_t set = peer_.newest()->mailbox_set();
  if (set == 0 || set == seen_.mailbox_set()) return;
  seen_.set_mailbox_set(set);
  keep_seen();
}

void Heartbeat::keep_seen() {
  if (const Status kept = save_partner_seen(config_, seen_); !kept) {
    events_({.name = "heartbeat-problem", .disk = {}, .detail = describe(kept.error())});
  }
}

std::vector<PathReport> Heartbeat::paths() const {
  const Instant now = executor_.now();
  std::vector<PathReport> reports;
  for (const auto& [uuid, path] : paths_) {
    PathReport report{.name = uuid, .where = path->info.path, .problem = path->trouble.problem()};
    if (const PeerWatch::Ear* ear = peer_.disk(uuid)) {
      if (ear->heard_at) report.age = now - *ear->heard_at;
      report.heard = ear->heard;
    }
    reports.push_back(std::move(report));
  }
  if (!links_) return reports;
  for (PathReport& report : links_->reports(peer_, now)) reports.push_back(std::move(report));
  return reports;
}

// Of a partner that this node is taking over nothing more is expected, although its last heartbeat
// may be young: it panicked a moment ago.
bool Heartbeat::expects_to_hear() const {
  return standing() == Standing::kHeard && phase_ != pb::PHASE_ARBITRATING &&
         phase_ != pb::PHASE_TAKING;
}

// The partner is heard, and what it says shows that it does not hear this node.
void Heartbeat::tell_deaf(Instant now) {
  const bool sends =
      !state_->stopped &&
      (links_ || std::ranges::any_of(paths_, [](const auto& one) { return one.second->joined; }));
  const bool deaf = sends && expects_to_hear() && 2 * peer_.unanswered_for(now) >= peer_.silence();
  if (std::exchange(told_deaf_, deaf) == deaf || !deaf) return;
  events_({.name = "partner-deaf",
           .disk = {},
           .detail = fmt::format("{} lives and does not hear this node on any path: it may take "
                                 "over; look at its mailbox disks and links",
                                 config_.partner.name)});
}

void Heartbeat::tell_standing() {
  if (links_) links_->tell(expects_to_hear(), executor_.now());
  const Standing now = standing();
  if (std::exchange(told_, now) == now) return;
  const auto tell = [&](std::string name, std::string detail, milliseconds ago = {}) {
    events_({.name = std::move(name), .disk = {}, .detail = std::move(detail), .ago = ago});
  };
  const std::string& name = config_.partner.name;
  const bool has_mailbox_disks = !state_ || !state_->mailbox_disks.empty();
  switch (now) {
    case Standing::kUnseen:
    case Standing::kExpected:
      return;
    case Standing::kHeard:
      return tell("partner-heard", fmt::format("{}, life {}", name, peer_.newest()->generation()));
    case Standing::kLate:
      return tell("partner-late", fmt::format("{}: no heartbeat for {} ms; {}", name,
                                              peer_.quiet_for(executor_.now()).count(),
                                              what_silence_means(peer_, has_mailbox_disks)));
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
