#include "agent/daemon/graceful_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "agent/disks/intent_log.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_input.h"
#include "agent/service/partner_look.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

class GracefulRun {
 public:
  GracefulRun(const GracefulWork& work, const NodeState& state)
      : work_(work), config_(work.config), state_(state), look_(work.config, work.surveyor) {}
  ~GracefulRun() { withdraw(); }
  GracefulRun(const GracefulRun&) = delete;
  GracefulRun& operator=(const GracefulRun&) = delete;

  Result<TakeoverReport> forecast() {
    if (Status heard = look_.listen(); !heard) return fail(heard.error());
    TakeoverReport report = forecast_takeover(config_, state_, look_.survey());
    for (const Veto& veto : against_asking(look_.survey(), config_, state_, look_.word())) {
      report.obstacles.push_back(veto.reason + ": " + veto.remedy);
    }
    if (!report.obstacles.empty()) report.complete = false;
    return report;
  }

  Result<GracefulReport> run(milliseconds countdown) {
    auto possible = forecast();
    if (!possible) return fail(possible.error());
    if (!possible->complete) return GracefulReport{.takeover = std::move(*possible)};
    if (Status asked = ask(countdown); !asked) return fail(asked.error());
    const Instant end = executor().now() + countdown;
    Instant at_work_last = executor().now();  // this node's agent
    for (;;) {
      if (work_.stop_wanted()) return cancel();
      const bool at_work = takeover_is_at_work();
      if (all_is_here() && !at_work) {
        const bool forced = executor().now() >= end;
        return GracefulReport{.end = forced ? GracefulEnd::kForced : GracefulEnd::kTaken,
                              .takeover = taken()};
      }
      if (look_.word().slot->generation() > asked_.asked_generation()) {
        return refused(fmt::format("{} has begun another life, {}: it was not asked",
                                   config_.partner.name, look_.word().slot->generation()));
      }
      const bool over = executor().now() >= end;
      if (at_work || (!over && is_open())) {
        at_work_last = executor().now();
      } else if (executor().now() >= at_work_last + patience()) {
        if (over) return force();
        return refused("this node's agent has ended it: `lastword history`");
      }
      work_.on_countdown(std::max(end - executor().now(), milliseconds(0)));
      executor().sleep(kPauseBetweenLooks);
      (void)look_.again();  // a look that fails may succeed the next time
    }
  }

 private:
  [[nodiscard]] Executor& executor() const { return work_.surveyor.executor(); }

  void tell(std::string name, std::string detail) const {
    work_.events({.name = std::move(name), .disk = {}, .detail = std::move(detail)});
  }

  [[nodiscard]] milliseconds patience() const {
    return config_.timing.freshness() + 4 * config_.timing.settings.io_timeout;
  }

  static Result<GracefulReport> refused(std::string why) {
    return fail(
        {.code = Code::kRefused, .operation = "takeover --graceful", .detail = std::move(why)});
  }

  [[nodiscard]] bool is_open() const {
    const auto open = load_request(config_);
    return open && open->request().id() == asked_.id();
  }

  // Returns when this node's agent says so.
  Status ask(milliseconds countdown) {
    asked_.set_id(to_string(random_uuid()));
    asked_.set_asked_generation(look_.word().slot->generation());
    pb::OpenRequest open;
    *open.mutable_request() = asked_;
    open.set_ends_ms((executor().now() + patience()).count());
    if (Status saved = save_request(config_, open); !saved) return saved;
    const Instant end = executor().now() + patience();
    while (!is_carried()) {
      if (work_.stop_wanted() || executor().now() >= end) {
        withdraw();
        return fail({.code = Code::kRefused,
                     .operation = "takeover --graceful",
                     .detail = "this node's agent does not say on a mailbox disk that it asks; "
                               "nothing was asked: `systemctl start lastword-agent`, or see its "
                               "journal; without --graceful it needs no agent"});
      }
      executor().sleep(kPauseBetweenLooks);
      (void)look_.again();
    }
    // From now on the agent counts, also without this command.
    open.set_ends_ms((executor().now() + countdown).count());
    open.set_forces(true);
    if (Status saved = save_request(config_, open); !saved) return saved;
    tell("takeover-asked",
         fmt::format("{}, life {}, is asked to leave; in {} s it is taken over by force",
                     config_.partner.name, asked_.asked_generation(), countdown.count() / 1000));
    return {};
  }

  [[nodiscard]] bool is_carried() const {
    return std::ranges::any_of(look_.survey().disks, [&](const DiskView& disk) {
      return std::ranges::any_of(disk.mailbox, [&](const pb::MailboxSlot& slot) {
        return slot.node() == config_.self.id && slot.request().id() == asked_.id();
      });
    });
  }

  // The agent may have its reasons, as a panic; they do not matter here.
  [[nodiscard]] bool all_is_here() const {
    const auto disks = partner_disks(look_.survey(), config_);
    return !disks.empty() && std::ranges::all_of(disks, [&](const DiskView& disk) {
      return is_here(disk, config_, state_.key);
    });
  }

  [[nodiscard]] bool takeover_is_at_work() const {
    const auto lock = lock_takeover(config_);
    return !lock && lock.error().code == Code::kRefused;
  }

  [[nodiscard]] TakeoverReport taken() const {
    const auto intent = read_intent(config_, look_.survey()).intent;
    TakeoverReport report{.disks = {},
                          .obstacles = {},
                          .complete = intent && intent->phase() == pb::TakeoverIntent::TAKEN};
    for (const DiskView& disk : partner_disks(look_.survey(), config_)) {
      report.disks.push_back({.path = disk.info.path,
                              .uuid = disk.label->disk_uuid(),
                              .role = disk.label->role(),
                              .outcome = "taken",
                              .detail = {}});
    }
    return report;
  }

  GracefulReport cancel() {
    withdraw();
    tell("takeover-cancelled",
         fmt::format("{} keeps what it has not left yet", config_.partner.name));
    return {.end = GracefulEnd::kCancelled, .takeover = {}};
  }

  // This node's agent does not run. The request is withdrawn first: a partner that has not begun to
  // leave does not any more.
  Result<GracefulReport> force() {
    withdraw();
    while (takeover_is_at_work()) {
      if (work_.stop_wanted()) return cancel();
      executor().sleep(kPauseBetweenLooks);
    }
    tell("takeover-forced", fmt::format("{} has not left in time", config_.partner.name));
    auto report = take_over_now(config_, work_.surveyor, work_.events, work_.hands);
    if (!report) return fail(report.error());
    return GracefulReport{.end = GracefulEnd::kForced, .takeover = std::move(*report)};
  }

  // Of another run of this command nothing is withdrawn.
  void withdraw() {
    if (is_open()) (void)remove_request(config_);
  }

  const GracefulWork& work_;
  const Config& config_;
  NodeState state_;
  PartnerLook look_;
  pb::LeaveRequest asked_;
};

}  // namespace

Result<GracefulReport> take_over_gracefully(const GracefulWork& work, milliseconds countdown) {
  const auto state = load_node_state(work.config);
  if (!state) return fail(state.error());
  return GracefulRun(work, *state).run(countdown);
}

Result<TakeoverReport> try_graceful(const GracefulWork& work) {
  const auto state = load_node_state(work.config);
  if (!state) return fail(state.error());
  return GracefulRun(work, *state).forecast();
}

Result<bool> cancel_graceful(const Config& config) {
  const auto open = load_request(config);
  if (!open && open.error().code == Code::kNotFound) return false;
  if (Status removed = remove_request(config); !removed) return fail(removed.error());
  return true;
}

}  // namespace lastword
