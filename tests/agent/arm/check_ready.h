// A node that is ready for everything, for tests of `lastword check`.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "agent/arm/capture_plan.h"
#include "agent/arm/check_plan.h"
#include "proto/coredump.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {

inline constexpr std::uint32_t kGeneration = 7;
inline constexpr std::uint64_t kMiB = 1 << 20;

// A node that is ready for everything; each test changes one thing. Disks: 0 service, 1 dump and
// 2 spare (both armed), 3 mailbox.
struct Ready {
  // A clone of a disk comes in sight.
  void add_clone(std::size_t index) {
    situation.survey.disks.push_back(surveyed(5, pb::SPARE));
    situation.survey.disks.back().label = disk(index).label;
    situation.examined.emplace_back();
  }
  // A disk whose label cannot be read. `holder`: zero for nobody. Of one that does not answer the
  // holder is not known.
  void add_unreadable(Code code, ReservationKey holder) {
    DiskView& disk = situation.survey.disks.emplace_back(surveyed(5, pb::SERVICE));
    disk.label.reset();
    disk.problem = Error{.code = code, .operation = "read label", .disk = disk.info.path};
    disk.reservations_known = code != Code::kTimeout;
    if (holder.value != 0) disk.reservation = Reservation{.holder = holder, .type = kOwnerType};
    situation.examined.emplace_back();
  }
  Ready() {
    config.dump_program = "/usr/lib/lastword/lastword-dump";
    situation.state = NodeState{.boot_generation = kGeneration, .key = key_of(kAlpha, kGeneration)};
    situation.policy.config = &config;
    situation.policy.key = situation.state->key;
    situation.policy.memory = {
        .raw_bytes = 1000 * kMiB, .in_use_bytes = 300 * kMiB, .reserved_bytes = 128 * kMiB};
    auto& disks = situation.survey.disks;
    disks = {in_service(0, pb::SERVICE, kGeneration), in_service(1, pb::DUMP, kGeneration),
             in_service(2, pb::SPARE, kGeneration), surveyed(3, pb::MAILBOX, 0)};
    disks[3].keys = {key_of(kAlpha, kGeneration), key_of(kBeta, 9)};
    disks[3].mailbox[1].set_node(kBeta);
    disks[3].mailbox[1].set_generation(9);
    disks[3].mailbox[1].set_presence(pb::WATCHING);
    for (DiskView& disk : disks) disk.label->set_data_length_bytes(2000 * kMiB);
    situation.examined.resize(disks.size());
    const pb::Plan plan = make_plan(config, *situation.state, situation.survey, {1, 2},
                                    {{.path = "/lib/modules/r/sd_mod.ko"}}, "nonce");
    for (const int rank : {1, 2}) {
      disks[static_cast<std::size_t>(rank)].header =
          *armed_header({}, plan, plan.candidates(rank - 1));
    }
    pb::ArmedState armed;
    *armed.mutable_plan() = plan;
    armed.set_capture_kernel("/boot/vmlinuz-r");
    armed.set_command_line(capture_command_line({.command_line = "console=ttyS0"}, 1, ""));
    armed.set_dump_program_crc32c(42);
    facts = {.config = &config,
             .situation = &situation,
             .armed = armed,
             .crash_kernel_loaded = true,
             .running_release = running_release(),
             .running = {.command_line = "root=/dev/sda1 console=ttyS0 quiet\n", .boot_apic_id = 0},
             .capture_kernel = CaptureKernel{.path = "/boot/vmlinuz-r", .release = "r"},
             .dump_program_crc32c = 42U,
             .modules = std::vector<KernelModule>{{.path = "/lib/modules/r/sd_mod.ko"}}};
  }
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;

  DiskView& disk(std::size_t index) { return situation.survey.disks[index]; }

  Config config = cluster_config();
  Situation situation;
  CheckFacts facts;
};

inline std::string problems_of(const pb::CheckReport& report) {
  std::string text;
  for (const auto& problem : report.problems()) {
    text += problem.what() + " -> " + problem.advice() + "\n";
  }
  return text;
}

}  // namespace lastword::test
