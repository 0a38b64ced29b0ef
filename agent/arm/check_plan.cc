#include "agent/arm/check_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/arm/capture_image.h"
#include "agent/protocol/start_plan.h"
#include "proto/candidate_check.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

constexpr std::string_view kArmAgain = "run `lastword arm`";
constexpr std::string_view kStart = "run `lastword start`";

// Which of the two answers a problem turns to no.
enum class Concern : std::uint8_t { kDump, kTakeover };

// With the same options, in the same order.
bool holds_modules(const pb::Plan& plan, const std::vector<KernelModule>& modules) {
  pb::Plan now;
  set_modules(now, modules);
  const auto equal = [](const auto& a, const auto& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  return equal(plan.modules(), now.modules()) && equal(plan.module_options(), now.module_options());
}

class Checker {
 public:
  explicit Checker(const CheckFacts& facts)
      : facts_(facts), config_(*facts.config), situation_(*facts.situation) {}

  pb::CheckReport run() {
    report_.set_would_dump(true);
    report_.set_would_be_taken_over(true);
    if (situation_.state) report_.set_boot_generation(situation_.state->boot_generation);
    check_loaded();
    if (facts_.armed) {
      check_candidates();
      check_image();
      check_settings();
    }
    check_copies();
    check_service();
    check_registrants();
    check_borrowed();
    check_mailbox();
    check_hook();
    return std::move(report_);
  }

 private:
  void problem(Concern concern, std::string what, std::string_view advice) {
    pb::CheckProblem& added = *report_.add_problems();
    added.set_what(std::move(what));
    added.set_advice(std::string(advice));
    if (concern == Concern::kDump) report_.set_would_dump(false);
    if (concern == Concern::kTakeover) report_.set_would_be_taken_over(false);
  }

  void check_loaded() {
    if (!situation_.state) {
      problem(Concern::kDump, "this node's disks are not in service since boot", kStart);
      report_.set_would_be_taken_over(false);
    }
    if (situation_.policy.memory.reserved_bytes == 0) {
      problem(Concern::kDump, "no memory is reserved for a capture kernel",
              "boot with crashkernel=128M on the kernel's command line");
    }
    if (!facts_.crash_kernel_loaded) {
      problem(Concern::kDump, "no capture image is loaded into the kernel", kArmAgain);
    } else if (!facts_.armed) {
      problem(Concern::kDump,
              "a capture image is loaded that `lastword arm` of this boot did not load", kArmAgain);
    }
    if (!facts_.armed && facts_.armed.error().code != Code::kNotFound) {
      problem(Concern::kDump, describe(facts_.armed.error()), kArmAgain);
    }
  }

  // Empty: the dump writer would take it.
  std::string reject(const pb::Candidate& candidate, std::optional<std::size_t> index) const {
    if (!index) return "no disk of this machine has this UUID";
    const DiskView& disk = situation_.survey.disks[*index];
    if (disk.problem) return describe(*disk.problem);
    if (disk.scsi_problem) return describe(*disk.scsi_problem);
    const Status accepted = check_candidate(facts_.armed->plan(), candidate, *disk.label,
                                            disk.header, disk.reservation);
    if (!accepted) return std::string(accepted.error().detail.view());
    if (candidate.metadata_offset_bytes() != disk.metadata_offset) {
      return "its metadata partition was moved since it was armed";
    }
    const Examination& examined = situation_.examined[*index];
    if (examined.not_ready) return describe(*examined.not_ready);
    return {};
  }

  void check_candidates() {
    const pb::Plan& plan = facts_.armed->plan();
    const auto disks = find_plan_disks(plan, situation_.survey);
    std::optional<Fit> best;
    bool interrupted = false;
    for (int i = 0; i < plan.candidates_size(); ++i) {
      const pb::Candidate& candidate = plan.candidates(i);
      const auto index = disks[static_cast<std::size_t>(i)];
      const Fit fit = fit_of(candidate.data_length_bytes(), situation_.policy.memory);
      const std::string rejection = reject(candidate, index);
      pb::CheckedCandidate& row = *report_.add_candidates();
      if (index) row.set_disk(situation_.survey.disks[*index].info.path);
      row.set_disk_uuid(candidate.disk_uuid());
      row.set_rank(candidate.rank());
      row.set_fit(std::string(name_of(fit)));
      row.set_valid(rejection.empty());
      row.set_reason(rejection.empty() ? fit_sentence(fit) : rejection);
      if (!rejection.empty()) {
        remark_rejected(row);
        continue;
      }
      check_signature(*index);
      best = best ? std::min(*best, fit) : fit;
      interrupted |= situation_.survey.disks[*index].header.plan_nonces_size() > 1;
    }
    if (!best) {
      problem(Concern::kDump, "no disk of the plan would be accepted", kArmAgain);
      return;
    }
    if (interrupted) {
      problem(Concern::kDump, "an earlier `lastword arm` was interrupted", kArmAgain);
    }
    check_fit(*best);
  }

  // The dump writer does not look for file systems; whoever made one since would lose it.
  void check_signature(std::size_t index) {
    const Examination& examined = situation_.examined[index];
    if (examined.signature.empty()) return;
    problem(Concern::kDump,
            fmt::format("a dump would overwrite {} on {}, which was not there when it was armed",
                        examined.signature, situation_.survey.disks[index].info.path),
            "run `lastword arm`, which leaves that disk out, or wipe it first");
  }

  // One disk fewer is no dump lost, but the choice is not what it was.
  void remark_rejected(const pb::CheckedCandidate& row) {
    report_.add_notes(fmt::format("candidate {} ({}) would be passed over: {}; {}", row.rank(),
                                  row.disk().empty() ? row.disk_uuid() : row.disk(), row.reason(),
                                  kArmAgain));
  }

  static std::string fit_sentence(Fit fit) {
    switch (fit) {
      case Fit::kRaw:
        return "holds all memory";
      case Fit::kEstimate:
        return "holds the memory in use, not all of it";
      case Fit::kPartial:
        return "holds a part of the memory in use";
    }
    return {};
  }

  // Memory in use grows; another disk may be the better choice by now.
  void check_fit(Fit armed) {
    if (armed != Fit::kPartial) return;
    for (const Choice& choice :
         select_candidates(situation_.survey, situation_.examined, situation_.policy)) {
      if (choice.place == 0 || choice.fit == Fit::kPartial) break;
      problem(Concern::kDump,
              fmt::format("the memory in use does not fit the armed disks any more, but it fits {}",
                          situation_.survey.disks[choice.disk].info.path),
              kArmAgain);
      return;
    }
    report_.add_notes("no disk holds all the memory in use: the dump will be partial");
  }

  void check_image() {
    const pb::ArmedState& armed = *facts_.armed;
    if (!facts_.capture_kernel) {
      problem(Concern::kDump, describe(facts_.capture_kernel.error()),
              "install the kernel, or name one as [capture] kernel");
    } else if (facts_.capture_kernel->path != armed.capture_kernel()) {
      stale(fmt::format("the capture kernel loaded is {}, the configuration says {}",
                        armed.capture_kernel(), facts_.capture_kernel->path));
    }
    if (armed.plan().kernel_release() != facts_.running_release) {
      stale(fmt::format("the plan was made under kernel {}, this is {}",
                        armed.plan().kernel_release(), facts_.running_release));
    }
    if (!facts_.dump_program_crc32c) {
      problem(Concern::kDump, describe(facts_.dump_program_crc32c.error()),
              "install lastword-dump, or name it as [paths] dump_program");
    } else if (*facts_.dump_program_crc32c != armed.dump_program_crc32c()) {
      stale(fmt::format("{} was replaced since the image was built", config_.dump_program));
    }
    if (!facts_.modules) {
      problem(Concern::kDump, describe(facts_.modules.error()), kArmAgain);
    } else if (!holds_modules(armed.plan(), *facts_.modules)) {
      stale("the plan's disks need other kernel modules or options now than the image holds");
    }
  }

  void check_settings() {
    const pb::Plan& plan = facts_.armed->plan();
    const TimingSettings& timing = config_.timing.settings;
    if (situation_.state && plan.boot_generation() != situation_.state->boot_generation) {
      stale(fmt::format("the plan is of boot generation {}, this is {}", plan.boot_generation(),
                        situation_.state->boot_generation));
    }
    if (auto note = why_fewer_processors(facts_.running, config_.capture_processors);
        !note.empty()) {
      report_.add_notes(std::move(note));
    }
    const std::string line = capture_command_line(facts_.running, config_.capture_processors,
                                                  config_.capture_command_line);
    if (plan.dump_limit_ms() != static_cast<std::uint64_t>(timing.dump_limit.count()) ||
        plan.io_timeout_ms() != static_cast<std::uint64_t>(timing.io_timeout.count()) ||
        plan.grace_ms() != static_cast<std::uint64_t>(timing.grace.count()) ||
        plan.after() != config_.after || plan.engine() != config_.engine ||
        plan.exclude() != config_.exclude || plan.codec() != config_.codec ||
        plan.keep_latest() != config_.keep_latest || facts_.armed->command_line() != line) {
      stale("the configuration was changed since the image was built");
    }
  }

  void stale(std::string what) { problem(Concern::kDump, std::move(what), kArmAgain); }

  // By this boot's key.
  [[nodiscard]] bool holds(const DiskView& disk) const {
    return situation_.state && disk.reservation &&
           disk.reservation->holder == situation_.state->key &&
           disk.reservation->type == kOwnerType;
  }

  // What this node took from its partner. A target that forgets a reservation lets both write.
  void check_borrowed() {
    std::uint32_t borrowed = 0;
    for (const DiskView& disk : situation_.survey.disks) {
      if (!in_cluster(disk, config_) || disk.label->home_node() != config_.partner.id ||
          disk.label->owner_node() != config_.self.id) {
        continue;
      }
      ++borrowed;
      if (holds(disk)) continue;
      problem(Concern::kTakeover,
              fmt::format("{}, taken from {}, is not reserved by this node", disk.info.path,
                          config_.partner.name),
              "run `lastword takeover`");
    }
    if (borrowed != 0) {
      report_.add_notes(
          fmt::format("this node has taken over {} disks of {}", borrowed, config_.partner.name));
    }
  }

  // Nothing tells a disk from its clone: the dump could go to one and be looked for on the other.
  void check_copies() {
    const auto& disks = situation_.survey.disks;
    for (std::size_t i = 0; i < disks.size(); ++i) {
      if (!in_cluster(disks[i], config_)) continue;
      const pb::Label& label = *disks[i].label;
      const auto copies = disks_with_uuid(situation_.survey, config_, label.disk_uuid());
      if (copies.size() < 2 || copies.front() != i) continue;
      std::string paths;
      for (const std::size_t copy : copies) {
        paths += (paths.empty() ? "" : " and ") + disks[copy].info.path;
      }
      const bool for_dumps = may_hold_dump(label.role());
      problem(for_dumps ? Concern::kDump : Concern::kTakeover,
              fmt::format("{} carry the same label, {}: clones or snapshots of one disk", paths,
                          label.disk_uuid()),
              "take all but the right one away from both nodes");
    }
  }

  void check_service() {
    std::uint32_t total = 0;
    std::uint32_t in_service = 0;
    for (const DiskView& disk : situation_.survey.disks) {
      if (!is_own_disk(disk, config_) || disk.label->role() != pb::SERVICE) continue;
      ++total;
      const bool owned = situation_.state && disk.label->owner_node() == config_.self.id &&
                         disk.label->owner_generation() == situation_.state->boot_generation;
      if (owned && holds(disk)) {
        ++in_service;
        check_sole_writer(disk);
        continue;
      }
      if (disk.label->owner_node() == config_.partner.id ||
          holder_node(disk, config_) == config_.partner.id) {
        problem(Concern::kTakeover,
                fmt::format("{} has been taken over by {}", disk.info.path, config_.partner.name),
                "stay off it until it is given back");
        continue;
      }
      problem(
          Concern::kTakeover,
          fmt::format("{} is not {} by this node", disk.info.path, owned ? "reserved" : "owned"),
          kStart);
    }
    report_.set_service_disks(total);
    report_.set_service_disks_in_service(in_service);
    if (total == 0) report_.add_notes("this node has no service disks: nothing to take over");
  }

  // With type 5 every registrant writes.
  void check_sole_writer(const DiskView& disk) {
    if (!is_registered(disk, config_, config_.partner.id)) return;
    problem(Concern::kTakeover,
            fmt::format("{} is registered on {} too, and could write there: a takeover was "
                        "interrupted",
                        config_.partner.name, disk.info.path),
            fmt::format("finish it, `lastword takeover` on {}", config_.partner.name));
  }

  void check_registrants() {
    for (const DiskView& disk : situation_.survey.disks) {
      if (!is_own_disk(disk, config_) && !is_mailbox_disk(disk, config_)) continue;
      for (const ReservationKey key : foreign_registrants(disk, config_)) {
        problem(Concern::kTakeover,
                fmt::format("{} is registered on {}, a key of neither node, and may write there",
                            to_string(key), disk.info.path),
                "find out whose it is, and take it away");
      }
    }
  }

  void check_mailbox() {
    std::uint32_t total = 0;
    std::uint32_t own = 0;
    std::uint32_t partner = 0;
    for (const DiskView& disk : situation_.survey.disks) {
      if (!is_mailbox_disk(disk, config_)) continue;
      ++total;
      own += situation_.state && is_registered(disk, situation_.state->key) ? 1 : 0;
      partner += is_registered(disk, config_, config_.partner.id) ? 1 : 0;
    }
    if (situation_.state) {
      // Votes are counted by the disks that this node knows of, in sight or not.
      total = std::max(total, static_cast<std::uint32_t>(situation_.state->mailbox_disks.size()));
    }
    report_.set_mailbox_disks(total);
    report_.set_mailbox_registered(own);
    report_.set_mailbox_partner_registered(partner);
    if (total == 0) {
      report_.add_notes("no mailbox disks: nothing decides if both nodes take over at once");
      return;
    }
    if (total % 2 == 0) {
      report_.add_notes(
          fmt::format("{} mailbox disks: an odd number, 1 or 3, decides better", total));
    }
    if (2 * own <= total) {
      problem(
          Concern::kTakeover,
          fmt::format("this node is registered on {} of {} mailbox disks, no majority", own, total),
          kStart);
    }
    if (2 * partner <= total) {
      problem(Concern::kTakeover,
              fmt::format("{} is registered on {} of {} mailbox disks and could not win a majority",
                          config_.partner.name, partner, total),
              fmt::format("run `lastword start` on {}", config_.partner.name));
    }
  }

  void check_hook() {
    if (facts_.hook_problem.empty()) return;
    problem(Concern::kTakeover,
            fmt::format("the hook {} can not be run: {}", config_.hooks.service_taken,
                        facts_.hook_problem),
            "make it an executable file");
  }

  const CheckFacts& facts_;
  const Config& config_;
  const Situation& situation_;
  pb::CheckReport report_;
};

}  // namespace

pb::CheckReport check_node(const CheckFacts& facts) {
  return Checker(facts).run();
}

std::vector<std::optional<std::size_t>> find_plan_disks(const pb::Plan& plan,
                                                        const Survey& survey) {
  std::vector<std::optional<std::size_t>> found;
  for (const pb::Candidate& candidate : plan.candidates()) {
    const auto disk =
        std::find_if(survey.disks.begin(), survey.disks.end(), [&](const DiskView& surveyed) {
          return surveyed.label && surveyed.label->disk_uuid() == candidate.disk_uuid();
        });
    found.emplace_back();
    if (disk != survey.disks.end()) {
      found.back() = static_cast<std::size_t>(disk - survey.disks.begin());
    }
  }
  return found;
}

}  // namespace lastword
