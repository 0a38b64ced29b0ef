#include "proto/timing.h"

#include <fmt/format.h>

#include "proto/duration.h"

namespace lastword {
namespace {

Error refused(const std::string& why) {
  return {.code = Code::kUsage, .operation = "[timing]", .detail = why};
}

struct Bounded {
  std::string_view name;
  milliseconds value;
  milliseconds least;
  milliseconds most;
};

}  // namespace

Result<Timing> derive_timing(const TimingSettings& s) {
  for (const auto& [name, value, least, most] :
       {Bounded{"io_timeout", s.io_timeout, kShortestIoTimeout, kLongestIoTimeout},
        Bounded{"grace", s.grace, kShortestGrace, kLongestTime},
        Bounded{"dump_limit", s.dump_limit, kShortestGrace, kLongestTime},
        Bounded{"client_timeout", s.client_timeout, kShortestGrace, kLongestTime},
        Bounded{"heartbeat", s.heartbeat, kShortestHeartbeat, kLongestHeartbeat},
        Bounded{"silence", s.silence, milliseconds{0}, kLongestTime}}) {
    if (value >= least && value <= most) continue;
    return fail(refused(fmt::format("{} ({}) must be from {} to {}", name, to_string(value),
                                    to_string(least), to_string(most))));
  }
  if (s.dump_limit >= s.client_timeout) {
    return fail(refused(
        fmt::format("dump_limit ({}) must be below client_timeout ({}): lower dump_limit, or raise "
                    "client_timeout if the clients really wait that long",
                    to_string(s.dump_limit), to_string(s.client_timeout))));
  }
  if (s.grace >= s.dump_limit) {
    return fail(refused(fmt::format("grace ({}) must be below dump_limit ({})", to_string(s.grace),
                                    to_string(s.dump_limit))));
  }
  if (s.io_timeout >= s.dump_limit) {
    return fail(
        refused(fmt::format("io_timeout ({}) must be below dump_limit ({}): one disk "
                            "that hangs would use up the whole time of the dump",
                            to_string(s.io_timeout), to_string(s.dump_limit))));
  }
  if (const milliseconds least = Timing::shortest_silence(s);
      s.silence.count() != 0 && s.silence < least) {
    return fail(refused(fmt::format(
        "silence ({}) must be at least {} with this io_timeout and heartbeat: a disk that is slow, "
        "or an agent that is restarted, would count as a dead node",
        to_string(s.silence), to_string(least))));
  }
  return Timing{s};
}

}  // namespace lastword
