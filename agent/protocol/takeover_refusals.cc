#include "agent/protocol/takeover_refusals.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/protocol/remedies.h"

namespace lastword {
namespace {

constexpr std::string_view kAll =
    "run `lastword start` on both nodes, with all mailbox disks in sight";

// `command` takes the switch back.
std::string ends_by(std::string_view command, const Switch& asked) {
  return fmt::format("{}{}", command, asked.until_unix_ms == 0 ? "" : ", or wait until it expires");
}

void add_differences(const NodeFacts& facts, Refusals& refusals) {
  if (!facts.voice.seen) return;  // nothing is known to differ
  if (facts.word.version != facts.version) {
    refusals.push_back({fmt::format("the partner speaks version {} of the protocol, this node {}",
                                    facts.word.version, facts.version),
                        "install the same version of lastword on both nodes"});
  }
  if (!facts.settings_that_differ.empty()) {
    refusals.push_back({fmt::format("settings differ between the nodes: {}",
                                    fmt::join(facts.settings_that_differ, ", ")),
                        std::string(kSameSettings)});
  }
}

void add_mailbox(const NodeFacts& facts, Refusals& refusals) {
  if (facts.mailbox_disks == 0) {
    refusals.push_back(
        {"there are no mailbox disks: nothing would keep both nodes from taking over",
         "label one or three disks with role mailbox; until then only a proven panic "
         "or an operator's order is taken over"});
    return;
  }
  if (facts.voice.seen && facts.word.mailbox_set != facts.mailbox_set) {
    refusals.push_back(
        {"the nodes count votes by different sets of mailbox disks", std::string(kAll)});
  }
  if (facts.disks && !facts.disks->mailbox_majority) {
    refusals.push_back({fmt::format("fewer than a majority of the {} mailbox disks can be read",
                                    facts.mailbox_disks),
                        "`lastword status` names the disks; bring them back"});
  }
}

}  // namespace

std::string describe(const Refusals& refusals) {
  std::string text;
  for (const Refusal& refusal : refusals) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", refusal.reason, refusal.remedy);
  }
  return text;
}

Refusals refusals_on_panic(const NodeFacts& facts) {
  Refusals refusals;
  const auto stands = [&](const Switch& asked) { return is_on(asked, facts.now_unix_ms); };
  if (stands(facts.switches.disable)) {
    refusals.push_back({"takeover is switched off here (DISABLE)",
                        ends_by("`lastword enable` here", facts.switches.disable)});
  }
  if (stands(facts.word.switches.disable)) {
    refusals.push_back({"takeover is switched off by the partner (DISABLE)",
                        ends_by("`lastword enable` on the partner", facts.word.switches.disable)});
  }
  if (stands(facts.word.switches.no_takeover)) {
    refusals.push_back(
        {"the partner does not want to be taken over (NO_TAKEOVER)",
         ends_by("`lastword no-takeover --off` on the partner", facts.word.switches.no_takeover)});
  }
  return refusals;
}

Refusals refusals_on_silence(Phase phase, const NodeFacts& facts) {
  Refusals refusals = refusals_on_panic(facts);
  if (!facts.voice.seen && phase != Phase::kResuming) {
    refusals.push_back(
        {"the partner was not seen since this node booted: its silence means nothing",
         "start the partner; if it is dead, `lastword takeover`"});
  }
  if (mode_of(facts.word.phase) == NodeMode::kStopped && facts.word.phase != Phase::kFenced) {
    refusals.push_back(
        {"the partner was stopped by an operator",
         "`lastword start` on the partner; if its service is needed here, `lastword takeover`"});
  }
  if (facts.disks && facts.disks->preempted) {
    refusals.push_back({"this node has lost the votes in its present life",
                        "reboot it: a later life can vote again"});
  }
  add_differences(facts, refusals);
  add_mailbox(facts, refusals);
  return refusals;
}

Refusals refusals_of_graceful(Phase phase, const NodeFacts& facts) {
  Refusals refusals;
  if (phase == Phase::kGivingBack) {
    refusals.push_back({"a giveback to the partner is under way, and the partner is not NORMAL yet",
                        "wait until it is"});
  } else if (phase != Phase::kPaired) {
    refusals.push_back({fmt::format("this node is {}, {}", name_of(mode_of(phase)), name_of(phase)),
                        "it must be NORMAL, paired: `lastword status` says what is in the way"});
  }
  if (!facts.voice.seen || facts.voice.silence != Silence::kNone) {
    refusals.push_back({"the partner is not heard, so it cannot be asked to leave",
                        "bring a path between the nodes back; if the partner is dead, `lastword "
                        "takeover`"});
  } else if (mode_of(facts.word.phase) != NodeMode::kNormal) {
    refusals.push_back({fmt::format("the partner is {}, {}", name_of(mode_of(facts.word.phase)),
                                    name_of(facts.word.phase)),
                        "it must be NORMAL to leave in good order"});
  }
  add_differences(facts, refusals);
  return refusals;
}

}  // namespace lastword
