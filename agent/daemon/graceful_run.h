// `lastword takeover --graceful`, done: asks the partner to leave in good order, and takes its
// disks when it has, or by force when the countdown is over.
//
//   checks -> request.json -> this node's agent stands by, and says so in its heartbeats -> the
//   partner's agent does what `lastword handover` does -> this node's agent takes the disks, when
//   they are left, or by force when the countdown is over
//
// The countdown is the agent's: it goes on when the command is killed, and when the agent is
// started anew.
#pragma once

#include <functional>

#include "agent/daemon/agent_run.h"

namespace lastword {

enum class GracefulEnd : std::uint8_t {
  kRefused,    // GracefulReport::takeover has why; nothing was asked
  kTaken,      // the partner has left, or has failed; this node's agent has taken its disks
  kForced,     // the countdown was over
  kCancelled,  // by `stop_wanted`; what the partner has left already is taken by the agent
};
struct GracefulReport {
  GracefulEnd end = GracefulEnd::kRefused;
  TakeoverReport takeover;
};

struct GracefulWork {
  const Config& config;
  Surveyor& surveyor;
  EventSink events;  // takeover-asked, takeover-forced, takeover-cancelled, those of a takeover
  TakeoverHands hands;
  std::function<bool()> stop_wanted = [] { return false; };
  std::function<void(milliseconds left)> on_countdown = [](milliseconds) {};
};

// The request is gone when this returns. Where this is killed, the agent goes on with it to its
// end, by force where the partner does not leave: `cancel_graceful()`. Errors: `lastword start` has
// not run (kNotFound), this node's agent does not carry the request, or the partner began another
// life (kRefused); otherwise those of take_over_now().
[[nodiscard]] Result<GracefulReport> take_over_gracefully(const GracefulWork& work,
                                                          milliseconds countdown);
// Withdraws the request that is open. True: there was one.
[[nodiscard]] Result<bool> cancel_graceful(const Config& config);
// Only says what stands against it, and what would be taken.
[[nodiscard]] Result<TakeoverReport> try_graceful(const GracefulWork& work);

}  // namespace lastword
