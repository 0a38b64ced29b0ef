#include "agent/takeover/announce_run.h"

namespace lastword {

void AnnounceRun::tell(const std::optional<Announcement>& announcement) {
  if (!announcement) return;
  const HookInput input{.event = "service-taken",
                        .detail = describe(*announcement),
                        .disks = announcement->held,
                        .new_disks = announcement->fresh,
                        .missing_disks = announcement->missing};
  work_.events({.name = input.event, .disk = {}, .detail = input.detail});
  // Elsewhere: restarting a service may take longer than the dump.
  run_elsewhere<Status>(
      work_.executor(), loop_, [run_hook = work_.run_hook, input] { return run_hook(input); },
      [this](const Status& status) { on_hook_ended(status); });
}

void AnnounceRun::on_hook_ended(const Status& status) {
  if (!status) {
    hook_failed_ = true;
    work_.events({.name = "hook-failed", .disk = {}, .detail = describe(status.error())});
  }
  tell(plan_.hook_ended());
}

}  // namespace lastword
