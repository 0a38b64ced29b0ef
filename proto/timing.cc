#include "proto/timing.h"

#include <fmt/format.h>

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
        Bounded{"client_timeout", s.client_timeout, kShortestGrace, kLongestTime}}) {
    if (value >= least && value <= most) continue;
    return fail(refused(fmt::format("{} ({} ms) must be from {} to {} ms", name, value.count(),
                                    least.count(), most.count())));
  }
  if (s.dump_limit >= s.client_timeout) {
    return fail(refused(fmt::format(
        "dump_limit ({} ms) must be below client_timeout ({} ms): lower dump_limit, or raise "
        "client_timeout if the clients really wait that long",
        s.dump_limit.count(), s.client_timeout.count())));
  }
  if (s.grace >= s.dump_limit) {
    return fail(refused(fmt::format("grace ({} ms) must be below dump_limit ({} ms)",
                                    s.grace.count(), s.dump_limit.count())));
  }
  if (s.io_timeout >= s.dump_limit) {
    return fail(
        refused(fmt::format("io_timeout ({} ms) must be below dump_limit ({} ms): one disk "
                            "that hangs would use up the whole time of the dump",
                            s.io_timeout.count(), s.dump_limit.count())));
  }
  return Timing{s};
}

}  // namespace lastword
