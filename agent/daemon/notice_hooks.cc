#include "agent/daemon/notice_hooks.h"

#include <utility>

namespace lastword {

EventSink NoticeHooks::sink() {
  return [this](const Event& event) {
    events_(event);
    if (event.name == "dump-saved") begin(event);
  };
}

void NoticeHooks::begin(const Event& event) {
  ++*at_work_;
  executor_.elsewhere([run_hook = run_hook_, events = events_, at_work = at_work_, event] {
    const Status ended = run_hook({.event = event.name, .detail = event.detail});
    if (!ended) events({.name = "hook-failed", .disk = {}, .detail = describe(ended.error())});
    --*at_work;
  });
}

void NoticeHooks::wait(milliseconds most) const {
  const Instant end = executor_.now() + most;
  while (*at_work_ != 0 && executor_.now() < end) executor_.sleep(kPollInterval);
}

}  // namespace lastword
