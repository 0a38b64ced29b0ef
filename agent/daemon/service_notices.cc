#include "agent/daemon/service_notices.h"

#include <fmt/format.h>

#include <utility>

namespace lastword {

void ServiceNotices::takeover_announced(std::vector<std::string> disks) {
  tell("takeover-announced", "partner-announces-takeover",
       "has announced to take over from this life", std::move(disks));
}

void ServiceNotices::takeover_called_off(std::vector<std::string> disks) {
  tell("takeover-called-off", "partner-calls-off-takeover", "has called off its takeover",
       std::move(disks));
}

void ServiceNotices::tell(std::string_view hook, std::string_view event, std::string_view what,
                          std::vector<std::string> disks) {
  HookInput input{.event = std::string(hook),
                  .detail = fmt::format("{} {}", config_.partner.name, what),
                  .disks = std::move(disks)};
  events_({.name = std::string(event), .disk = {}, .detail = input.detail});
  run_elsewhere<Status>(
      executor_, loop_,
      [run_hook = run_hook_, input = std::move(input)] { return run_hook(input); },
      [this](const Status& done) {
        if (!done) {
          events_({.name = "hook-failed", .disk = {}, .detail = describe(done.error())});
        }
      });
}

}  // namespace lastword
