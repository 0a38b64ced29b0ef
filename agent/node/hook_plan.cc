#include "agent/node/hook_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "proto/nearest_word.h"

namespace lastword {
namespace {

std::string_view own_setting(const Hooks& hooks, std::string_view event) {
  if (event == "service-taken") return hooks.service_taken;
  if (event == "fenced") return hooks.fenced;
  return {};
}

std::vector<std::string_view> names_of_events() {
  std::vector<std::string_view> names;
  for (const HookEvent& event : kHookEvents) names.push_back(event.name);
  return names;
}

}  // namespace

std::optional<HookEvent> hook_event(std::string_view name) {
  const auto* const found = std::ranges::find(kHookEvents, name, &HookEvent::name);
  return found == kHookEvents.end() ? std::nullopt : std::optional(*found);
}

std::string why_no_hook(std::string_view name, bool is_program) {
  if (!hook_event(name)) {
    const auto known = names_of_events();
    const std::string_view near = nearest_word(name, known);
    return near.empty()
               ? fmt::format("never run: the events are {}", fmt::join(known, ", "))
               : fmt::format("never run: no event has this name; did you mean \"{}\"?", near);
  }
  if (!is_program) return "never run: not an executable file; chmod +x it, or remove it";
  return "";
}

std::string choose_hook(const Hooks& hooks, std::string_view event,
                        const std::function<bool(const std::string&)>& is_program) {
  if (const std::string_view own = own_setting(hooks, event); !own.empty()) return std::string(own);
  if (hooks.directory.empty() || !hook_event(event)) return "";
  std::string path = fmt::format("{}/{}", hooks.directory, event);
  return is_program(path) ? path : "";
}

}  // namespace lastword
