#include "agent/daemon/failure_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/daemon/graceful_run.h"
#include "agent/daemon/take_anew.h"
#include "agent/disks/header_watch.h"
#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/switches.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {
namespace {

// Disks come, go, and are armed anew.
constexpr milliseconds kSurveyInterval{5000};

class FailureWatch {
 public:
  FailureWatch(const Config& config, const NodeState& state, Surveyor& surveyor,
               const EventSink& events, const AgentWatch& more)
      : config_(config),
        state_(state),
        surveyor_(surveyor),
        events_(events),
        more_(more),
        loop_(surveyor.executor().make_loop()),
        take_anew_(config, surveyor, events, *loop_),
        receive_(config, surveyor, events, more.receive, *loop_),
        leave_(config, surveyor, events, more.leave, *loop_),
        return_(config, surveyor, events, more.give_back, *loop_),
        began_(surveyor.executor().now()) {}

  Result<std::optional<Failure>> run() {
    survey();
    listen();
    loop_->run_until([this] { return end_.has_value(); });
    return std::move(*end_);
  }

 private:
  struct Seen {
    Look look;
    KnownIntent intent;
    KnownSwitches switches;
    pb::LeaveRequest request;  // to the partner
    Result<NodeState> state;   // this node's, as of that look
  };

  // Elsewhere, since a sick disk can hold a survey up.
  void survey() {
    run_elsewhere<Result<Seen>>(
        surveyor_.executor(), *loop_,
        [surveyor = surveyor_, config = &config_]() mutable -> Result<Seen> {
          auto look = surveyor.look();
          if (!look) return fail(look.error());
          KnownIntent intent = read_intent(*config, look->survey);
          KnownSwitches switches = read_switches(*config, look->survey);
          return Seen{.look = std::move(*look),
                      .intent = std::move(intent),
                      .switches = std::move(switches),
                      .request = open_request(*config, surveyor.executor().now()),
                      .state = load_last_life(*config)};
        },
        [this](Result<Seen> seen) {
          // A look at headers that is under way names disks by their index in the present survey:
          // a new survey waits for its end.
          if (looking_) {
            waiting_ = std::move(seen);
          } else {
            on_survey(std::move(seen));
          }
          // The giver's service stands still meanwhile.
          const bool urgent = state_.waiting || state_.unannounced;
          loop_->after(urgent ? kWaitingLook : kSurveyInterval, [this] { survey(); });
        });
  }

  void on_survey(Result<Seen> fresh) {
    if (!fresh) {
      end_ = fail(fresh.error());
      return;
    }
    keep_newer_headers(fresh->look.survey, look_.survey);
    look_ = std::move(fresh->look);
    // `lastword start` may have run anew: under another key, or with more mailbox disks.
    alive_ = fresh->state && !fresh->state->stopped && !fresh->state->handed_over;
    if (fresh->state) state_ = *fresh->state;
    if (!fresh->state) note_lost_state(fresh->state.error());
    intent_ = fresh->intent.intent;
    switches_ = fresh->switches.switches;
    if (const auto& problem = fresh->switches.problem) {
      tell_once({.name = "switches-not-read",
                 .disk = std::string(problem->disk.view()),
                 .detail = describe(*problem)});
    }
    if (more_.heartbeat != nullptr) {
      more_.heartbeat->follow(look_, state_, intent_);
      more_.heartbeat->carry(switches_.own);
      more_.heartbeat->ask(fresh->request);
      if (leave_.busy()) more_.heartbeat->set_phase(pb::PHASE_LEAVING);
    }
    for (const Error& problem : fresh->intent.problems) tell_once(intent_not_kept(problem));
    if (alive_) {
      if (Status held = check_not_fenced(look_.survey, config_, state_); !held) {
        end_ = fail(held.error());
        return;
      }
    }
    if (!state_.handed_over && must_resume(fresh->intent.intent)) return;
    if (alive_) take_anew_.follow(look_.survey, state_, intent_);
    // Otherwise a damaged slot may be the last that knew of an intent.
    if (fresh->intent.problems.empty()) repair_slots(fresh->intent.intent);
    if (alive_) receive_.follow(look_.survey, state_, may_be_coming());
    if (alive_) return_.follow(look_.survey, state_, intent_, switches_);
    watched_ = dump_places(look_.survey, config_);
    watch_ =
        std::make_shared<HeaderWatch>(surveyor_.shelf(), surveyor_.executor(), look_.survey.disks,
                                      look_.open, config_.timing.settings.io_timeout);
    if (std::exchange(watching_, true)) return;
    events_({.name = "watching",
             .disk = {},
             .detail = fmt::format("{} disks of {} that may hold its dump", watched_.size(),
                                   config_.partner.name)});
    look_at_headers();
  }

