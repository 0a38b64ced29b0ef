// `lastword check`, decided: would a crash now be dumped, where to, and would the partner take
// over? Pure: what was found out in, a report out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/arm/capture_parts.h"
#include "agent/arm/check.pb.h"
#include "agent/arm/crash_kernel.h"
#include "agent/arm/situation.h"
#include "agent/disks/known_switches.h"
#include "agent/node/state.pb.h"
#include "agent/protocol/path_report.h"

namespace lastword {

// What this node's agent says of the paths by which it hears the partner.
struct AgentPaths {
  milliseconds uptime{};  // of the agent
  std::vector<PathReport> paths;
};

// Beside the situation, everything the answer depends on. A Result that failed is a finding too.
struct CheckFacts {
  const Config* config = nullptr;  // these two outlive the call
  const Situation* situation = nullptr;
  Result<pb::ArmedState> armed;
  bool crash_kernel_loaded = false;
  std::string running_release;
  RunningKernel running;
  Result<CaptureKernel> capture_kernel;  // what arming would take now
  Result<std::uint32_t> dump_program_crc32c;
  // What an image for the plan's disks would hold if it were built now.
  Result<std::vector<KernelModule>> modules;
  KnownSwitches switches;                         // what both nodes' operators have forbidden
  std::int64_t unix_ms = 0;                       // when that was read
  std::optional<pb::TakeoverIntent> intent = {};  // this node's
  std::string hook;                               // of service-taken; empty: none
  std::string hook_problem;                       // why it would not run; empty: none
  std::optional<AgentPaths> agent = {};           // absent: it does not run, or does not answer
  std::string watchdog_idle = {};  // why the configured watchdog does not count; empty: it does
};

[[nodiscard]] pb::CheckReport check_node(const CheckFacts& facts);

// The plan's disks in its order, as indices into the survey; empty: not to be found.
[[nodiscard]] std::vector<std::optional<std::size_t>> find_plan_disks(const pb::Plan& plan,
                                                                      const Survey& survey);

}  // namespace lastword
