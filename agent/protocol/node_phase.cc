#include "agent/protocol/node_phase.h"

#include <cstddef>

namespace lastword {
namespace {

// The texts are in the order of the enumerators, so that an enumerator is an index.
template <class Texts, class Member>
constexpr bool in_order(const Texts& texts, Member member) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (static_cast<std::size_t>(texts[i].*member) != i) return false;
  }
  return true;
}
static_assert(in_order(kPhases, &PhaseText::phase));
static_assert(in_order(kNodeEvents, &NodeEventText::event));
static_assert(in_order(kNodeActions, &NodeActionText::action));

const PhaseText& text_of(Phase phase) {
  return kPhases.at(static_cast<std::size_t>(phase));
}
const NodeEventText& text_of(NodeEvent event) {
  return kNodeEvents.at(static_cast<std::size_t>(event));
}
const NodeActionText& text_of(NodeAction action) {
  return kNodeActions.at(static_cast<std::size_t>(action));
}

}  // namespace

std::string_view name_of(NodeMode mode) {
  switch (mode) {
    case NodeMode::kNormal:
      return "NORMAL";
    case NodeMode::kTakeover:
      return "TAKEOVER";
    case NodeMode::kStopped:
      return "STOPPED";
    case NodeMode::kRebooting:
      return "REBOOTING";
  }
  return "unknown";
}

std::string_view name_of(Phase phase) {
  return text_of(phase).name;
}
std::string_view name_of(NodeEvent event) {
  return text_of(event).name;
}
std::string_view name_of(NodeAction action) {
  return text_of(action).name;
}
std::string_view describe(Phase phase) {
  return text_of(phase).meaning;
}
std::string_view describe(NodeEvent event) {
  return text_of(event).meaning;
}
std::string_view describe(NodeAction action) {
  return text_of(action).meaning;
}
NodeMode mode_of(Phase phase) {
  return text_of(phase).mode;
}

}  // namespace lastword
