// The log: no agent changes its state in the same way again and again, and none repeats what it has
// said. One that flaps fills a log that nobody can read, and runs hooks each time. Changes of state
// are counted over restarts of the agent, but not over a kill; what it says is not counted over
// either. The state in which an agent begins is no change.
//
// Not covered: changes that differ, however many; changes to STOPPED, which end the agent: who
// begins one again is told the same again; events of commands, which an operator repeats; and what
// an agent says of a link, of a mailbox disk or of the partner's voice, which come and go with the
// faults.
#include <fmt/format.h>

#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

// What a node says beyond this is a loop.
struct Limit {
  std::size_t times;
  Time within;
};
constexpr Limit kRepeats{.times = 6, .within = Time{10'000'000}};
// An agent that is killed begins again after a second, and changes as the one before it did.
constexpr Limit kChanges{.times = 3, .within = Time{2'000'000}};

class NotAgainAndAgain final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned lun) override {
    if (actor.process != "agent" || follows_faults(event.name)) return;
    const bool change = event.name == "state";
    if (change && event.detail.ends_with("found in this node's records")) {
      return said_.at(actor.node).clear();  // an agent begins
    }
    if (change && event.detail.find(" -> STOPPED") != std::string::npos) return;
    const unsigned killed = watched_.truth.of(actor.node).agents_killed;
    if (std::exchange(killed_.at(actor.node), killed) != killed) changes_.at(actor.node).clear();
    auto& times = change ? changes_.at(actor.node)[event.detail]
                         : said_.at(actor.node)[{event.name, lun, event.detail}];
    times.push_back(now());
    while (times.front() + kRepeats.within < now()) times.pop_front();
    if (!(change && beyond(kChanges, times)) && !beyond(kRepeats, times)) return;
    watched_.broken(fmt::format(
        "table: {}'s agent says {} times within {} s: {} {}", node_name(actor.node), times.size(),
        (now() - times.front()).count() / 1'000'000, event.name, event.detail));
  }

 private:
  [[nodiscard]] bool beyond(const Limit& limit, const std::deque<Time>& times) const {
    if (times.size() <= limit.times) return false;
    return times[times.size() - 1 - limit.times] + limit.within >= now();
  }
  static bool follows_faults(const std::string& name) {
    return name.starts_with("link-") || name.starts_with("heartbeat-") ||
           name.starts_with("partner-");
  }

  std::array<std::map<std::string, std::deque<Time>>, 3> changes_;
  std::array<unsigned, 3> killed_{};  // agents, when an event came last
  std::array<std::map<std::tuple<std::string, unsigned, std::string>, std::deque<Time>>, 3> said_;
};

}  // namespace

std::unique_ptr<Checker> check_not_again_and_again(const Watched& watched) {
  return std::make_unique<NotAgainAndAgain>(watched);
}

}  // namespace lastword::sim
