#include "agent/service/handover_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/disks/intent_log.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/start_plan.h"
#include "agent/service/ended_service.h"
#include "agent/service/partner_look.h"

namespace lastword {
namespace {

struct HandoverLocks {
  std::optional<FileDescriptor> state;     // lock_state()
  std::optional<FileDescriptor> takeover;  // lock_takeover()
};

class HandoverRun {
  using Disks = PartnerLook::Disks;
  using Paths = std::vector<std::string>;

 public:
  // `locks`: let go of where this ends without the disks being left.
  HandoverRun(const HandoverWork& work, HandoverOptions options, const NodeState& state,
              HandoverLocks locks)
      : work_(work),
        config_(work.config),
        options_(std::move(options)),
        state_(state),
        locks_(std::move(locks)),
        look_(work.config, work.surveyor) {}

  Result<HandoverReport> forecast() {
    if (Status planned = plan(); !planned) return fail(planned.error());
    return forecast_handover(survey(), config_, state_, plan_);
  }

  Result<HandoverReport> run() {
    if (state_.handed_over) {
      if (Status looked = look_.again(); !looked) return fail(looked.error());
      uuids_ = look_.uuids_of(own_disks(survey(), config_));
      return say_and_wait();
    }
    if (Status planned = plan(); !planned) return fail(planned.error());
    if (!plan_.vetoes.empty()) return report();
    if (Status ended = end_announcement(); !ended) return fail(ended.error());
    uuids_ = look_.uuids_of(plan_.own);
    service_ = look_.paths_of(plan_.service);
    tell("handover-started",
         fmt::format("{} disks to {}, life {}", uuids_.size(), config_.partner.name, plan_.life));
    if (!end_service() || !disarm() || !leave()) return report();
    return say_and_wait();
  }

 private:
  [[nodiscard]] Executor& executor() const { return work_.surveyor.executor(); }
  [[nodiscard]] Shelf& shelf() const { return work_.surveyor.shelf(); }
  [[nodiscard]] const Survey& survey() const { return look_.survey(); }

  void tell(std::string name, std::string detail, std::string disk = {}) const {
    work_.events({.name = std::move(name), .disk = std::move(disk), .detail = std::move(detail)});
  }

  Status plan() {
    if (Status heard = look_.listen(); !heard) return heard;
    make_plan();
    return {};
  }

  void make_plan() {
    const KnownIntent known = read_intent(config_, survey());
    for (const Error& problem : known.problems) work_.events(intent_not_kept(problem));
    NodeState judged = state_;
    judged.unannounced &= !options_.ignore_hook;
    plan_ = plan_handover(survey(), config_, judged, known.intent, look_.word());
    look_.set_life(plan_.life);
  }

  // What has come in the way since the plan was made; empty: nothing.
  std::string why_not() {
    const std::uint32_t life = plan_.life;
    if (Status looked = look_.again(); !looked) return describe(looked.error());
    if (std::string why = look_.why_partner_ended(); !why.empty()) return why;
    const auto& slot = look_.word().slot;
    if (!options_.request.empty() && (!slot || slot->request().id() != options_.request)) {
      return fmt::format("{} does not ask for it any more", config_.partner.name);
    }
    make_plan();
    if (plan_.life != life) {
      return fmt::format("{} has begun another life, {}", config_.partner.name, plan_.life);
    }
    if (look_.uuids_of(plan_.own) != uuids_) return "other disks of this node are in sight now";
    if (plan_.vetoes.empty()) return {};
    const GivebackReport::Objection first = objections(survey(), plan_.vetoes).front();
    return first.disk.empty() ? first.reason : first.disk + ": " + first.reason;
  }

  // No agent runs the hook service-returned any more, in the midst of this.
  Status end_announcement() {
    if (!state_.unannounced) return {};
    state_.unannounced = false;
    return save_node_state(config_, state_);
  }

  // --- Steps; false: it was called off ---

