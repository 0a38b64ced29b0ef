// Is a capture image loaded, and is it what `lastword arm` would load now?
#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/capture_image.h"
#include "agent/arm/capture_plan.h"
#include "agent/arm/check_parts.h"

namespace lastword {
namespace {

// The image is not what arming would load now.
void add_stale(pb::CheckReport& report, std::string what) {
  add_problem(report, Concern::kDump, std::move(what), kArmAgain);
}

// With the same options, in the same order.
bool holds_modules(const pb::Plan& plan, const std::vector<KernelModule>& modules) {
  pb::Plan now;
  set_modules(now, modules);
  const auto equal = [](const auto& a, const auto& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  return equal(plan.modules(), now.modules()) && equal(plan.module_options(), now.module_options());
}

bool holds_settings(const pb::Plan& plan, const Config& config) {
  pb::Plan now = plan;
  set_settings(now, config);
  return now.SerializeAsString() == plan.SerializeAsString();
}

void check_kernel(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report) {
  if (!facts.capture_kernel) {
    add_problem(report, Concern::kDump, describe(facts.capture_kernel.error()),
                "install the kernel, or name one as [capture] kernel");
  } else if (facts.capture_kernel->path != armed.capture_kernel()) {
    add_stale(report, fmt::format("the capture kernel loaded is {}, the configuration says {}",
                                  armed.capture_kernel(), facts.capture_kernel->path));
  }
  if (armed.plan().kernel_release() != facts.running_release) {
    add_stale(report, fmt::format("the plan was made under kernel {}, this is {}",
                                  armed.plan().kernel_release(), facts.running_release));
  }
}

void check_content(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report) {
  if (!facts.dump_program_crc32c) {
    add_problem(report, Concern::kDump, describe(facts.dump_program_crc32c.error()),
                "install lastword-dump, or name it as [paths] dump_program");
  } else if (*facts.dump_program_crc32c != armed.dump_program_crc32c()) {
    add_stale(report,
              fmt::format("{} was replaced since the image was built", facts.config->dump_program));
  }
  if (!facts.modules) {
    add_problem(report, Concern::kDump, describe(facts.modules.error()), kArmAgain);
  } else if (!holds_modules(armed.plan(), *facts.modules)) {
    add_stale(report,
              "the plan's disks need other kernel modules or options now than the image holds");
  }
}

void check_settings(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report) {
  const Config& config = *facts.config;
  const auto& state = facts.situation->state;
  if (state && armed.plan().boot_generation() != state->boot_generation) {
    add_stale(report, fmt::format("the plan is of life {}, this is {}",
                                  armed.plan().boot_generation(), state->boot_generation));
  }
  if (auto note = why_fewer_processors(facts.running, config.capture_processors); !note.empty()) {
    report.add_notes(std::move(note));
  }
  const std::string command_line =
      capture_command_line(facts.running, config.capture_processors, config.capture_command_line);
  if (!holds_settings(armed.plan(), config) || armed.command_line() != command_line) {
    add_stale(report, "the configuration was changed since the image was built");
  }
}

// What came since is in no ELF head that the capture kernel gets, and in no dump.
void check_machine(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report) {
  if (facts.running.follows_hotplug) return;
  const std::uint64_t memory = facts.situation->policy.memory.raw_bytes;
  if (armed.memory_bytes() != 0 && armed.memory_bytes() != memory) {
    add_stale(report, fmt::format("this machine had {} MiB of memory when the image was loaded, "
                                  "and has {} now: a dump would lack what was added",
                                  armed.memory_bytes() >> 20, memory >> 20));
  }
  const unsigned processors = facts.running.processors;
  if (armed.processors() != 0 && processors != 0 && armed.processors() != processors) {
    add_stale(report, fmt::format("this machine had {} processors when the image was loaded, and "
                                  "has {} now: a dump would lack their registers",
                                  armed.processors(), processors));
  }
}

}  // namespace

void check_loaded(const CheckFacts& facts, pb::CheckReport& report) {
  const auto& state = facts.situation->state;
  if (state && state->waiting) {
    add_problem(report, Concern::kBoth,
                "this node waits for its disks: its crash leaves no dump, and has nothing to take",
                fmt::format("`lastword giveback` on {}", facts.config->partner.name));
    return;
  }
  if (!state) {
    add_problem(report, Concern::kBoth, "this node's disks are not in service since boot", kStart);
  }
  if (facts.situation->policy.memory.reserved_bytes == 0) {
    add_problem(report, Concern::kDump, std::string(kNoReserve), kHowToReserve);
  }
  if (!facts.crash_kernel_loaded) {
    add_problem(report, Concern::kDump, "no capture image is loaded into the kernel", kArmAgain);
  } else if (!facts.armed) {
    add_problem(report, Concern::kDump,
                "a capture image is loaded that `lastword arm` of this boot did not load",
                kArmAgain);
  }
  if (!facts.armed && facts.armed.error().code != Code::kNotFound) {
    add_problem(report, Concern::kDump, describe(facts.armed.error()), kArmAgain);
  }
}

void check_image(const CheckFacts& facts, const pb::ArmedState& armed, pb::CheckReport& report) {
  check_kernel(facts, armed, report);
  check_content(facts, armed, report);
  check_settings(facts, armed, report);
  check_machine(facts, armed, report);
}

}  // namespace lastword
