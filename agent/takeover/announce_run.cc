#include "agent/takeover/announce_run.h"

#include <utility>

namespace lastword {
namespace {

constexpr std::size_t kMaxOpeners = 100;

}  // namespace

void AnnounceRun::tell(const std::optional<Announcement>& announcement) {
  if (!announcement) return;
  HookInput input{.event = "service-taken",
                  .detail = describe(*announcement),
                  .disks = announcement->held,
                  .new_disks = announcement->fresh,
                  .missing_disks = announcement->missing};
  work_.events({.name = input.event, .disk = {}, .detail = input.detail});
  // Elsewhere: restarting a service may take longer than the dump.
  run_elsewhere<Status>(
      work_.executor(), loop_,
      [this, run_hook = work_.run_hook, shelf = &work_.shelf(), post = loop_.poster(),
       input = std::move(input)]() mutable {
        for (const auto& [disk, programs] : shelf->find_openers(input.new_disks)) {
          for (const std::string& program : programs) {
            // An environment has a limit, beyond which the hook would not start.
            if (input.openers.size() < kMaxOpeners) input.openers.push_back(disk + " " + program);
            post([this, disk, program] { tell_of_opener(disk, program); });
          }
        }
        return run_hook(input);
      },
      [this](const Status& status) { on_hook_ended(status); });
}

void AnnounceRun::tell_of_opener(const std::string& disk, const std::string& program) {
  work_.events({.name = "disk-open",
                .disk = disk,
                .detail = program +
                          " has had it open since before it was taken, and may go on with "
                          "what it read then"});
}

void AnnounceRun::on_hook_ended(const Status& status) {
  if (!status) {
    hook_failed_ = true;
    work_.events({.name = "hook-failed", .disk = {}, .detail = describe(status.error())});
  }
  tell(plan_.hook_ended());
}

}  // namespace lastword
