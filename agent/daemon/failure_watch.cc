#include "agent/daemon/failure_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "agent/daemon/arm_again.h"
#include "agent/daemon/hindrances.h"
#include "agent/daemon/intent_upkeep.h"
#include "agent/daemon/own_pause.h"
#include "agent/daemon/service_notices.h"
#include "agent/daemon/shelf_watch.h"
#include "agent/daemon/take_anew.h"
#include "agent/daemon/unreadable_headers.h"
#include "agent/daemon/what_failed.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/switches.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/protocol/waiting_plan.h"
#include "agent/protocol/watched_facts.h"

namespace lastword {
namespace {

class FailureWatch {
 public:
  FailureWatch(const Config& config, const NodeState& state, Surveyor& surveyor,
               const EventSink& events, const AgentWatch& more, NodeRun& node)
      : config_(config),
        surveyor_(surveyor),
        events_(events),
        more_(more),
        node_(node),
        seen_(config, state),
        loop_(surveyor.executor().make_loop()),
        shelf_(config, surveyor, *loop_,
               {.on_survey = [this](auto seen) { on_survey(std::move(seen)); },
                .on_headers = [this](const auto& seen) { on_headers(seen); }}),
        hindrances_(config, events),
        upkeep_(config, surveyor, events, *loop_),
        unreadable_(events),
        notices_(config, surveyor.executor(), events, more.run_hook, *loop_),
        take_anew_(config, surveyor, events, *loop_),
        arm_again_(surveyor.executor(), *loop_, events, more.notes, more.receive.arm),
        receive_(config, surveyor, events, more.receive.with(arm_again_.noted()), *loop_,
                 [this] { records_changed(NodeEvent::kAllReceived); }),
        leave_(config, surveyor, events,
               {.run_hook = more.leave.run_hook,
                .disarm = more.leave.disarm,
                .arm = arm_again_.noted()},
               *loop_,
               [this](bool left) {
                 records_changed(left ? NodeEvent::kServiceEnded : NodeEvent::kGracefulCancelled);
               }),
        return_(
            config, surveyor, events, more.give_back, *loop_, [this] { records_changed(); },
            more.notes),
        began_(now()),
        pause_(began_, config.timing.settings.io_timeout) {}

  Result<std::optional<Failure>> run() {
    listen();
    loop_->run_until([this] { return end_.has_value(); });
    return std::move(*end_);
  }

 private:
  [[nodiscard]] Instant now() const { return surveyor_.executor().now(); }

  void on_survey(Result<ShelfWatch::Seen> fresh) {
    if (end_) return;
    if (!fresh) {
      end_ = fail(fresh.error());
      return;
    }
    hindrances_.tell_of(fresh->switches);
    upkeep_.tell(fresh->intent.problems);
    const bool slots_are_whole = fresh->intent.problems.empty();
    const bool up_to_date = shelf_.is_up_to_date(*fresh);
    const std::string lost = fresh->state ? std::string() : describe(fresh->state.error());
    if (!seen_.update(std::move(*fresh))) hindrances_.tell_of_lost_state(lost);
    upkeep_.close_again(seen_.look.survey, seen_.state, seen_.intent);
    node_.begin(seen_.state.key,
                phase_of_records(seen_.look.survey, config_, seen_.state, seen_.intent));
    if (more_.heartbeat != nullptr) {
      more_.heartbeat->follow(seen_.look, seen_.state);
      more_.heartbeat->carry(seen_.switches.own);
    }
    disks_.reset();
    if (!up_to_date && seen_.alive && !check_not_fenced(seen_.look.survey, config_, seen_.state)) {
      const bool waits = node_.phase() == Phase::kWaiting;
      act(node_.happened(waits ? NodeEvent::kServicePreempted : NodeEvent::kPreempted));
    }
    if (up_to_date) {
      pause_.looked();
      disks_ =
          watched_disks(seen_.look.survey, config_, seen_.state, seen_.intent, may_be_coming());
      disks_->preempted &= seen_.alive;
      follow_records();
    }
    find_panic();
    shelf_.read_headers(seen_.look, seen_.places);
    if (!std::exchange(watching_, true)) {
      events_({.name = "watching",
               .disk = {},
               .detail = fmt::format("{} disks of {} that may hold its dump", seen_.places.size(),
                                     config_.partner.name)});
    }
    decide();
    if (disks_ && node_.phase() == Phase::kTaking) resume();
    if (seen_.alive && !end_) {
      take_anew_.follow(seen_.look.survey, seen_.state, seen_.intent, return_.partner_waits());
      // Otherwise a damaged slot may be the last that knew of an intent.
      if (slots_are_whole) upkeep_.repair(seen_.look.survey, seen_.state, seen_.intent);
      if (up_to_date) receive_.follow(seen_.look.survey, seen_.state, may_be_coming());
      // The hook service-returned runs `lastword start`, which is to find the lock free.
      if (!seen_.state.handed_over && !receive_.runs_hook()) arm_again_.follow();
      if (disks_) return_.follow(seen_.look.survey, seen_.state, seen_.intent, seen_.switches);
    }
    // The giver's service stands still meanwhile.
    if (seen_.state.waiting || seen_.state.unannounced) shelf_.survey_within(kWaitingLook);
  }