  // A partner that has announced a takeover and was not heard for the silence time may still act,
  // but on keys of the earlier life only.
  [[nodiscard]] bool may_be_coming() const {
    if (more_.heartbeat == nullptr) return true;
    const Standing partner = more_.heartbeat->standing();
    const milliseconds listened = surveyor_.executor().now() - began_;
    if (partner == Standing::kUnseen) return listened < more_.heartbeat->peer().silence();
    return partner == Standing::kHeard || partner == Standing::kLate;
  }

  // Where `lastword stop` has removed the state, this life's key has gone before. Where it is
  // there, the node serves, and its heartbeats must go on: without them it counts as dead.
  void note_lost_state(const Error& why) {
    state_.stopped = std::ranges::none_of(
        look_.survey.disks, [&](const DiskView& disk) { return is_registered(disk, state_.key); });
    if (state_.stopped || std::exchange(told_of_lost_state_, true)) return;
    events_({.name = "state-lost",
             .disk = {},
             .detail = describe(why) + "; this node's key is on its disks: `lastword start`"});
  }

  bool must_resume(const std::optional<pb::TakeoverIntent>& intent) {
    const IntentVerdict verdict = judge_intent(intent, look_.survey, config_, state_.key);
    if (verdict == IntentVerdict::kEnded) {
      end_intent(*intent,
                 fmt::format("{} lives again, in life {}; nothing more is taken of it",
                             config_.partner.name,
                             latest_generation(look_.survey, config_, config_.partner.id)));
    }
    if (verdict == IntentVerdict::kCalledOff) {
      end_intent(*intent, "it was announced, and this agent ended before it began");
    }
    if (verdict != IntentVerdict::kResume || intent->number() <= more_.settled) return false;
    if (rests()) return false;
    events_({.name = "takeover-resumed", .disk = {}, .detail = describe(*intent)});
    end_ = Failure{
        .look = look_,
        .generation = intent->victim_generation(),
        .proven = intent->proven(),
        .released = has_left(look_.survey, config_, newest_of_partner(look_.survey, config_),
                             intent->victim_generation()),
        .resumed = true};
    return true;
  }

  // A slot that an earlier write did not reach may still tell the partner of a takeover that is
  // over; a damaged one tells nothing.
  void repair_slots(const std::optional<pb::TakeoverIntent>& newest) {
    if (!alive_ || repairing_) return;
    const MailboxMember member =
        mailbox_member(config_, state_.boot_generation, state_.mailbox_disks);
    auto disks = outdated_slots(look_.survey, config_, member, newest);
    if (disks.empty()) return;
    repairing_ = true;
    run_elsewhere<CopiesWritten>(
        surveyor_.executor(), *loop_,
        [survey = look_.survey, disks = std::move(disks), newest, intents = intents()] {
          return intents.repair(survey, disks, newest);
        },
        [this](const CopiesWritten& written) {
          repairing_ = false;
          tell(written);
        });
  }

  // Not while a takeover of this node is under way: it has its own verdict.
  void end_intent(const pb::TakeoverIntent& intent, const std::string& why) {
    const auto lock = lock_takeover(config_);
    if (!lock) return;
    const auto now = read_intent(config_, look_.survey).intent;
    if (!now || now->number() != intent.number()) return;  // a newer one: the next survey judges it
    events_({.name = "takeover-ended",
             .disk = {},
             .detail = fmt::format("{}: {}", describe(intent), why)});
    tell(intents().write(look_.survey, called_off({}, intent, look_.survey, config_)));
  }

