#include "agent/service/giveback_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/disks/given_disk.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/start_plan.h"
#include "agent/service/ended_service.h"
#include "agent/service/giveback_look.h"
#include "agent/service/giveback_record.h"

namespace lastword {
namespace {

double seconds(milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

class GivebackRun {
  using Uuids = GivebackLook::Uuids;
  using Disks = GivebackLook::Disks;
  using Paths = std::vector<std::string>;

 public:
  GivebackRun(const GivebackWork& work, const GivebackOptions& options, const NodeState& state)
      : work_(work),
        config_(work.config),
        options_(options),
        state_(state),
        self_(own_identity(work.config, state.boot_generation)),
        record_(work, options_, state_),
        look_(work.config, work.surveyor, state.key) {}

  Result<GivebackReport> forecast() {
    if (Status planned = plan(); !planned) return fail(planned.error());
    return forecast_giveback(survey(), config_, state_.key, plan_);
  }

  Result<GivebackReport> run() {
    if (Status planned = plan(); !planned) return fail(planned.error());
    if (record_.is_outdated()) return GivebackReport{};
    const bool resumed = options_.by == GivebackBy::kResumed;
    if (resumed && !is_under_way(record_.intent())) {
      plan_.vetoes = {{.reason = "it was called off, and this node rebooted since"}};
    }
    if (!plan_.vetoes.empty()) return resumed ? cannot_resume() : report();
    if (all_.empty()) return finish();
    if (Status begun = begin(); !begun) return fail(begun.error());
    if (!problem_.empty()) return report();
    if (!plan_.past_return && !give_dumps()) return report();
    if (!end_service()) return report();
    return give_rest();
  }

 private:
  enum class Wait : std::uint8_t { kDone, kTimeOut, kPartnerEnded };

  [[nodiscard]] Executor& executor() const { return work_.surveyor.executor(); }
  [[nodiscard]] Shelf& shelf() const { return work_.surveyor.shelf(); }
  [[nodiscard]] const Survey& survey() const { return look_.survey(); }

  Status plan() {
    look_.believe(options_.to_life);
    if (Status heard = look_.listen(); !heard) return heard;
    record_.read(survey());
    plan_ = plan_giveback(survey(), config_, state_, record_.intent(), look_.word());
    look_.set_life(plan_.life);
    std::erase_if(plan_.vetoes, [&](const Veto& veto) {
      return options_.leave_dump && veto.kind == Veto::Kind::kUnsavedDump;
    });
    dumps_ = look_.uuids_of(plan_.dumps);
    service_ = look_.uuids_of(plan_.service);
    all_ = dumps_;
    all_.insert(all_.end(), service_.begin(), service_.end());
    return {};
  }

  // --- Steps ---

  Status begin() {
    const bool resumed = options_.by == GivebackBy::kResumed;
    work_.events(
        {.name = resumed ? "giveback-resumed" : "giveback-started",
         .disk = {},
         .detail = fmt::format("{} disks to {}, life {}{}", all_.size(), config_.partner.name,
                               plan_.life, record_.is_by_itself() ? ", by itself" : "")});
    if (Status kept = record_.begin(survey(), victim(), plan_.life); !kept) return kept;
    if (!record_.is_counted_safely()) {
      (void)call_off("the count of automatic givebacks is kept in one place only");
    }
    return {};
  }

  // Something stands against going on with a giveback.
  GivebackReport cannot_resume() {
    const Veto& first = plan_.vetoes.front();
    if (!plan_.past_return) {
      (void)call_off(first.remedy.empty() ? first.reason : first.reason + ": " + first.remedy);
      plan_.vetoes.clear();
    }
    return report();
  }

  [[nodiscard]] std::uint32_t victim() const {
    return life_given_back(survey(), config_, record_.intent());
  }

  std::vector<Result<pb::CoredumpHeader>> work_on(const Disks& disks, const DiskWork& work) {
    return work_on_disks(survey(), disks, config_.timing.settings.io_timeout, work, shelf(),
                         executor());
  }

  void promise(const Uuids& uuids) {
    const Disks disks = look_.that_are(uuids, {Whereabouts::kHere});
    if (disks.empty()) return;
    const auto results = work_on(
        disks,
        [self = self_, to = NodeLife{.node = config_.partner.id, .boot_generation = plan_.life}](
            const OwnDisk& disk, std::size_t) -> Result<pb::CoredumpHeader> {
          if (Status promised = promise_disk(disk, self, to); !promised) {
            return fail(promised.error());
          }
          return pb::CoredumpHeader();
        });
    Paths promised;
    for (std::size_t i = 0; i < disks.size(); ++i) {
      const std::string& path = survey().disks[disks[i]].info.path;
      if (results[i]) {
        promised.push_back(path);
      } else if (failed_.insert(path).second) {
        work_.events(
            {.name = "promise-failed", .disk = path, .detail = describe(results[i].error())});
      }
    }
    if (promised.empty()) return;
    work_.events({.name = "disks-promised",
                  .disk = {},
                  .detail = fmt::format("to {}, life {}: {}", config_.partner.name, plan_.life,
                                        fmt::join(promised, " "))});
  }

  // The partner may be quicker: then the disk is its.
  void withdraw_promises() {
    const Disks disks = look_.still_here(all_);
    (void)work_on(disks,
                  [self = self_](const OwnDisk& disk, std::size_t) -> Result<pb::CoredumpHeader> {
                    if (Status kept = withdraw_promise(disk, self); !kept)
                      return fail(kept.error());
                    return pb::CoredumpHeader();
                  });
  }

  void tell_returned() {
    for (const std::size_t disk : look_.that_are(all_, {Whereabouts::kReturned})) {
      const DiskView& view = survey().disks[disk];
      if (!returned_.insert(view.label->disk_uuid()).second) continue;
      work_.events(
          {.name = "disk-returned",
           .disk = view.info.path,
           .detail = fmt::format("{} holds it in life {}", config_.partner.name, plan_.life),
           .disk_uuid = view.label->disk_uuid()});
    }
  }

  Wait hand_over(const Uuids& uuids, milliseconds limit, const std::function<bool()>& done) {
    const Instant end = executor().now() + limit;
    for (;;) {
      tell_returned();
      if (done()) return Wait::kDone;
      if (!look_.why_partner_ended().empty()) return Wait::kPartnerEnded;
      if (executor().now() >= end) return Wait::kTimeOut;
      promise(uuids);
      executor().sleep(kPauseBetweenLooks);
      (void)look_.again();  // a look that fails may succeed the next time
    }
  }

  // True: the service may follow.
  bool give_dumps() {
    const milliseconds limit = config_.timing.giveback_arming();
    const bool armed_first = plan_.can_arm && !options_.unarmed;
    const Wait end = hand_over(dumps_, limit, [&] {
      return look_.are_returned(dumps_) &&
             (!armed_first || partner_is_armed(survey(), config_, plan_.life));
    });
    if (end == Wait::kDone) return true;
    if (end == Wait::kPartnerEnded) return call_off(look_.why_partner_ended());
    const std::string& name = config_.partner.name;
    const Disks left = look_.still_here(dumps_);
    if (!left.empty() && left.size() == dumps_.size()) {
      return call_off(
          fmt::format("{} has taken none of the dump disks in {:g} s; its agent's "
                      "journal says why",
                      name, seconds(limit)));
    }
    if (options_.unarmed) return true;
    if (!look_.are_returned(dumps_)) {
      return call_off(fmt::format("{} has not taken {} in {:g} s; --unarmed goes on without", name,
                                  fmt::join(look_.paths_of(look_.not_returned(dumps_)), " "),
                                  seconds(limit)));
    }
    return call_off(
        fmt::format("{} was not armed in {:g} s: `lastword arm` there says why; "
                    "--unarmed goes on without",
                    name, seconds(limit)));
  }

  // True: nothing on this node serves or uses the service's disks, and all that it wrote is there.
  bool end_service() {
    // The partner would wait for it, and the service of the others stand still on both nodes.
    if (const Uuids hidden = look_.out_of_sight(service_); !hidden.empty()) {
      return call_off(
          fmt::format("a disk of the service does not answer: {}; the service goes on "
                      "here. Give back again when it answers",
                      fmt::join(hidden, " ")));
    }
    const Disks here = look_.that_are(service_, {Whereabouts::kHere});
    const Paths paths = look_.paths_of(here);
    if (paths.empty()) return true;  // promised, all of them
    ended_ = look_.uuids_of(here);
    const HookInput input{.event = "service-returning",
                          .detail = fmt::format("{} disks go back to {}: {}", paths.size(),
                                                config_.partner.name, fmt::join(paths, " ")),
                          .disks = paths};
    work_.events({.name = input.event, .disk = {}, .detail = input.detail});
    service_ended_ = true;
    if (Status forgotten = forget_told(config_, service_); !forgotten) {
      return call_off(describe(forgotten.error()));
    }
    if (Status ended = work_.run_hook(input); !ended) {
      const std::string why = describe(ended.error());
      work_.events({.name = "hook-failed", .disk = {}, .detail = why});
      if (!options_.ignore_hook) {
        return call_off(why + "; --ignore-hook goes on all the same");
      }
    }
    if (Status looked = look_.again(); !looked) return call_off(describe(looked.error()));
    if (std::string why = look_.why_partner_ended(); !why.empty()) return call_off(why);
    return unused_and_written();
  }

  // Otherwise it is called off.
  bool unused_and_written() {
    const Disks disks = look_.that_are(ended_, {Whereabouts::kHere});
    const std::string used =
        what_uses(shelf(), executor(), look_.paths_of(disks), config_.timing.settings.io_timeout);
    if (!used.empty()) return call_off(used);
    if (Status written = write_back(survey(), disks, config_, shelf(), executor()); !written) {
      return call_off(describe(written.error()));
    }
    ended_ = look_.uuids_of(disks);  // what is out of sight now was not looked at
    return true;
  }

  GivebackReport give_rest() {
    const milliseconds limit = config_.timing.giveback_taking();
    // A disk that comes into sight only now is served here yet, for all that anybody knows.
    Uuids given = dumps_;
    given.insert(given.end(), ended_.begin(), ended_.end());
    const Wait end = hand_over(given, limit, [&] { return look_.are_returned(all_); });
    if (end == Wait::kDone) return finish();
    std::string why =
        end == Wait::kPartnerEnded
            ? look_.why_partner_ended()
            : fmt::format("{} has not taken {} in {:g} s", config_.partner.name,
                          fmt::join(look_.paths_of(look_.not_returned(all_)), " "), seconds(limit));
    stop(why +
         "; the service is ended here. `lastword giveback` goes on when it waits again; if it is "
         "dead, `lastword takeover` takes all back, which the agent does by itself after a panic");
    return report();
  }

  // --- Ends ---

  // The disks of the service stay, and are served again. False. Once one of them is promised there
  // is no way back, and this only stops.
  bool call_off(const std::string& why) {
    if (plan_.past_return) return stop(why);
    problem_ = why;
    withdraw_promises();
    (void)look_.again();
    work_.events({.name = "giveback-called-off", .disk = {}, .detail = why});
    // First: as long as the intent tells of a giveback, somebody sees to the service.
    if (service_ended_ || record_.was_under_way()) serve_again();
    // What the partner has got is its own; the rest follows in another giveback.
    const IntentPhase before =
        record_.is_undone() ? pb::TakeoverIntent::TAKING : pb::TakeoverIntent::TAKEN;
    (void)record_.end(survey(), victim(),
                      look_.something_is_gone(victim()) ? pb::TakeoverIntent::RETURNING : before);
    return false;
  }

  void serve_again() {
    const Paths paths = look_.paths_of(look_.still_here(service_));
    const HookInput input{
        .event = "service-taken",
        .detail = fmt::format("{} disks stay here: {}", paths.size(), fmt::join(paths, " ")),
        .disks = paths,
        .new_disks = paths};
    work_.events({.name = input.event, .disk = {}, .detail = input.detail});
    const Status kept =
        add_told(config_, state_.boot_generation, look_.uuids_of(look_.still_here(service_)));
    if (!kept) {
      work_.events({.name = "hook-not-remembered", .disk = {}, .detail = describe(kept.error())});
    }
    if (Status served = work_.run_hook(input); !served) {
      work_.events({.name = "hook-failed", .disk = {}, .detail = describe(served.error())});
      problem_ += "; the service does not run here either: " + describe(served.error());
    }
  }

  bool stop(const std::string& why) {
    problem_ = why;
    work_.events({.name = "giveback-finished", .disk = {}, .detail = "incomplete: " + why});
    return false;
  }

  GivebackReport finish() {
    (void)record_.end(survey(), victim(), pb::TakeoverIntent::ENDED);
    complete_ = true;
    work_.events({.name = "giveback-finished", .disk = {}, .detail = "complete"});
    return report();
  }

  GivebackReport report() {
    return {.disks = giveback_rows(survey(), config_, state_.key, plan_.life),
            .vetoes = objections(survey(), plan_.vetoes),
            .problem = problem_,
            .complete = complete_};
  }

  const GivebackWork& work_;
  const Config& config_;
  GivebackOptions options_;
  NodeState state_;
  OwnerIdentity self_;
  GivebackRecord record_;

  GivebackLook look_;
  GivebackPlan plan_;
  Uuids dumps_;    // that the plan began with
  Uuids service_;  // likewise
  Uuids ended_;    // of those, whose service the hook was to end, and which nothing uses
  Uuids all_;

  std::set<std::string> returned_;  // UUIDs that were told of
  std::set<std::string> failed_;    // paths, likewise
  bool service_ended_ = false;
  std::string problem_;
  bool complete_ = false;
};

}  // namespace

GivebackOptions options_of_resumed(const pb::TakeoverIntent& intent, const NodeState& state) {
  return {.leave_dump = intent.overrides().leave_dump(),
          .ignore_hook = intent.overrides().ignore_hook(),
          .unarmed = intent.overrides().unarmed(),
          .to_life = state.mailbox_disks.empty() ? intent.returned_to() : 0,
          .by = GivebackBy::kResumed,
          .decided_on = intent.number()};
}

Result<GivebackReport> give_back(const GivebackWork& work, const GivebackOptions& options) {
  if (const auto state = load_node_state(work.config); !state) return fail(state.error());
  const auto lock = lock_takeover(work.config);
  if (!lock) return fail(lock.error());
  // `lastword start` may have run meanwhile.
  const auto state = load_node_state(work.config);
  if (!state) return fail(state.error());
  return GivebackRun(work, options, *state).run();
}

Result<GivebackReport> try_giveback(const GivebackWork& work, const GivebackOptions& options) {
  const auto state = load_node_state(work.config);
  if (!state) return fail(state.error());
  return GivebackRun(work, options, *state).forecast();
}

}  // namespace lastword
