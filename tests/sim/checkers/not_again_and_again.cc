// The log: no agent changes its state again and again, and none repeats what it has said. One that
// flaps fills a log that nobody can read, and runs hooks each time. Changes of state are counted
// over restarts of the agent, what it says is not.
//
// Not covered: events of commands, which an operator repeats; and what an agent says of a link, of
// a mailbox disk or of the partner's voice, which come and go with the faults.
#include <fmt/format.h>

#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

// What a node says beyond this is a loop.
constexpr std::size_t kMostChanges = 8;
constexpr Time kOfChanges{2'000'000};
constexpr std::size_t kMostRepeats = 6;
constexpr Time kOfRepeats{10'000'000};

class NotAgainAndAgain final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned lun) override {
    if (actor.process != "agent" || follows_faults(event.name)) return;
    const bool change = event.name == "state";
    if (change && event.detail.ends_with("found in this node's records")) {
      said_.at(actor.node).clear();  // an agent begins
    }
    auto& times =
        change ? changes_.at(actor.node) : said_.at(actor.node)[{event.name, lun, event.detail}];
    times.push_back(now());
    while (times.front() + (change ? kOfChanges : kOfRepeats) < now()) times.pop_front();
    if (times.size() <= (change ? kMostChanges : kMostRepeats)) return;
    watched_.broken(fmt::format("table: {}'s agent {} {} times within {} s ({} {})",
                                node_name(actor.node), change ? "changes its state" : "says",
                                times.size(), (now() - times.front()).count() / 1'000'000,
                                event.name, event.detail));
  }

 private:
  static bool follows_faults(const std::string& name) {
    return name.starts_with("link-") || name.starts_with("heartbeat-") ||
           name.starts_with("partner-");
  }

  std::array<std::deque<Time>, 3> changes_;
  std::array<std::map<std::tuple<std::string, unsigned, std::string>, std::deque<Time>>, 3> said_;
};

}  // namespace

std::unique_ptr<Checker> check_not_again_and_again(const Watched& watched) {
  return std::make_unique<NotAgainAndAgain>(watched);
}

}  // namespace lastword::sim