  // Heartbeats, and whether to go on.
  void listen() {
    if (more_.stop_wanted()) {
      end_ = std::optional<Failure>();
      return;
    }
    if (more_.heartbeat != nullptr) {
      more_.heartbeat->tick();
      return_.hear(more_.heartbeat->peer().newest(), more_.heartbeat->standing());
      if (watching_ && more_.heartbeat->standing() == Standing::kSilent) on_silence();
      if (watching_ && alive_ && !end_) on_word();
    }
    loop_->after(kPollInterval, [this] { listen(); });
  }

  // Operators have forbidden to take over without an order. The survey is seconds old; a heartbeat
  // of the partner's may tell more.
  bool held_back(std::string_view failed) {
    ClusterSwitches known = switches_;
    const auto* heartbeat = more_.heartbeat;
    if (heartbeat != nullptr && heartbeat->peer().newest()) {
      known.peer = newer(known.peer, heartbeat->peer().newest()->switches());
    }
    const std::string why = describe(why_held_back(known, surveyor_.executor().unix_ms()));
    const bool held = !why.empty();
    if (std::exchange(told_of_hold_, why) != why && held) {
      events_({.name = "takeover-held-back",
               .disk = {},
               .detail = fmt::format("{} {}, and is not taken over: {}; an order overrides it: "
                                     "`lastword takeover`",
                                     config_.partner.name, failed, why)});
    }
    return held;
  }

  [[nodiscard]] bool rests() const { return surveyor_.executor().now() < more_.refused_until; }

  void on_silence() {
    if (rests()) return;
    const pb::MailboxSlot& last = *more_.heartbeat->peer().newest();
    const Status may = may_act_on_silence(look_.survey, config_, state_, last, intent_);
    if (!may) {
      std::string why = describe(may.error());
      if (std::exchange(told_of_silence_, why) == why) return;
      events_({.name = "silence-not-acted-on", .disk = {}, .detail = std::move(why)});
      return;
    }
    // What a header proves needs no announcement.
    if (panicked_ || held_back("is silent")) return;
    end_ = Failure{.look = look_, .generation = last.generation(), .silent = true};
  }

  // What the partner says that this node is to do: take its disks, or leave its own.
  void on_word() {
    const auto& newest = more_.heartbeat->peer().newest();
    const auto left = life_to_take_from(look_.survey, config_, state_, newest, intent_);
    if (left && !is_settled(*left)) {
      events_({.name = "partner-left",
               .disk = {},
               .detail = fmt::format("{}, life {}, has left its disks to this node",
                                     config_.partner.name, *left)});
      end_ = Failure{.look = look_, .generation = *left, .released = true};
    } else if (newest && !state_.waiting) {
      leave_.follow(state_, *newest, more_.heartbeat->standing());
      if (leave_.busy()) more_.heartbeat->set_phase(pb::PHASE_LEAVING);
    }
  }

  [[nodiscard]] IntentLog intents() const {
    return {config_, state_, surveyor_.shelf(), surveyor_.executor()};
  }

  void tell(const CopiesWritten& written) {
    for (const Error& problem : written.problems) tell_once(intent_not_kept(problem));
    for (const std::string& disk : written.rewritten) events_(slot_rewritten(disk));
  }

  void tell_once(const Event& event) {
    if (std::exchange(last_problems_[event.disk], event.detail) == event.detail) return;
    events_(event);
  }

  void look_at_headers() {
    looking_ = true;
    run_elsewhere<std::vector<SeenHeader>>(
        surveyor_.executor(), *loop_,
        [watch = watch_, watched = watched_] { return watch->poll(watched); },
        [this](const std::vector<SeenHeader>& seen) {
          looking_ = false;
          on_headers(seen);
          if (waiting_ && !end_) on_survey(*std::exchange(waiting_, std::nullopt));
          loop_->after(kPollInterval, [this] { look_at_headers(); });
        });
  }

