#include "agent/arm/arm_run.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "agent/arm/candidate_plan.h"
#include "agent/arm/capture_image.h"
#include "agent/arm/capture_parts.h"
#include "agent/arm/capture_plan.h"
#include "agent/base/text_file.h"
#include "agent/disks/disk_work.h"
#include "agent/protocol/copies.h"
#include "agent/protocol/start_plan.h"
#include "proto/coredump.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

std::string image_path(const Config& config) {
  return config.state_directory + "/capture.img";
}

// Where an image is until the kernel has loaded it.
std::string fresh_image_path(const Config& config) {
  return image_path(config) + ".fresh";
}

// Own disks that are ARMED now. What a copy of one says is nobody's concern.
std::vector<std::size_t> armed_disks(const Config& config, const Survey& survey,
                                     ReservationKey key) {
  std::vector<std::size_t> armed;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (is_own_disk(disk, config) && disk.header.attribute() == pb::ARMED &&
        disk.header.node() == config.self.id && !is_unheld_copy(survey, config, i, key)) {
      armed.push_back(i);
    }
  }
  return armed;
}

// Of own disks in sight that are copies and left alone; empty: none is.
std::string note_copies(const Config& config, const Survey& survey, ReservationKey key) {
  std::string note;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (!is_own_disk(survey.disks[i], config) || !is_unheld_copy(survey, config, i, key)) continue;
    note += fmt::format("{}{}: {}", note.empty() ? "" : "; ", survey.disks[i].info.path,
                        describe_copy(survey, config, i, key));
  }
  return note;
}

std::vector<std::size_t> best_disks(const Situation& situation) {
  std::vector<std::size_t> disks;
  for (const Choice& choice :
       select_candidates(situation.survey, situation.examined, situation.policy)) {
    if (choice.place == 0 || disks.size() == kMaxCandidates) break;
    disks.push_back(choice.disk);
  }
  return disks;
}

Result<CaptureImage> build_image(const Config& config, const pb::Plan& plan,
                                 const std::vector<KernelModule>& modules,
                                 const std::string& release) {
  // Some distributions install no such file: compression_for() then falls back to gzip.
  const auto kernel_config = read_text_file("/boot/config-" + release);
  return build_capture_image(
      plan, {.dump_program = config.dump_program,
             .modules = modules,
             .compression = compression_for(kernel_config ? *kernel_config : std::string())});
}

Status check_reserve(std::uint64_t image_bytes, std::uint64_t unpacked_bytes) {
  const auto reserved = reserved_crash_memory();
  if (!reserved) return fail(reserved.error());
  if (*reserved == 0) {
    return fail({.code = Code::kRefused,
                 .operation = "arm",
                 .detail = fmt::format("{}: {}", kNoReserve, kHowToReserve)});
  }
  if (image_bytes + unpacked_bytes > *reserved / 2) {
    return fail({.code = Code::kRefused,
                 .operation = "arm",
                 .detail = fmt::format("crashkernel= reserves {}, too little for a capture image "
                                       "that unpacks to {}",
                                       format_bytes(*reserved), format_bytes(unpacked_bytes))});
  }
  return {};
}

// A failed load may leave the kernel without an image. The file of the old image may still be
// there.
Error restore_old_image(const Config& config, const CrashKernel& kernel, Error error) {
  const auto old = load_armed_state(config);
  if (!old) {
    error.detail = fmt::format("{}; no capture image is loaded: a crash now is not dumped",
                               error.detail.view());
    return error;
  }
  const Status restored = kernel.load(old->capture_kernel(), old->image(), old->command_line());
  error.detail = restored
                     ? fmt::format("{}; the image before it is loaded again", error.detail.view())
                     : fmt::format(
                           "{}; the image before it could not be loaded again either: a "
                           "crash now is not dumped",
                           error.detail.view());
  return error;
}

// One attempt with the disks that are the best now.
struct Attempt {
  pb::ArmedState armed;
  std::vector<std::size_t> disks;
  std::string note;
  ArmOutcome outcome;
};

// All that goes into the kernel. Preparing it changes no disk and no file.
struct Prepared {
  pb::Plan plan;
  CaptureImage image;
  RunningKernel running;
};

Result<Prepared> prepare(const Config& config, const Situation& situation,
                         const std::vector<std::size_t>& disks, const CaptureKernel& capture,
                         const std::string& nonce) {
  Prepared prepared;
  const auto modules = modules_for(config, situation.survey, disks, capture.release);
  if (!modules) return fail(modules.error());
  prepared.plan = make_plan(config, *situation.state, situation.survey, disks, *modules, nonce);
  auto image = build_image(config, prepared.plan, *modules, capture.release);
  if (!image) return fail(image.error());
  if (Status room = check_reserve(image->bytes.size(), image->unpacked_bytes); !room) {
    return fail(room.error());
  }
  prepared.image = std::move(*image);
  auto running = inspect_running_kernel();
  if (!running) return fail(running.error());
  prepared.running = std::move(*running);
  return prepared;
}

pb::ArmedState armed_state(const Config& config, const Situation& situation,
                           const CaptureKernel& capture, const Prepared& prepared) {
  pb::ArmedState armed;
  *armed.mutable_plan() = prepared.plan;
  armed.set_capture_kernel(capture.path);
  armed.set_command_line(capture_command_line(prepared.running, config.capture_processors,
                                              config.capture_command_line));
  armed.set_image(image_path(config));
  armed.set_image_bytes(prepared.image.bytes.size());
  armed.set_dump_program_crc32c(prepared.image.dump_program_crc32c);
  armed.set_memory_bytes(situation.policy.memory.raw_bytes);
  armed.set_processors(prepared.running.processors);
  return armed;
}

