#include "agent/node/hooks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>
#include <string_view>
#include <vector>

#include "agent/base/child_process.h"
#include "agent/base/json.h"
#include "agent/node/config_check.h"
#include "agent/node/hook_input.pb.h"
#include "agent/node/hook_plan.h"
#include "agent/node/hook_turn.h"

namespace lastword {

namespace {

// "NAME=value", of this process and for the hook. A value that this process inherited itself, as
// when a hook runs lastword, does not reach the hook beside the new one.
std::vector<std::string> environment_for(const HookInput& input) {
  std::vector<std::string> own{
      "LASTWORD_EVENT=" + input.event,
      "LASTWORD_DETAIL=" + input.detail,
      fmt::format("LASTWORD_DISKS={}", fmt::join(input.disks, " ")),
      fmt::format("LASTWORD_NEW_DISKS={}", fmt::join(input.new_disks, " ")),
      fmt::format("LASTWORD_MISSING_DISKS={}", fmt::join(input.missing_disks, " ")),
      fmt::format("LASTWORD_UNREADABLE_DISKS={}", fmt::join(input.unreadable_disks, " ")),
      fmt::format("LASTWORD_STALE={}", fmt::join(input.stale_disks, " ")),
      fmt::format("LASTWORD_OPENERS={}", fmt::join(input.openers, "\n"))};
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view inherited = *variable;
    const auto same_name = [name = inherited.substr(0, inherited.find('=') + 1)](
                               const std::string& one) { return one.starts_with(name); };
    if (std::ranges::none_of(own, same_name)) all.emplace_back(inherited);
  }
  std::ranges::move(own, std::back_inserter(all));
  return all;
}

std::string json_of(const HookInput& input) {
  pb::HookInput message;
  message.set_event(input.event);
  message.set_detail(input.detail);
  for (const std::string& disk : input.disks) message.add_disks(disk);
  for (const std::string& disk : input.new_disks) message.add_new_disks(disk);
  for (const std::string& disk : input.missing_disks) message.add_missing_disks(disk);
  for (const std::string& disk : input.unreadable_disks) message.add_unreadable_disks(disk);
  for (const std::string& disk : input.stale_disks) message.add_stale_disks(disk);
  for (const std::string& opener : input.openers) message.add_openers(opener);
  return to_json(message);
}

// Of an event that has no hook, too: a caller may name a program of its own.
std::mutex& turn_of(const std::string& event) {
  static std::mutex service;
  static std::mutex suspend;
  static std::array<std::mutex, kHookEvents.size() + 1> own;
  const auto known = hook_event(event);
  if (known && known->turn == HookTurn::kService) return service;
  if (known && known->turn == HookTurn::kSuspend) return suspend;
  const auto* const place = std::ranges::find(kHookEvents, event, &HookEvent::name);
  return own.at(static_cast<std::size_t>(place - kHookEvents.begin()));
}

// What an operator does when it has more time.
std::string_view next_run_of(std::string_view event) {
  if (event == "service-taken") return ", then `lastword takeover` runs it again";
  if (event == "service-returning") return ", then `lastword giveback` runs it again";
  if (event == "service-leaving") return ", then `lastword handover` or `halt` runs it again";
  if (event == "resume") return "; the service begins all the same";
  if (event == "service-returned") {
    return ", then `systemctl restart lastword-agent` runs it again; after a handover that was "
           "called off start the service by hand";
  }
  return "";
}

std::string describe(ChildEnd::How how, std::string_view event, milliseconds timeout) {
  std::string_view by = "was ended by SIGTERM";
  if (how == ChildEnd::How::kKilled) by = "did not end by SIGTERM, and was killed";
  if (how == ChildEnd::How::kNotAtAll) by = "cannot be ended, and is waited for no longer";
  return fmt::format("after {:g} s it {}; mend it, or raise [hooks] timeout{}",
                     static_cast<double>(timeout.count()) / 1000, by, next_run_of(event));
}

}  // namespace

Hook hook_of(const Hooks& hooks, const std::string& event, const std::string& state_directory) {
  return {.program = choose_hook(hooks, event, is_program),
          .timeout = hooks.timeout,
          .state_directory = state_directory};
}

Status run_hook(const Hook& hook, const HookInput& input) {
  if (hook.program.empty()) return {};
  const std::lock_guard turn(turn_of(input.event));
  const auto known = hook_event(input.event);
  NodeTurn of_node(hook.state_directory, known ? known->turn : HookTurn::kOwn, hook.grace);
  if (input.wanted && !input.wanted()) return {};
  Error error{.code = Code::kIo, .operation = "hook " + input.event, .disk = hook.program};
  const auto end =
      run_child({.command = {hook.program},
                 .environment = environment_for(input),
                 .input = json_of(input),
                 .timeout = hook.timeout,
                 .grace = hook.grace,
                 .begun = [&](pid_t child) { of_node.hook_began(child, hook.timeout); }});
  if (!end) {
    error.sys_errno = end.error().sys_errno;
    return fail(error);
  }
  if (end->how != ChildEnd::How::kItself) {
    error.code = Code::kTimeout;
    error.detail = describe(end->how, input.event, hook.timeout);
    return fail(error);
  }
  const int status = end->wait_status;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string how = WIFEXITED(status)
                              ? fmt::format("ended with status {}", WEXITSTATUS(status))
                              : fmt::format("killed by signal {}", WTERMSIG(status));
  error.detail = fmt::format("{}: mend it{}", how, next_run_of(input.event));
  return fail(error);
}

}  // namespace lastword