  // A partner that has announced a takeover and was not heard for the silence time may still act,
  // but on keys of the earlier life only.
  [[nodiscard]] bool may_be_coming() const {
    if (more_.heartbeat == nullptr) return true;
    if (standing() == Standing::kUnseen) return now() - began_ < more_.heartbeat->peer().silence();
    return may_live(standing()) || standing() == Standing::kLate;
  }

  void on_headers(const std::vector<SeenHeader>& headers) {
    seen_.update(headers);
    for (const SeenHeader& one : headers) unreadable_.tell_of(seen_.look.survey.disks[one.disk]);
    find_panic();
    decide();
  }

  void find_panic() {
    const std::uint32_t latest = seen_.latest_of_partner();
    panicked_ = seen_.panicked_disk();
    if (seen_.is_settled(latest, more_.settled.number) || seen_.state.handed_over)
      panicked_.reset();
    panic_rests_ = rests() && latest <= more_.refused_life;
  }

  // Heartbeats, and what they say.
  void listen() {
    if (more_.stop_wanted()) {
      end_ = std::optional<Failure>();
      return;
    }
    // After a pause of its own: an operator may have forbidden meanwhile what is found now.
    if (pause_.stood_still(now())) records_changed();
    if (more_.look_wanted()) shelf_.survey_within(milliseconds{0});
    shelf_.turn();
    if (more_.heartbeat != nullptr) more_.heartbeat->tick();
    if (watching_) {
      follow_request();
      decide();
      if (seen_.alive && newest() && !end_) leave_.undo_if_over(seen_.state, *newest(), standing());
    }
    loop_->after(kPollInterval, [this] { listen(); });
  }

  // This node's own commands write the records too. One leads them through a few events at most.
  void follow_records() {
    for (int events = 0; events < 3 && !end_ && disks_; ++events) {
      const Phase before = node_.phase();
      const auto event = event_of_records(before, seen_.state, seen_.intent, *disks_);
      if (!event) break;
      act(node_.happened(*event));
      if (node_.phase() == before) break;
    }
    // A stop that kept disks of the partner's has not ended this life after all.
    const Phase found = phase_of_records(seen_.look.survey, config_, seen_.state, seen_.intent);
    const bool ended = mode_of(found) == NodeMode::kStopped;
    if (ended != (mode_of(node_.phase()) == NodeMode::kStopped)) {
      node_.begin_anew(found, ended ? "a command has ended this life" : "this life goes on");
    }
    if (!disks_) return;
    if (disks_->verdict == IntentVerdict::kEnded) {
      close_intent(fmt::format("{} lives again, in life {}; nothing more is taken of it",
                               config_.partner.name,
                               latest_generation(seen_.look.survey, config_, config_.partner.id)));
    } else if (disks_->verdict == IntentVerdict::kCalledOff) {
      close_intent("it was announced, and this agent ended before it began");
    }
  }

  void close_intent(const std::string& why) {
    if (upkeep_.close(seen_.look.survey, seen_.state, *seen_.intent, why)) return records_changed();
    seen_.intent->set_phase(pb::TakeoverIntent::ENDED);  // as close_again() has it from now on
  }

