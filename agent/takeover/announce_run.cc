#include "agent/takeover/announce_run.h"

#include <algorithm>
#include <utility>

namespace lastword {
namespace {

constexpr std::size_t kMaxOpeners = 100;

}  // namespace

AnnounceRun::AnnounceRun(const TakeoverWork& work, Loop& loop, std::uint32_t victim, bool whole)
    : work_(work), loop_(loop), before_(work.shelf().count_uevents()), plan_(whole) {
  const auto kept = load_announced(work.config);
  const std::uint32_t own = work.state.boot_generation;
  if (kept) {
    announced_ = *kept;
    const bool same_run = kept->generation() == own && kept->victim_generation() == victim;
    if (!same_run) announced_.clear_disks();
  }
  announced_.set_generation(own);
  announced_.set_victim_generation(victim);
}

void AnnounceRun::expect(const std::string& disk, const std::string& uuid) {
  const auto known = std::ranges::find_if(
      uuids_, [&](const auto& one) { return one.second == uuid && one.first != disk; });
  if (known != uuids_.end()) {
    plan_.forget(known->first);
    uuids_.erase(known);
  }
  uuids_[disk] = uuid;
  plan_.expect(disk, std::ranges::count(announced_.disks(), uuid) != 0);
}

void AnnounceRun::forget(const std::string& disk) {
  uuids_.erase(disk);
  plan_.forget(disk);
  tell(plan_.held({}));
}

// What an operator has to know who waits for the service.
void AnnounceRun::tell_held_back() {
  const auto announcement = plan_.held_back();
  const std::string what = announcement ? describe(*announcement) : std::string();
  if (std::exchange(told_held_back_, what) == what || what.empty()) return;
  work_.events({.name = "service-held-back",
                .disk = {},
                .detail = what + "; after silence the service is announced when it is whole. "
                                 "`lastword takeover` announces what is there, and so does "
                                 "[takeover] incomplete_service"});
}

void AnnounceRun::tell(const std::optional<Announcement>& announcement) {
  tell_held_back();
  if (!announcement) return;
  const unsigned number = announcement->number;
  HookInput input{.event = "service-taken",
                  .detail = describe(*announcement),
                  .disks = announcement->held,
                  .new_disks = announcement->fresh,
                  .missing_disks = announcement->missing,
                  .unreadable_disks = announcement->unreadable,
                  .stale_disks = announcement->stale};
  work_.events({.name = input.event, .disk = {}, .detail = input.detail});
  remember(announcement->held, *announced_.mutable_told());
  given_up_ = std::make_shared<std::atomic<bool>>(false);
  // Elsewhere: restarting a service may take longer than the dump.
  run_elsewhere<Status>(
      work_.executor(), loop_,
      [this, number, run_hook = work_.run_hook, run_resume = work_.resume, shelf = &work_.shelf(),
       before = before_, given_up = given_up_, post = loop_.poster(),
       input = std::move(input)]() mutable {
        if (Status rest = shelf->wait_for_partitions(input.new_disks, before); !rest) {
          post([this, problem = rest.error()] {
            work_.events({.name = "udev-busy", .disk = {}, .detail = describe(problem)});
          });
        }
        for (const auto& [disk, openers] : shelf->find_openers(input.new_disks)) {
          for (const std::string& opener : openers) {
            // An environment has a limit, beyond which the hook would not start.
            if (input.openers.size() < kMaxOpeners) input.openers.push_back(disk + " " + opener);
            post([this, disk, opener] { tell_of_opener(disk, opener); });
          }
        }
        // A disk held this up for too long: the next hook may be at work by now.
        const Status too_late = fail({.code = Code::kTimeout, .operation = "hook"});
        if (*given_up) return too_late;
        if (run_resume) {
          const Status resumed = resume_pending(run_resume, input);
          post([this, number, resumed] { on_resumed(number, resumed); });
          if (*given_up) return too_late;
        }
        return run_hook(input);
      },
      [this, number, held = announcement->held](const Status& status) {
        // An interrupted takeover goes on without this hook.
        if (status && plan_.is_running(number)) remember(held, *announced_.mutable_disks());
        on_hook_ended(number, status);
      });
  loop_.after(Timing::service_hook_given_up(work_.config.hooks.timeout), [this, number] {
    if (resumed_ != number) give_up(number);
  });
}

// The hook that follows has all of its time.
void AnnounceRun::on_resumed(unsigned number, const Status& resumed) {
  if (!plan_.is_running(number)) return;
  resumed_ = number;
  if (!resumed) {
    work_.events({.name = "hook-failed", .disk = {}, .detail = describe(resumed.error())});
  }
  loop_.after(Timing::service_hook_given_up(work_.config.hooks.timeout),
              [this, number] { give_up(number); });
}

void AnnounceRun::tell_of_opener(const std::string& disk, const std::string& opener) {
  work_.events(
      {.name = "disk-open",
       .disk = disk,
       .detail =
           opener + ", since before the disk was taken: it may go on with what it read then"});
}

void AnnounceRun::on_hook_ended(unsigned number, const Status& status) {
  if (!plan_.is_running(number)) return;
  if (!status) {
    hook_failed_ = true;
    work_.events({.name = "hook-failed", .disk = {}, .detail = describe(status.error())});
  }
  tell(plan_.hook_ended(number));
}

// `list`: of announced_.
void AnnounceRun::remember(const std::vector<std::string>& disks, UuidList& list) {
  for (const std::string& disk : disks) {
    const std::string& uuid = uuids_[disk];
    if (std::ranges::count(list, uuid) == 0) *list.Add() = uuid;
  }
  if (const Status kept = save_announced(work_.config, announced_); !kept) {
    work_.events({.name = "hook-not-remembered", .disk = {}, .detail = describe(kept.error())});
  }
}

// run_hook() ends a hook in time, unless the kernel does not let go of a process.
void AnnounceRun::give_up(unsigned number) {
  if (!plan_.is_running(number)) return;
  *given_up_ = true;
  on_hook_ended(
      number,
      fail({.code = Code::kTimeout,
            .operation = "hook service-taken",
            .disk = work_.config.hooks.service_taken,
            .detail = "it has not ended, or another hook did not before it: it is waited for no "
                      "longer"}));
}

}  // namespace lastword
