#include "agent/daemon/arm_again.h"

#include <algorithm>
#include <utility>

namespace lastword {
namespace {

constexpr milliseconds kFirstPause{10'000};
constexpr milliseconds kLongestPause{300'000};

milliseconds pause_after(unsigned tries) {
  return std::min(kFirstPause * (1U << std::min(tries, 5U)), kLongestPause);
}

}  // namespace

std::function<Status()> ArmAgain::noted() const {
  return [notes = notes_, arm = arm_] {
    Status armed = arm();
    notes->not_armed.store(!armed, std::memory_order_release);
    return armed;
  };
}

void ArmAgain::follow() {
  if (busy_) return;
  if (!notes_->not_armed.load(std::memory_order_acquire)) {
    notes_->arm_tries = 0;
    notes_->arm_at = {};
    notes_->why_not_armed.clear();
    return;
  }
  const Instant now = executor_.now();
  if (notes_->arm_tries >= kTries) return;
  if (notes_->arm_at == Instant{}) notes_->arm_at = now + pause_after(0);
  if (now < notes_->arm_at) return;
  busy_ = true;
  run_elsewhere<Status>(executor_, loop_, noted(), [this](const Status& armed) {
    busy_ = false;
    on_tried(armed);
  });
}

void ArmAgain::on_tried(const Status& armed) {
  if (armed) {
    return events_({.name = "armed", .disk = {}, .detail = "a crash of this node would be dumped"});
  }
  const bool last = ++notes_->arm_tries == kTries;
  notes_->arm_at = executor_.now() + pause_after(notes_->arm_tries);
  const std::string why = describe(armed.error());
  if (std::exchange(notes_->why_not_armed, why) == why && !last) return;
  events_({.name = "not-armed",
           .disk = {},
           .detail = why + (last ? "; it is not tried again: `lastword arm`"
                                 : "; it is tried again, or `lastword arm`")});
}

}  // namespace lastword