  // This agent's takeover from that life has ended, with something left for a person. One that is
  // over, as after a giveback, is not left to anybody.
  [[nodiscard]] bool is_settled(std::uint32_t life) const {
    const bool open = intent_ && (intent_->phase() == pb::TakeoverIntent::TAKING ||
                                  intent_->phase() == pb::TakeoverIntent::TAKEN);
    return open && intent_->victim_node() == config_.partner.id &&
           intent_->victim_generation() >= life && intent_->number() <= more_.settled;
  }

  // All headers are updated before anything is concluded, because what the survey says of the other
  // disks may be seconds old. A disk that was armed since then must not count as a free spare. A
  // disk to which the dump moved since then must not count as one that holds an old dump.
  void on_headers(const std::vector<SeenHeader>& seen) {
    for (const SeenHeader& one : seen) {
      update_header(look_.survey.disks[one.disk], one);
      tell_if_unreadable(look_.survey.disks[one.disk]);
    }
    const std::uint32_t latest = latest_generation(look_.survey, config_, config_.partner.id);
    const auto panicked = std::ranges::find_if(watched_, [&](std::size_t index) {
      return has_panicked(look_.survey.disks[index], config_, latest);
    });
    panicked_ = panicked != watched_.end() && !is_settled(latest) && !state_.handed_over;
    if (!panicked_ || held_back("has panicked")) return;
    if (rests() && latest <= more_.refused_life) return;
    const DiskView& disk = look_.survey.disks[*panicked];
    events_({.name = "partner-panicked",
             .disk = disk.info.path,
             .detail = fmt::format("{}, boot generation {}", config_.partner.name,
                                   disk.header.boot_generation()),
             .disk_uuid = disk.label->disk_uuid(),
             .ago = milliseconds(disk.header.elapsed_ms())});
    end_ = Failure{.look = look_, .generation = disk.header.boot_generation(), .proven = true};
  }

  // It proves no panic, and could hide one: an operator is to know, once for each change.
  void tell_if_unreadable(const DiskView& disk) {
    const bool by_content = disk.problem && (disk.problem->code == Code::kCorrupt ||
                                             disk.problem->code == Code::kFutureVersion);
    if (!by_content) {
      told_.erase(disk.info.path);
      return;
    }
    std::string problem = describe(*disk.problem);
    if (std::exchange(told_[disk.info.path], problem) == problem) return;
    events_({.name = "header-unreadable",
             .disk = disk.info.path,
             .detail = std::move(problem),
             .disk_uuid = disk.label ? disk.label->disk_uuid() : std::string()});
  }

  const Config& config_;
  NodeState state_;  // of this node, as of the last survey
  Surveyor& surveyor_;
  const EventSink& events_;
  const AgentWatch& more_;
  std::optional<pb::TakeoverIntent> intent_;  // this node's, as of the last survey
  ClusterSwitches switches_;                  // as of the last survey
  std::string told_of_hold_;
  bool panicked_ = false;  // a header tells so, and nobody has dealt with it
  std::string told_of_silence_;
  bool told_of_lost_state_ = false;
  bool alive_ = false;  // state_ is of a life that goes on
  bool repairing_ = false;
  std::map<std::string, std::string> last_problems_;  // with slot, intent or file
  Look look_;
  bool looking_ = false;                 // a look at headers is under way
  std::optional<Result<Seen>> waiting_;  // a survey that came during that look
  bool watching_ = false;
  std::vector<std::size_t> watched_;
  std::map<std::string, std::string> told_;  // by path: what was said of its header
  std::shared_ptr<HeaderWatch> watch_;       // used by one look at a time
  std::optional<Result<std::optional<Failure>>> end_;
  std::unique_ptr<Loop> loop_;
  TakeAnew take_anew_;
  ReceiveRun receive_;
  LeaveRun leave_;
  ReturnRun return_;
  Instant began_;
};

}  // namespace

Result<std::optional<Failure>> wait_for_failure(const Config& config, const NodeState& state,
                                                Surveyor& surveyor, const EventSink& events,
                                                const AgentWatch& watch) {
  return FailureWatch(config, state, surveyor, events, watch).run();
}

}  // namespace lastword