  // What was read before says nothing any more of this node's own records.
  void records_changed() {
    disks_.reset();
    shelf_.records_changed();
  }
  void records_changed(NodeEvent event) {
    act(node_.happened(event));
    records_changed();
  }

  // An operator here wants the partner to leave (graceful_run.h).
  void follow_request() {
    if (more_.heartbeat == nullptr || end_) return;
    // It was cancelled a moment ago, perhaps.
    if (node_.phase() == Phase::kStandingBy || seen_.request) seen_.read_request();
    const auto event = event_of_countdown(node_.phase(), node_.votes(), seen_.countdown(now()));
    if (event) act(node_.happened(*event));
    more_.heartbeat->ask(node_.phase() == Phase::kStandingBy ? seen_.asked(now())
                                                             : pb::LeaveRequest());
  }

  void decide() {
    if (end_) return;
    for (const NodePlan::Step& step : node_.observe(facts())) {
      act(step);
      if (end_) return;
    }
    // A takeover that found no majority may have none under way that would find the dump.
    if (node_.phase() == Phase::kTaking && panicked_ && !panic_rests_ && disks_ &&
        held_back("has panicked").empty()) {
      take_from_panicked();
    }
  }

  [[nodiscard]] Standing standing() const {
    return more_.heartbeat != nullptr ? more_.heartbeat->standing() : Standing::kUnseen;
  }
  [[nodiscard]] std::optional<pb::MailboxSlot> newest() const {
    return more_.heartbeat != nullptr ? more_.heartbeat->peer().newest() : std::nullopt;
  }

  NodeFacts facts() {
    const auto slot = newest();
    return_.hear(slot, standing());
    NodeFacts facts;
    facts.disks = disks_;
    facts.voice = peer_voice(standing());
    facts.word = peer_word(slot);
    facts.intent = seen_.intent;
    facts.intent_ordered = more_.heartbeat == nullptr || needs_no_silence();
    facts.giveback_open = seen_.intent && seen_.intent->phase() == pb::TakeoverIntent::RETURNING;
    facts.now_unix_ms = surveyor_.executor().unix_ms();
    facts.switches = plain(seen_.switches.own);
    facts.word.switches = plain(seen_.switches_with(slot).peer);
    if (facts.disks) facts.disks->peer_panicked = panicked_ && !panic_rests_;
    if (panicked_) (void)held_back("has panicked");
    facts.against_silence = Refusals();
    if (standing() == Standing::kSilent) facts.against_silence = against_silence(*slot);
    if (facts.word.phase == Phase::kHandedOver) facts.nothing_left_to_take = !life_left();
    if (slot && seen_.alive && !seen_.state.waiting) {
      facts.asked_to_leave = leave_.is_asked(seen_.state, *slot, standing());
    }
    if (node_.phase() == Phase::kStandingBy && seen_.request) {
      facts.asked_life = seen_.request->request().asked_generation();
    }
    facts.gives_first = gives_first(config_);
    if (seen_.state.waiting && facts.word.phase == Phase::kWaiting) {
      hindrances_.tell_of_both_waiting();
    }
    return facts;
  }

  Refusals held_back(std::string_view failed) {
    return hindrances_.on_any(seen_.switches_with(newest()), surveyor_.executor().unix_ms(),
                              failed);
  }

  [[nodiscard]] bool needs_no_silence() const {
    return seen_.intent &&
           lastword::needs_no_silence(*seen_.intent, seen_.look.survey, config_, newest());
  }
  [[nodiscard]] bool rests() const { return now() < more_.refused_until; }

  Refusals against_silence(const pb::MailboxSlot& last) {
    if (rests()) return {{"a takeover was refused a moment ago", "wait"}};
    Refusals against = hindrances_.on_silence(seen_.look.survey, seen_.state, last, seen_.intent);
    if (!against.empty()) return against;
    // What a header proves needs no announcement.
    if (panicked_) return {{"its panic is proven", "wait"}};
    return held_back("is silent");
  }