  bool end_service() {
    if (std::string why = why_not(); !why.empty()) return call_off(why);
    if (service_.empty()) return true;
    const HookInput input{.event = "service-leaving",
                          .detail = fmt::format("{} disks are left to {}: {}", service_.size(),
                                                config_.partner.name, fmt::join(service_, " ")),
                          .disks = service_};
    tell(input.event, input.detail);
    service_ended_ = true;
    // The hook may last. A takeover from a partner that fails meanwhile does not wait for it.
    locks_.takeover.reset();
    if (Status ended = work_.run_hook(input); !ended) {
      const std::string why = describe(ended.error());
      tell("hook-failed", why);
      if (!options_.ignore_hook) return call_off(why + "; --ignore-hook goes on all the same");
    }
    if (std::string why = why_no_lock(); !why.empty()) return call_off(why);
    if (std::string why = why_not(); !why.empty()) return call_off(why);
    const std::string used =
        what_uses(shelf(), executor(), service_, config_.timing.settings.io_timeout);
    if (!used.empty()) return call_off(used);
    const Status written = write_back(survey(), plan_.service, config_, shelf(), executor());
    return written || call_off(describe(written.error()));
  }

  // Takes lock_takeover() again; empty: it is held. Others hold it for a look only, or for a
  // takeover that shows by then.
  std::string why_no_lock() {
    const Instant end = executor().now() + config_.timing.peer_silence();
    for (;;) {
      auto lock = lock_takeover(config_);
      if (lock) {
        locks_.takeover = std::move(*lock);
        return {};
      }
      if (lock.error().code != Code::kRefused || executor().now() >= end) {
        return describe(lock.error());
      }
      if (std::string why = why_not(); !why.empty()) return why;
      executor().sleep(kPauseBetweenLooks);
    }
  }

  // Headers that say ARMED would keep the partner waiting for a dump.
  bool disarm() {
    was_disarmed_ = true;
    const auto left = work_.disarm(state_, survey());
    if (!left) return call_off("still armed: " + describe(left.error()));
    for (const Error& one : *left) {
      tell("still-armed", describe(one), std::string(one.disk.view()));
    }
    return true;
  }

  bool leave() {
    if (std::string why = why_not(); !why.empty()) return call_off(why);
    NodeState left = state_;
    left.handed_over = true;
    const Status saved = save_node_state(config_, left);
    // Also where the file is there, and only its directory could not be synced.
    if (!saved && load_node_state(config_)) return call_off(describe(saved.error()));
    state_ = left;
    return true;
  }

  // --- After the point of no return ---

  void say() {
    Disks disks;
    for (std::size_t i = 0; i < survey().disks.size(); ++i) {
      const DiskView& disk = survey().disks[i];
      if (!is_mailbox_disk(disk, config_) || !is_registered(disk, state_.key)) continue;
      const std::string& uuid = disk.label->disk_uuid();
      if (said_.contains(uuid) || disks_with_uuid(survey(), config_, uuid).size() > 1) continue;
      disks.push_back(i);
    }
    const SlotWriter writer =
        slot_writer(config_, state_.boot_generation, state_.mailbox_disks, executor());
    const auto results = work_on_disks(
        survey(), disks, config_.timing.settings.io_timeout,
        [writer, sequence = next_sequence()](const OwnDisk& disk,
                                             std::size_t) -> Result<pb::CoredumpHeader> {
          const Status said = say_handed_over({disk.device, disk.metadata_offset, disk.disk_uuid},
                                              writer, sequence);
          if (!said) return fail(said.error());
          return pb::CoredumpHeader();
        },
        shelf(), executor());
    for (std::size_t i = 0; i < disks.size(); ++i) {
      const DiskView& disk = survey().disks[disks[i]];
      if (results[i]) {
        said_.insert(disk.label->disk_uuid());
      } else if (told_.insert(disk.info.path).second) {
        tell("handover-not-told", describe(results[i].error()), disk.info.path);
      }
    }
  }

  // Beyond what any disk has: the partner goes by the newest of this node's slots.
  [[nodiscard]] std::uint64_t next_sequence() const {
    std::uint64_t newest = 0;
    for (const DiskView& disk : survey().disks) {
      if (!is_mailbox_disk(disk, config_)) continue;
      for (const pb::MailboxSlot& slot : disk.mailbox) {
        if (slot.node() == config_.self.id && slot.generation() == state_.boot_generation) {
          newest = std::max(newest, slot.sequence());
        }
      }
    }
    return newest + 1;
  }

  [[nodiscard]] std::size_t count_left() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(own_disks(survey(), config_), [&](std::size_t index) {
          const DiskView& disk = survey().disks[index];
          return partner_owns_and_holds(disk, config_) &&
                 std::ranges::count(uuids_, disk.label->disk_uuid()) != 0;
        }));
  }

