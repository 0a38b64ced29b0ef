// Which program runs at which event. Pure: what is in the directory of hooks is asked of the
// caller.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/protocol/config.h"

namespace lastword {

// Hooks wait for each other where one undoes what the other does, and not otherwise: a message that
// hangs must not hold up a service.
enum class HookTurn : std::uint8_t {
  kService,  // one of these at a time
  kSuspend,  // likewise: one of them undoes what the other does
  kOwn,      // one of this event at a time
};

struct HookEvent {
  std::string_view name;
  HookTurn turn = HookTurn::kOwn;
};

// All events that a hook can have.
inline constexpr std::array kHookEvents{
    HookEvent{"service-taken", HookTurn::kService},      // service disks of the partner are here
    HookEvent{"service-returning", HookTurn::kService},  // they are about to go back
    HookEvent{"service-returned", HookTurn::kService},   // this node has its own disks again
    HookEvent{"service-leaving", HookTurn::kService},    // its own disks are about to be left
    HookEvent{"resume", HookTurn::kService},  // before service-taken and -returned: what is pending
    HookEvent{"fenced"},                      // the partner took over while this node lived
    HookEvent{"takeover-announced", HookTurn::kSuspend},   // the partner is about to take over
    HookEvent{"takeover-called-off", HookTurn::kSuspend},  // it does not
    HookEvent{"dump-saved"},                               // a dump of the partner is in a file
};
[[nodiscard]] std::optional<HookEvent> hook_event(std::string_view name);

// What can be wrong with an entry of the directory of hooks, for people; empty: nothing.
// `is_program`: it is a regular file that may be executed.
[[nodiscard]] std::string why_no_hook(std::string_view name, bool is_program);

// The program to run at this event; empty: none. A setting for the event goes before the directory,
// also where it names no program that can be run. Asks `is_program` of one path at most.
[[nodiscard]] std::string choose_hook(const Hooks& hooks, std::string_view event,
                                      const std::function<bool(const std::string&)>& is_program);

}  // namespace lastword