  [[nodiscard]] std::optional<std::uint32_t> life_left() const {
    if (!seen_.alive || rests()) return std::nullopt;
    const auto life =
        life_to_take_from(seen_.look.survey, config_, seen_.state, newest(), seen_.intent);
    return life && !seen_.is_settled(*life, more_.settled.number) ? life : std::nullopt;
  }

  // What else a step says is done at each survey, as long as the records ask for it, or by the
  // command that has led there.
  void act(const NodePlan::Step& step) {
    for (const NodeAction action : step.row->actions.get()) {
      switch (action) {
        case NodeAction::kFence:
          end_ = fail(check_not_fenced(seen_.look.survey, config_, seen_.state).error());
          break;
        case NodeAction::kAnnounceTakeover:
          end_ = Failure{.look = seen_.look, .generation = newest()->generation(), .silent = true};
          break;
        case NodeAction::kCloseIntent:
          // Otherwise follow_records() closes it.
          if (step.event == NodeEvent::kPeerLives || step.event == NodeEvent::kPeerStopped) {
            close_intent("no disk was taken yet, and the partner is there");
          } else if (step.event == NodeEvent::kBothWait && seen_.intent &&
                     seen_.intent->phase() == pb::TakeoverIntent::TAKING &&
                     !has_partner_disk(seen_.look.survey, config_)) {
            close_intent("no disk was taken, and both nodes wait");
          }
          break;
        case NodeAction::kCastVotes:
          end_ = Failure{.look = seen_.look, .ordered = true};
          break;
        case NodeAction::kTakePeerDisks:
        case NodeAction::kTakeBothSets:
          take(step.event);
          break;
        case NodeAction::kEndService:
          if (seen_.alive) leave_.answer(newest()->request());
          break;
        case NodeAction::kTellAnnounced:
          notices_.takeover_announced(seen_.own_service());
          break;
        case NodeAction::kTellAnnouncementGone:
          notices_.takeover_called_off(seen_.own_service());
          break;
        default:
          break;
      }
    }
  }

  void take(NodeEvent why) {
    if (why == NodeEvent::kPeerPanicked) return take_from_panicked();
    if (why != NodeEvent::kPeerReleased) return resume();
    end_ = failure_of_left(seen_, config_, *life_left(), events_);
  }

  void take_from_panicked() { end_ = failure_of_panic(seen_, config_, *panicked_, events_); }

  // A takeover that is done, or whose rest is left to a person, is not resumed.
  void resume() {
    const bool wanted = disks_ && disks_->verdict == IntentVerdict::kResume;
    if (end_ || !wanted || rests() || seen_.is_left_to_person(more_.settled)) return;
    if (may_live(standing()) && !needs_no_silence()) return;
    const bool told = more_.refused_until > Instant{0};  // that it is refused
    if (told && partner_disks(seen_.look.survey, config_).empty()) return;
    end_ = failure_resumed(seen_, config_, newest(), events_);
  }

  const Config& config_;
  Surveyor& surveyor_;
  const EventSink& events_;
  const AgentWatch& more_;
  NodeRun& node_;
  LastSeen seen_;
  std::optional<DiskFacts> disks_;       // absent: the records have changed since the last survey
  std::optional<std::size_t> panicked_;  // a disk whose header tells so, dealt with by nobody
  bool panic_rests_ = false;
  bool watching_ = false;
  std::optional<Result<std::optional<Failure>>> end_;
  std::unique_ptr<Loop> loop_;
  ShelfWatch shelf_;
  Hindrances hindrances_;
  IntentUpkeep upkeep_;
  UnreadableHeaders unreadable_;
  ServiceNotices notices_;
  TakeAnew take_anew_;
  ArmAgain arm_again_;
  ReceiveRun receive_;
  LeaveRun leave_;
  ReturnRun return_;
  Instant began_;
  OwnPause pause_;
};

}  // namespace

Result<std::optional<Failure>> wait_for_failure(const Config& config, const NodeState& state,
                                                Surveyor& surveyor, const EventSink& events,
                                                const AgentWatch& watch) {
  std::optional<NodeRun> own;
  if (watch.node == nullptr) own.emplace(config, surveyor.executor(), events, watch.heartbeat);
  return FailureWatch(config, state, surveyor, events, watch, own ? *own : *watch.node).run();
}

}  // namespace lastword