  HandoverReport say_and_wait() {
    const milliseconds limit = config_.timing.handover_taking();
    const Instant end = executor().now() + limit;
    say();
    while (count_left() < uuids_.size()) {
      const auto& slot = look_.word().slot;
      if (slot && slot->phase() == pb::PHASE_HANDED_OVER) {
        return stop(fmt::format("{} has left its disks too", config_.partner.name));
      }
      if (executor().now() >= end) {
        return stop(fmt::format("{} has taken {} of {} disks in {:g} s", config_.partner.name,
                                count_left(), uuids_.size(),
                                static_cast<double>(limit.count()) / 1000));
      }
      executor().sleep(kPauseBetweenLooks);
      (void)look_.again();  // a look that fails may succeed the next time
      if (2 * said_.size() <= state_.mailbox_disks.size()) say();
    }
    tell("handed-over", fmt::format("{} has all {} disks", config_.partner.name, uuids_.size()));
    complete_ = true;
    return report();
  }

  // --- Ends ---

  bool call_off(const std::string& why) {
    problem_ = why;
    locks_ = {};
    tell("handover-called-off", why);
    lastword::serve_again(work_, service_ended_ ? service_ : Paths(), was_disarmed_);
    return false;
  }

  HandoverReport stop(const std::string& why) {
    problem_ = why;
    problem_ +=
        count_left() == 0
            ? "; this node serves no more: the agent there takes the disks when it runs, "
              "or `lastword start` here takes them again, in a new life"
            : fmt::format("; the rest is for {}: `lastword takeover` there", config_.partner.name);
    tell("handover-finished", "incomplete: " + problem_);
    return report();
  }

  HandoverReport report() {
    return {.disks = handover_rows(survey(), config_),
            .vetoes = objections(survey(), problem_.empty() ? plan_.vetoes : std::vector<Veto>()),
            .problem = problem_,
            .complete = complete_};
  }

  const HandoverWork& work_;
  const Config& config_;
  HandoverOptions options_;
  NodeState state_;
  HandoverLocks locks_;

  PartnerLook look_;
  HandoverPlan plan_;
  std::vector<std::string> uuids_;  // of this node's disks, that the plan began with
  Paths service_;
  std::set<std::string> said_;  // UUIDs of mailbox disks that have it
  std::set<std::string> told_;  // paths of those that could not be written
  bool service_ended_ = false;
  bool was_disarmed_ = false;
  std::string problem_;
  bool complete_ = false;
};

// One that has left, too.
Result<NodeState> life_that_leaves(const Config& config) {
  auto state = load_last_life(config);
  if (state && state->stopped) return load_node_state(config);
  return state;
}

}  // namespace

void serve_again(const HandoverWork& work, const std::vector<std::string>& paths, bool was_armed) {
  if (!paths.empty()) {
    const HookInput input{
        .event = "service-returned",
        .detail = fmt::format("{} disks stay here: {}", paths.size(), fmt::join(paths, " ")),
        .disks = paths,
        .new_disks = paths};
    work.events({.name = input.event, .disk = {}, .detail = input.detail});
    if (Status served = work.run_hook(input); !served) {
      work.events({.name = "hook-failed", .disk = {}, .detail = describe(served.error())});
    }
  }
  if (!was_armed) return;
  const Status armed = work.arm();
  work.events({.name = armed ? "armed" : "not-armed",
               .disk = {},
               .detail = armed ? "a crash of this node would be dumped"
                               : describe(armed.error()) + "; `lastword arm`"});
}

Result<HandoverReport> hand_over(const HandoverWork& work, const HandoverOptions& options) {
  auto state_lock = lock_state(work.config);
  if (!state_lock) return fail(state_lock.error());
  auto lock = lock_takeover(work.config);
  if (!lock) return fail(lock.error());
  const auto state = life_that_leaves(work.config);
  if (!state) return fail(state.error());
  HandoverLocks locks;
  locks.state = std::move(*state_lock);
  locks.takeover = std::move(*lock);
  return HandoverRun(work, options, *state, std::move(locks)).run();
}

Result<HandoverReport> try_handover(const HandoverWork& work) {
  const auto state = load_node_state(work.config);
  if (!state) return fail(state.error());
  return HandoverRun(work, {}, *state, {}).forecast();
}

}  // namespace lastword
