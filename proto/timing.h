// Every time lastword waits, derived from four settings. Nothing else may define a time-out.
//
// Worked timeline with the defaults, seconds after the panic:
//
//     0.0  panic
//     2..  capture kernel runs lastword-dump (must be below grace)
//     2..  IN_PROGRESS written: the partner polls headers every 0.1 s and sees it
//     2.3  the partner has taken all service disks: service-taken
//    10.0  grace: the capture kernel runs by now or never will
//    31.0  silence: had nothing gone IN_PROGRESS on any of three armed spares by now, they were
//          taken. Each may cost the writer two I/O time-outs: one to check it, one to write
//          IN_PROGRESS
//    +11   silence with one armed spare left: from ABORTED(IO_ERROR), or from the stall time, the
//          writer has that long to show on it
//   every 1 s  the writer's progress record
//    60.0  dump limit: the writer stops, flushes, ABORTED(limit); it needs up to one I/O time-out
//   +13    stall: 13 s after the last progress seen, the partner takes the dump disk
//    75.0  deadline: whatever happened, the partner takes the dump disk
//    90.0  the clients of the service would have given up (client_timeout)
//
// What follows has no clients that wait, and is bounded all the same, so that the takeover ends:
//
//   +360    a hook that began so long ago is ended, unless [hooks] timeout says otherwise
//   +613    a recovery that has shown no progress for so long is given up
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "proto/error.h"

namespace lastword {

using std::chrono::milliseconds;
// On a clock that never jumps; only differences matter.
using Instant = milliseconds;

struct TimingSettings {
  milliseconds io_timeout{5000};       // one command to one disk
  milliseconds dump_limit{60000};      // panic to the last byte of the dump
  milliseconds grace{10000};           // panic seen to "its capture kernel never starts to dump"
  milliseconds client_timeout{90000};  // what the clients of the service bear
};

// With a shorter time-out, a disk that is only busy would count as sick.
inline constexpr milliseconds kShortestIoTimeout{500};
// With a longer time-out, one disk that hangs would hold up everything that waits for it.
inline constexpr milliseconds kLongestIoTimeout{60'000};
// No capture kernel starts a dump sooner. No dump limit and no client time-out may be shorter.
inline constexpr milliseconds kShortestGrace{1000};
// No other time may be longer. Sums of such times are far from an overflow.
inline constexpr milliseconds kLongestTime{24 * 3600 * 1000};

// The writer's heartbeat, and how often the partner looks.
inline constexpr milliseconds kProgressInterval{1000};
inline constexpr milliseconds kPollInterval{100};
// The dump writer looks for its disks for the grace time at most (slow adapters take many seconds);
// once it has some, it waits for the others only as long as new disks keep appearing this close
// after each other.
inline constexpr milliseconds kDiskSettle{500};
// How long a hook waits for udev to come to rest before it runs.
inline constexpr milliseconds kUdevSettle{5000};
// A hook that does no more than it should may end as quickly as it likes.
inline constexpr milliseconds kShortestHook{1000};
// From SIGTERM to SIGKILL, and from SIGKILL to a process that the kernel does not let go of.
inline constexpr milliseconds kHookGrace{5000};

struct Timing {
  TimingSettings settings;

  // The writer gives up on a disk after io_timeout; only then may the partner call it stalled.
  [[nodiscard]] constexpr milliseconds stall() const {
    return 2 * settings.io_timeout + 3 * kProgressInterval;
  }
  // From the last sign of life of the capture kernel, or from when its disk stalled, until none of
  // `armed` disks (at least one) can get its dump any more. Whatever it is at work on, starting or
  // a disk that hangs, the partner hears nothing meanwhile.
  [[nodiscard]] constexpr milliseconds silence(std::size_t armed) const {
    const milliseconds each = 2 * settings.io_timeout;
    const auto all = static_cast<milliseconds::rep>(armed);
    return std::max(settings.grace + (all - 1) * each, all * each + kProgressInterval);
  }
  // From the panic; what the writer needs to flush and say ABORTED(limit), and slack for polling.
  [[nodiscard]] constexpr milliseconds deadline() const {
    return settings.dump_limit + stall() + 2 * kProgressInterval;
  }
  // The default of [hooks] timeout. After client_timeout the clients are gone, but a journal that
  // is replayed, or a check of a file system, is still worth its end.
  [[nodiscard]] constexpr milliseconds hook_timeout() const { return 4 * settings.client_timeout; }
  // From the beginning of a hook with that time-out until it is waited for no longer, whether it
  // could be ended or not.
  [[nodiscard]] static constexpr milliseconds hook_given_up(milliseconds hook_timeout) {
    return 2 * kUdevSettle + hook_timeout + 3 * kHookGrace;
  }
  // From the last progress of a recovery until it counts as hung. Its longest step without any is
  // the last sync, of at most a core; the writer brought that to a disk within dump_limit, and the
  // file system of the cores may be ten times as slow.
  [[nodiscard]] constexpr milliseconds recovery_stall() const {
    return 10 * settings.dump_limit + stall();
  }
};

// Refuses (kUsage) a time out of its bounds, and settings that contradict each other: wanted are
// io_timeout < dump_limit, grace < dump_limit < client_timeout.
[[nodiscard]] Result<Timing> derive_timing(const TimingSettings& settings);

}  // namespace lastword
