// What may go wrong in a history, and why.
//
// Permitted, since real shelves and nodes do it:
//   slow        a command takes up to half the I/O time-out: a busy target
//   lost        a command never reaches the target; the caller times out
//   answer lost a command is executed, the caller times out
//   late        the caller times out; the target has accepted the command and executes it up to 20
//   s
//               later: a write without another look at the reservation, any other command with the
//               checks of then. PREEMPT AND ABORT of its nexus, LOGICAL UNIT RESET and power loss
//               end it before
//   queued      the same of a write whose caller waits for it
//   attention   a unit attention at any time; a target's own doing
//   conflict    TEST UNIT READY answers RESERVATION CONFLICT to a node that is not registered: odd
//               disks do
//   hang        one disk does not answer one node for up to 8 s: its path fails over
//   unseen      a node does not see a disk at all, from a boot on or for some seconds
//   kill        a node loses power, or a process is killed, between any two commands. Commands
//   under
//               way may still be executed. A node comes back by the same nexus (reset, SCSI over
//               virtio), which ends what has not come to the target, or by a new one (a new ISID)
//   panic       the capture kernel runs within the grace time, by the same nexus; or it dies too
//   pause       a node stands still for up to 20 s (a hypervisor) and goes on where it was: for
//               longer than the silence time, too
//   power       the shelf loses power: what was not flushed is lost, block by block, kept or torn;
//               registrations are kept only with APTPL
//   wiped run   the files of /run are gone although the node was not rebooted
//   wiped var   a node that is down comes back with an empty /var: its system was installed anew,
//               and its operator says so (start --reinstalled)
//   clock       the wall clock of a node is set back or forth by up to a day: an operator, or NTP
//   hooks       a hook fails; it hangs until its time-out ends it; or whoever runs it is killed in
//               the middle of it, and started again
//   held        when a hook has ended the service, something else goes on with a disk and has it
//               for itself: a container whose mounts are its own; for some seconds, or for long
//   fenced      a node that finds itself fenced panics, as is the default, or goes on and is told
//   more disks  a mailbox disk is labelled while both nodes are at work; each counts it from its
//               next `start` on
//   other home  a spare disk that nobody holds is labelled for the other node, while both are at
//   work targets     APTPL offered or not, offered and not kept; no PREEMPT AND ABORT; an abort
//   only where
//               the victim holds the reservation (LIO)
//   operators   any command at any time, takeovers by both at once too (operators.h)
//
// Not permitted, since lastword cannot do anything about it: a target that acknowledges a flush or
// a reservation and does not keep it while it has power; one node id on two machines; files of /var
// that are lost after fsync; a command that leaves the network after its caller timed out and was
// never accepted; a service that is stopped cleanly with a write under way (closing a file system
// waits for the kernel's error handling, which aborts it).
#pragma once

#include <optional>

#include "tests/fake/fake_shelf.h"
#include "tests/sim/random.h"

namespace lastword::sim {

// How often, drawn for each history: some histories have many faults of few kinds. 0: never.
struct Rates {
  unsigned slow = 0;  // of commands: one in so many
  unsigned lost = 0;
  unsigned answer_lost = 0;
  unsigned late = 0;
  unsigned queued = 0;
  unsigned attention = 0;
  unsigned conflict = 0;
  unsigned at_command = 0;  // a fault of the sender when it sends a command that changes something
  unsigned node_fault_ms = 0;  // mean time between two faults of a node
  unsigned shelf_fault_ms = 0;
  unsigned operator_ms = 0;  // between two commands of an operator
  bool kills = false;
  bool panics = false;
  bool pauses = false;
  bool hangs = false;
  bool unseen = false;
  bool wipes_run = false;
  bool power = false;
  bool orders = false;  // an operator's takeover
  bool stops = false;
  bool graceful = false;  // handover, halt, takeover --graceful
  bool switches = false;
  bool wipes_var = false;
  bool clocks = false;
  bool more_mailboxes = false;
  bool relabels = false;
  bool fenced_panics = false;
  unsigned hanging_hook = 0;     // of hooks: one in so many
  unsigned killed_in_hook = 0;   // likewise
  unsigned held_after_hook = 0;  // of disks whose service a hook ends: likewise
};
[[nodiscard]] Rates draw_rates(Random& random);

// The command changes something on the target.
[[nodiscard]] bool changes_something(fake::Command command);

// The shelf of a history.
struct ShelfDraw {
  fake::ShelfOptions options;
  unsigned mailboxes = 1;  // 0, 1, 3
  bool preempt_and_abort = true;
};
[[nodiscard]] ShelfDraw draw_shelf(Random& random);

// What becomes of one command.
struct Fate {
  bool arrives = true;
  bool answered = true;
  Time arrives_after{0};
  Time executed_after{0};  // after its arrival; more than 0: the target has accepted it meanwhile
  std::optional<Code> refusal = {};  // at its arrival; it is not executed
};
[[nodiscard]] Fate draw_fate(const Rates& rates, Random& random, fake::Command command,
                             milliseconds io_timeout);

}  // namespace lastword::sim
