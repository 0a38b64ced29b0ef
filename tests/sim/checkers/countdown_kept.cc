// A graceful takeover that was asked for is not forgotten: its countdown survives the agent of the
// node that asks, and when it is over, that agent has left its phase for a reason of the table. An
// operator who cancels it, and an end of either node's life, end it too.
//
// Looked at where /run is not wiped, at each heartbeat of that agent on a mailbox disk; the end of
// the countdown where no agent stands still or hangs either.
#include <fmt/format.h>

#include <algorithm>

#include "agent/node/state_files.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

constexpr Time kLongestCountdown{9'000'000};  // sim_operations.cc
constexpr Time kLongestGap{2'000'000};        // between two heartbeats of an agent that runs
constexpr Time kAtOnce{300'000};
constexpr Time kSettled{12'000'000};  // two surveys, and what one of them leads to

class CountdownKept final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    Asked& asked = asked_.at(actor.node);
    if (event.name == "takeover-asked") {
      const NodeTruth& partner = watched_.truth.of(partner_of(actor.node));
      asked = {.open = true,
               .at = now(),
               .boot = actor.boot,
               .life = life_of(actor.node),
               .partner_boot = partner.boot,
               .partner_life = partner.generation};
    } else if (event.name == "takeover-cancelled" || event.name == "takeover-forced" ||
               (event.name == "state" &&
                (event.detail.starts_with("NORMAL standing-by -> ") ||
                 event.detail.find(": peer-released: ") != std::string::npos))) {
      asked.open = false;
    } else if (event.name == "state" && event.detail.ends_with(": found in this node's records")) {
      asked.agent_began = is_kept(actor.node) ? now() : Time{-1};
    }
  }

  void on_executed(const Executed& executed) override {
    const Actor& actor = executed.actor;
    if (executed.about.command != fake::Command::kWrite || actor.process != "agent" ||
        !is_mailbox(executed.about.lun)) {
      return;
    }
    Asked& asked = asked_.at(actor.node);
    if (now() > asked.beat + kLongestGap) asked.beats_since = now();
    asked.beat = now();
    if (!asked.open || watched_.rates.wipes_run) return;
    const NodeTruth& partner = watched_.truth.of(partner_of(actor.node));
    if (actor.boot != asked.boot || life_of(actor.node) != asked.life ||
        partner.boot != asked.partner_boot || partner.generation != asked.partner_life ||
        partner.panicked || partner.stopped.contains(partner.generation)) {
      asked.open = false;
      return;
    }
    const bool began = asked.agent_began > asked.at && now() > asked.agent_began + kAtOnce;
    if (began && !is_kept(actor.node)) return forgotten(actor.node);
    if (watched_.rates.pauses || watched_.rates.hangs) return;
    if (now() < std::max(asked.at + kLongestCountdown, asked.beats_since) + kSettled) return;
    forgotten(actor.node);
  }

 private:
  struct Asked {
    bool open = false;
    Time at{0};
    unsigned boot = 0;
    Generation life = 0;
    unsigned partner_boot = 0;
    Generation partner_life = 0;
    Time beat{0};
    Time beats_since{0};
    Time agent_began{-1};  // with this request before it
  };

  void forgotten(std::uint8_t node) {
    Asked& asked = asked_.at(node);
    asked.open = false;
    watched_.broken(fmt::format(
        "{} has asked {} to leave {} ms ago, and its agent has forgotten it", node_name(node),
        node_name(partner_of(node)), (now() - asked.at).count() / 1000));
  }
  [[nodiscard]] bool is_kept(std::uint8_t node) const {
    const auto request = load_request(*watched_.configs.at(node));
    return request && request->forces();
  }

  [[nodiscard]] Generation life_of(std::uint8_t node) const {
    const NodeTruth& truth = watched_.truth.of(node);
    return truth.stopped.contains(truth.generation) ? 0 : truth.generation;
  }

  std::array<Asked, 3> asked_{};
};

}  // namespace

std::unique_ptr<Checker> check_countdown_kept(const Watched& watched) {
  return std::make_unique<CountdownKept>(watched);
}

}  // namespace lastword::sim
