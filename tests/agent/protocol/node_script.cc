#include "tests/agent/protocol/node_script.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "agent/protocol/takeover_refusals.h"

namespace lastword::test {
namespace {

using Words = std::vector<std::string>;

template <class Texts>
auto find_named(const Texts& texts, std::string_view name) {
  return std::ranges::find_if(texts, [&](const auto& text) { return text.name == name; });
}

struct ScriptNode {
  std::uint32_t life = 7;
  NodePlan plan;
  NodeFacts facts;

  ScriptNode() { begin_life(); }
  void begin_life() {
    const auto disks = facts.disks.value_or(DiskFacts{.peer_generation = 7});
    facts.disks = DiskFacts{.peer_generation = disks.peer_generation,
                            .has_peer_disk = disks.has_peer_disk,
                            .mailbox_majority = true};
    facts.voice = {};
    facts.word = {};
    facts.asked_to_leave = false;
    facts.version = 1;
    facts.mailbox_set = 3;
    facts.mailbox_disks = 3;
    plan = NodePlan(Phase::kLooking);
  }
};

// What the earlier life did is over.
void see_peer_life(ScriptNode& node, std::uint32_t life) {
  if (life <= node.facts.disks->peer_generation) return;
  node.facts.disks->peer_generation = life;
  node.facts.disks->peer_panicked = false;
}

// "=no" takes a fact back.
bool set(ScriptNode& node, std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view key = word.substr(0, equals);
  const std::string value{equals == std::string_view::npos ? "" : word.substr(equals + 1)};
  const bool yes = value != "no";
  NodeFacts& facts = node.facts;
  DiskFacts& disks = *facts.disks;
  const std::map<std::string_view, bool*> flags{
      {"peer-owns-ours", &disks.peer_owns_ours},
      {"peer-life-holds-ours", &disks.peer_life_holds_ours},
      {"promised", &disks.promised},
      {"announced", &disks.announced},
      {"announced-earlier", &disks.announced_earlier},
      {"peer-panicked", &disks.peer_panicked},
      {"peer-in-service", &disks.peer_in_service},
      {"has-peer-disk", &disks.has_peer_disk},
      {"preempted", &disks.preempted},
      {"reservations-lost", &disks.reservations_lost},
      {"mailbox-majority", &disks.mailbox_majority},
      {"asked-to-leave", &facts.asked_to_leave},
      {"gives-first", &facts.gives_first},
      {"service-preempted", &disks.service_preempted},
      {"disable", &facts.switches.disable.on},
      {"peer-no-takeover", &facts.word.switches.no_takeover.on},
      {"peer-disable", &facts.word.switches.disable.on},
  };
  if (const auto flag = flags.find(key); flag != flags.end()) {
    *flag->second = yes;
  } else if (key == "peer-life") {
    see_peer_life(node, static_cast<std::uint32_t>(std::stoul(value)));
  } else if (key == "asked-life") {
    facts.asked_life = static_cast<std::uint32_t>(std::stoul(value));
  } else if (key == "silence") {
    facts.voice.silence = value == "whole"  ? Silence::kWhole
                          : value == "half" ? Silence::kHalf
                                            : Silence::kNone;
  } else if (key == "disable-until") {
    facts.switches.disable.until_unix_ms = std::stol(value);
  } else if (key == "now") {
    facts.now_unix_ms = std::stol(value);
  } else if (key == "version") {
    facts.version = static_cast<std::uint32_t>(std::stoul(value));
  } else if (key == "mailbox-disks") {
    facts.mailbox_disks = std::stoul(value);
    disks.mailbox_majority = facts.mailbox_disks > 0;
  } else if (key == "mailbox-set") {
    facts.mailbox_set = std::stoul(value);
  } else if (key == "differs") {
    facts.settings_that_differ = {value};
  } else {
    return false;
  }
  return true;
}

// What an action writes.
void write(ScriptNode& node, NodeAction action, NodeEvent why) {
  NodeFacts& facts = node.facts;
  const auto intend = [&](IntentPhase phase) {
    const std::uint32_t victim = phase == pb::TakeoverIntent::TAKING
                                     ? std::max(facts.disks->peer_generation, facts.word.generation)
                                     : facts.intent->victim_generation();
    facts.intent = next_intent(facts.intent, phase, 1, victim);
  };
  const bool open = facts.intent && facts.intent->phase() != pb::TakeoverIntent::ENDED;
  switch (action) {
    case NodeAction::kAnnounceTakeover:
    case NodeAction::kKeepIntent:
      intend(pb::TakeoverIntent::TAKING);
      facts.intent->set_proven(why == NodeEvent::kPeerPanicked);
      facts.intent_ordered = why == NodeEvent::kTakeoverOrdered;
      break;
    case NodeAction::kReopenIntent: {
      const std::uint32_t victim = facts.intent->victim_generation();
      const std::uint32_t before = facts.word.generation - 1;  // the life before one that waits
      intend(pb::TakeoverIntent::TAKING);
      facts.intent->set_victim_generation(why == NodeEvent::kPeerWaits ? before : victim);
      break;
    }
    case NodeAction::kCallOff:
      if (open) {
        intend(facts.disks->has_peer_disk ? pb::TakeoverIntent::TAKEN : pb::TakeoverIntent::ENDED);
      }
      break;
    case NodeAction::kCloseIntent:
      if (open) intend(pb::TakeoverIntent::ENDED);
      break;
    case NodeAction::kMarkTaken:
      intend(pb::TakeoverIntent::TAKEN);
      break;
    case NodeAction::kGiveBack:
      facts.giveback_open = true;
      break;
    case NodeAction::kCloseGiveback:
      facts.giveback_open = false;
      break;
    default:
      break;
  }
}

void judge(ScriptNode& node) {
  NodeFacts& facts = node.facts;
  if (!facts.intent) return;
  const bool taking = facts.intent->phase() == pb::TakeoverIntent::TAKING;
  const std::uint32_t latest = facts.disks->peer_generation;
  const bool later = latest > facts.intent->victim_generation();
  facts.disks->verdict = later    ? IntentVerdict::kEnded
                         : taking ? IntentVerdict::kResume
                                  : IntentVerdict::kNothing;
}

std::string state_text(Phase phase) {
  return fmt::format("{} {}", name_of(mode_of(phase)), name_of(phase));
}

std::string to_text(const NodePlan::Step& step) {
  std::string text = fmt::format("{}: {}", name_of(step.event), state_text(step.before));
  if (step.row->outcome == RowOutcome::kIgnored)
    return text + "; ignored: " + std::string(step.row->why);
  if (step.row->outcome == RowOutcome::kImpossible) {
    return text + "; impossible: " + std::string(step.row->why);
  }
  if (step.before != step.after) text += " -> " + state_text(step.after);
  std::vector<std::string_view> actions;
  for (const NodeAction action : step.row->actions.get()) actions.push_back(name_of(action));
  if (!actions.empty()) text += fmt::format("; {}", fmt::join(actions, ", "));
  return text;
}

class Stage {
 public:
  std::vector<std::string> run(const Words& words) {
    output_.clear();
    if (words.size() < 2 || !nodes_.contains(words[0])) return {"unknown node, or nothing to do"};
    ScriptNode& node = nodes_.at(words[0]);
    const Words arguments(words.begin() + 2, words.end());
    if (words[1] == "see") {
      for (const std::string& word : arguments) {
        if (!set(node, word)) output_.push_back("unknown fact " + word);
      }
      observe(node);
    } else if (words[1] == "hears" && arguments.size() == 1 && nodes_.contains(arguments[0])) {
      hear(node, nodes_.at(arguments[0]));
      observe(node);
    } else if (words[1] == "event" && arguments.size() == 1) {
      const auto event = find_named(kNodeEvents, arguments[0]);
      if (event == kNodeEvents.end()) return {"unknown event"};
      perform(node, {node.plan.happened(event->event)});
    } else if (words[1] == "reboot") {
      ++node.life;
      node.begin_life();
      tell_life(node);
    } else if (words[1] == "restart" && arguments.size() == 1) {
      const auto phase = find_named(kPhases, arguments[0]);
      if (phase == kPhases.end()) return {"unknown state"};
      node.plan = NodePlan(phase->phase);
      tell_life(node);
    } else if (words[1] == "refusals") {
      const bool graceful = arguments == Words{"graceful"};
      const Phase phase = node.plan.phase();
      for (const Refusal& refusal : graceful ? refusals_of_graceful(phase, node.facts)
                                             : refusals_on_silence(phase, node.facts)) {
        output_.push_back(refusal.reason + " | " + refusal.remedy);
      }
    } else {
      return {"unknown command"};
    }
    if (output_.empty()) output_.emplace_back("nothing");
    return output_;
  }