// All arguments must outlive the result.
ArmTargets targets_of(const Config& config, const Situation& situation, const pb::ArmedState& armed,
                      const std::string& fresh_image, const CrashKernel& kernel) {
  return {
      .change_header = [&](std::size_t index, const HeaderChange& change) -> Status {
        const ReservationKey key = situation.state->key;
        const auto results =
            work_on_disks(situation.survey, {index}, config.timing.settings.io_timeout,
                          [key, change](const OwnDisk& disk, std::size_t) {
                            return change_header(disk, key, change);
                          });
        if (!results.front()) return fail(results.front().error());
        return {};
      },
      .load =
          [&] { return kernel.load(armed.capture_kernel(), fresh_image, armed.command_line()); }};
}

Result<Attempt> try_to_arm(const Config& config, const Situation& situation,
                           const CaptureKernel& capture, const std::string& nonce,
                           const CrashKernel& kernel) {
  Attempt attempt{.disks = best_disks(situation)};
  const std::string copies = note_copies(config, situation.survey, situation.state->key);
  if (attempt.disks.empty()) {
    return fail(
        {.code = Code::kNotFound,
         .operation = "arm",
         .detail = copies.empty()
                       ? "no disk can hold a dump; `lastword candidates` gives each one's reason"
                       : "no disk can hold a dump; " + copies});
  }
  const auto prepared = prepare(config, situation, attempt.disks, capture, nonce);
  if (!prepared) return fail(prepared.error());
  attempt.note = why_fewer_processors(prepared->running, config.capture_processors);
  for (const std::string& more : {copies, note_given_up(situation.survey, attempt.disks, config)}) {
    if (!more.empty()) attempt.note += (attempt.note.empty() ? "" : "; ") + more;
  }
  attempt.armed = armed_state(config, situation, capture, *prepared);
  const std::string fresh_image = fresh_image_path(config);
  if (Status status = replace_file(fresh_image, prepared->image.bytes); !status) {
    return fail(status.error());
  }
  const auto steps = arm_steps(prepared->plan, attempt.disks,
                               armed_disks(config, situation.survey, situation.state->key));
  attempt.outcome = run_arm_steps(
      steps, prepared->plan, targets_of(config, situation, attempt.armed, fresh_image, kernel));
  return attempt;
}

// The image file and armed.json follow what the kernel has loaded.
Status record_loaded(const Config& config, const pb::ArmedState& armed) {
  const std::string& path = armed.image();
  if (std::rename(fresh_image_path(config).c_str(), path.c_str()) != 0) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "rename", .disk = path});
  }
  return save_armed_state(config, armed);
}

// A sick disk is left out of the next attempt. A disk that another node holds, or that a rule
// protects, ends the arming: something else than the disk is wrong.
bool failed_at_sick_disk(const ArmOutcome& outcome) {
  return outcome.failed_disk && outcome.error->code != Code::kFenced &&
         outcome.error->code != Code::kRefused;
}

}  // namespace

Result<ArmReport> arm_node(const Config& config, Situation& situation, const CrashKernel& kernel) {
  if (!situation.state) {
    const auto state = load_node_state(config);
    return fail(state ? Error{.code = Code::kRefused, .operation = "arm"} : state.error());
  }
  if (Status reserved = check_reserve(0, 0); !reserved) return fail(reserved.error());
  const auto capture = find_capture_kernel(config);
  if (!capture) return fail(capture.error());
  ArmReport report;
  // One nonce serves all attempts, because only the last one is loaded.
  const std::string nonce = to_string(random_uuid());
  for (;;) {
    auto attempt = try_to_arm(config, situation, *capture, nonce, kernel);
    if (!attempt) return fail(attempt.error());
    ArmOutcome& outcome = attempt->outcome;
    if (failed_at_sick_disk(outcome)) {
      const std::string reason =
          fmt::format("its coredump header cannot be written: {}", describe(*outcome.error));
      report.remarks.push_back(reason);
      situation.examined[*outcome.failed_disk].excluded = reason;
      continue;
    }
    if (!outcome.loaded) {
      if (outcome.failed_disk) return fail(*outcome.error);
      return fail(restore_old_image(config, kernel, *outcome.error));
    }
    report.armed = std::move(attempt->armed);
    report.disks = std::move(attempt->disks);
    report.note = std::move(attempt->note);
    for (const Error& error : outcome.leftovers) report.remarks.push_back(describe(error));
    if (Status status = record_loaded(config, report.armed); !status) {
      report.remarks.push_back(describe(status.error()));
    }
    return report;
  }
}

Result<DisarmReport> disarm_node(const Config& config, const NodeState& state, const Survey& survey,
                                 const CrashKernel& kernel) {
  DisarmReport report;
  const auto armed = armed_disks(config, survey, state.key);
  const HeaderChange retire = [node = config.self.id](const pb::CoredumpHeader& now) {
    return Result<pb::CoredumpHeader>(retired_header(now, node));
  };
  const auto results = work_on_disks(survey, armed, config.timing.settings.io_timeout,
                                     [key = state.key, retire](const OwnDisk& disk, std::size_t) {
                                       return change_header(disk, key, retire);
                                     });
  for (const auto& result : results) {
    if (result) {
      ++report.disks;
    } else {
      report.leftovers.push_back(result.error());
    }
  }
  if (Status unloaded = kernel.unload(); !unloaded) return fail(unloaded.error());
  if (Status removed = remove_armed_state(config); !removed) return fail(removed.error());
  return report;
}

}  // namespace lastword
