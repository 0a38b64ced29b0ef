#include "proto/timing.h"

#include <fmt/format.h>

namespace lastword {
namespace {

Error refused(const std::string& why) {
  return {.code = Code::kUsage, .operation = "[timing]", .detail = why};
}

}  // namespace

Result<Timing> derive_timing(const TimingSettings& s) {
  for (const milliseconds value : {s.io_timeout, s.dump_limit, s.grace, s.client_timeout}) {
    if (value <= milliseconds::zero()) return fail(refused("every time must be above zero"));
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
  return Timing{s};
}

}  // namespace lastword