 private:
  void hear(ScriptNode& node, const ScriptNode& peer) {
    node.facts.voice = {.seen = true};
    const Switches switches = node.facts.word.switches;
    node.facts.word = {.generation = peer.life,
                       .phase = peer.plan.phase(),
                       .version = peer.facts.version,
                       .mailbox_set = peer.facts.mailbox_set,
                       .switches = switches,
                       .has_our_disks = peer.facts.disks->has_peer_disk};
  }
  void tell_life(const ScriptNode& node) {
    output_.push_back(fmt::format("life {}: {}", node.life, state_text(node.plan.phase())));
  }
  void observe(ScriptNode& node) {
    judge(node);
    perform(node, node.plan.observe(node.facts));
  }
  void perform(ScriptNode& node, const NodePlan::Steps& steps) {
    for (const NodePlan::Step& step : steps) {
      output_.push_back(to_text(step));
      for (const NodeAction action : step.row->actions.get()) write(node, action, step.event);
    }
  }

  std::map<std::string, ScriptNode> nodes_ = [] {
    std::map<std::string, ScriptNode> two;
    two["a"];
    two["b"];
    return two;
  }();
  std::vector<std::string> output_;
};

Words words_of(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

constexpr std::string_view kTitle = "== ";
constexpr std::string_view kIndent = "    ";

}  // namespace

std::vector<NodeScript> read_scripts(std::string_view text) {
  std::vector<NodeScript> scripts;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kTitle)) {
      scripts.push_back({.name = line.substr(kTitle.size())});
    } else if (!scripts.empty()) {
      scripts.back().lines.push_back(line);
    }
  }
  return scripts;
}

std::vector<std::string> play(const NodeScript& script) {
  Stage stage;
  std::vector<std::string> lines;
  for (const std::string& line : script.lines) {
    if (line.starts_with(kIndent)) continue;
    lines.push_back(line);
    if (line.empty() || line.starts_with('#')) continue;
    for (const std::string& output : stage.run(words_of(line))) {
      lines.push_back(std::string(kIndent) + output);
    }
  }
  return lines;
}

std::string to_text(const std::vector<NodeScript>& scripts) {
  std::string text;
  for (const NodeScript& script : scripts) {
    text += fmt::format("{}{}\n", kTitle, script.name);
    for (const std::string& line : script.lines) text += line + "\n";
  }
  return text;
}

}  // namespace lastword::test
