// Every time lastword waits, derived from six settings. Nothing else may define a time-out.
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
// Where a node dies without a word, seconds after its last heartbeat, with the defaults:
//
//     0.0  the last heartbeat that its partner read; one is due every second
//    10.0  half of the silence time: event `partner-late`
//    17.0  its own watchdog, where it has one, resets it
//    20.0  silence: takeover-announced. A node that only seemed dead may show that it lives
//    27.0  announcement over: the vote on the mailbox disks
//    27.3  the partner has taken all service disks: service-taken
//
// What follows has no clients that wait, and is bounded all the same, so that the takeover ends:
//
//   +360    a hook that began so long ago is ended, unless [hooks] timeout says otherwise
//   +613    a recovery that has shown no progress for so long is given up
//   +50     a giveback waits so long, from its promise of disks, until the home node has them
//   +110    and so long, from the promise of its dump disks, until the home node is armed
//   +53     a node that has left its disks waits so long until the partner has them
//   +798    a node that was asked to leave is given so long, before it is taken over by force (its
//   hook
//           may wait for another one first)
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
  milliseconds heartbeat{1000};        // from one to the next
  milliseconds
      silence{};  // without heartbeats, until the partner counts as dead; 0: shortest_silence()
};

// A restart of the agent ends within this: systemd's delay, and the program's start. The first
// heartbeat may take two I/O time-outs more.
inline constexpr milliseconds kAgentRestart{7000};
// Parts of it. An agent whose loop stands still is ended after so long (WatchdogSec= of its
// unit)...
inline constexpr milliseconds kAgentWatchdog{4000};
// ... started again after that (RestartSec=), and begins to work within the rest.
inline constexpr milliseconds kAgentRestartDelay{1000};
// An agent that is told to stop in a takeover waits so long for the service's hook to end. systemd
// waits for the agent three times as long (TimeoutStopSec=, 90 s by default).
inline constexpr milliseconds kPatienceWithHook{30'000};
// From when a node's watchdog runs out until the machine cannot write any more.
inline constexpr milliseconds kWatchdogReset{2000};
// A watchdog that runs out sooner would reset a node whose agent is only restarted.
inline constexpr std::chrono::seconds kShortestWatchdog =
    std::chrono::ceil<std::chrono::seconds>(kAgentRestart);
// A disk writes and reads a heartbeat within milliseconds; much shorter ones only cost.
inline constexpr milliseconds kShortestHeartbeat{200};
inline constexpr milliseconds kLongestHeartbeat{10'000};

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
// `lastword start` and `arm` wait so long for another command, or the agent that arms: hooks run
// the first, and udev the second.
inline constexpr milliseconds kPatienceWithCommand{10'000};
// SYNCHRONIZE CACHE of a whole disk: so long the kernel's own flush may take (SD_FLUSH_TIMEOUT,
// Linux drivers/scsi/sd.h).
inline constexpr milliseconds kLongestFlush{60'000};
// A command that is to be alone on a disk waits so long for others of this node, and they for it
// (storage/block/disk_turn.h). Then it goes all the same.
inline constexpr milliseconds kPatienceAlone{250};
inline constexpr milliseconds kPatienceBeside{100};
// How long a hook waits for udev to come to rest before it runs.
inline constexpr milliseconds kUdevSettle{5000};
// A hook that does no more than it should may end as quickly as it likes.
inline constexpr milliseconds kShortestHook{1000};
// A node that waits for its giveback looks at its disks at least so often.
inline constexpr milliseconds kWaitingLook{1000};
// `lastword arm` on a slow machine: it reads the modules of many drivers and packs an image.
inline constexpr milliseconds kLongestArm{60'000};
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
  // The shortest [timing] silence that is safe: neither a disk that is slow nor a restart of the
  // agent may look like the death of its node.
  [[nodiscard]] static constexpr milliseconds shortest_silence(const TimingSettings& s) {
    return 2 * s.io_timeout + 3 * s.heartbeat + kAgentRestart;
  }
  // Without heartbeats, until the partner counts as dead.
  [[nodiscard]] constexpr milliseconds peer_silence() const {
    return settings.silence.count() != 0 ? settings.silence : shortest_silence(settings);
  }
  // The time-out of a node's own watchdog ([watchdog] device), in whole seconds as the kernel takes
  // it. It counts from the last turn of the agent's loop, and the last heartbeat may be older by
  // the time between two: the node is reset before its partner's silence is over.
  [[nodiscard]] constexpr std::chrono::seconds watchdog_timeout() const {
    return std::chrono::floor<std::chrono::seconds>(peer_silence() - settings.heartbeat -
                                                    kWatchdogReset);
  }
  // From the announcement of a takeover on silence to its first vote: a partner that lives after
  // all writes a heartbeat, and this node reads it.
  [[nodiscard]] constexpr milliseconds announcement() const {
    return settings.io_timeout + 2 * settings.heartbeat;
  }
  // What was read of a mailbox disk counts for so long.
  [[nodiscard]] constexpr milliseconds freshness() const { return 3 * settings.heartbeat; }

  // From the promise of disks until the node that waits for them holds and owns all: it looks, at
  // two I/O time-outs; once more, where the first look just missed the promise; and takes them side
  // by side, at four.
  [[nodiscard]] constexpr milliseconds giveback_taking() const {
    return 2 * (kWaitingLook + 2 * settings.io_timeout) + 4 * settings.io_timeout;
  }
  // Likewise until it is armed on one of its dump disks.
  [[nodiscard]] constexpr milliseconds giveback_arming() const {
    return giveback_taking() + kLongestArm;
  }

  // From when a node says that it has left its disks until the partner holds and owns all: it hears
  // that, looks, where a look was just under way once more, votes, and takes them side by side.
  [[nodiscard]] constexpr milliseconds handover_taking() const {
    return freshness() + 10 * settings.io_timeout;
  }
  // How long a node is given that was asked to leave, where an operator does not say: its hook may
  // wait for its turn, and then last as long as a hook may.
  [[nodiscard]] constexpr milliseconds countdown(milliseconds hook_timeout) const {
    return service_hook_given_up(hook_timeout) + handover_taking();
  }

  // The default of [hooks] timeout. After client_timeout the clients are gone, but a journal that
  // is replayed, or a check of a file system, is still worth its end.
  [[nodiscard]] constexpr milliseconds hook_timeout() const { return 4 * settings.client_timeout; }
  // From the beginning of a hook with that time-out until it is waited for no longer, whether it
  // could be ended or not.
  [[nodiscard]] static constexpr milliseconds hook_given_up(milliseconds hook_timeout) {
    return 2 * kUdevSettle + hook_timeout + 3 * kHookGrace;
  }
  // The same of a hook of the service, which first waits for its turn while another one ends.
  [[nodiscard]] static constexpr milliseconds service_hook_given_up(milliseconds hook_timeout) {
    return hook_timeout + hook_given_up(hook_timeout);
  }
  // From the last progress of a recovery until it counts as hung. Its longest step without any is
  // the last sync, of at most a core; the writer brought that to a disk within dump_limit, and the
  // file system of the cores may be ten times as slow.
  [[nodiscard]] constexpr milliseconds recovery_stall() const {
    return 10 * settings.dump_limit + stall();
  }
};

// Refuses (kUsage) a time out of its bounds, and settings that contradict each other: wanted are
// io_timeout < dump_limit, grace < dump_limit < client_timeout, shortest_silence() <= silence.
[[nodiscard]] Result<Timing> derive_timing(const TimingSettings& settings);

}  // namespace lastword
