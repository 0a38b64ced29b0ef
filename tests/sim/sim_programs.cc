// What a simulated node runs: lastword's commands, the service, an operator's recovery.
#include <fmt/format.h>

#include "agent/arm/arm_plan.h"
#include "agent/daemon/agent_run.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/start_plan.h"
#include "agent/service/start_run.h"
#include "proto/coredump.h"
#include "storage/block/aligned_buffer.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/service_records.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world.h"

namespace lastword::sim {

DiskAccess SimNode::access(Program& program) const {
  return disks_through(program.config, program.surveyor);
}

int SimNode::start_main(Program& program) {
  const auto report = start_node(program.config, reinstalled_, access(program));
  asked_who_it_is_ =
      !report && report.error().detail.view().find("--reinstalled") != std::string_view::npos;
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  reinstalled_ = false;
  if (report->outcome == StartOutcome::kWaits) return kExitRefused;
  if (report->outcome == StartOutcome::kTakenOver) return kExitFenced;
  if (report->outcome == StartOutcome::kNoDisk) return kExitNo;
  bool all = report->plan.refused.empty();
  for (std::size_t i = 0; i < report->disks.size(); ++i) {
    const DiskView& disk = report->survey.disks[report->disks[i]];
    if (!report->results[i]) {
      all = false;
      world_.say("not in service: " + describe(report->results[i].error()));
    } else if (disk.label->role() == pb::SERVICE) {
      serve(*program.actor, sight_->lun_of(disk.info.path));
    }
  }
  return all ? kExitOk : kExitNo;
}

int SimNode::arm_main(Program& program) {
  const auto lock = lock_state(program.config);
  if (!lock) return exit_status(lock.error().code);
  const auto state = load_node_state(program.config);
  if (!state) return exit_status(state.error().code);
  const auto look = program.surveyor.look();
  if (!look) return exit_status(look.error().code);
  const Survey& survey = look->survey;
  pb::Plan plan;
  plan.set_cluster_uuid(program.config.cluster_uuid);
  plan.set_node(id_);
  plan.set_boot_generation(state->boot_generation);
  plan.set_reservation_key(state->key.value);
  plan.set_nonce(fmt::format("{}-{}", id_, ++plans_));
  plan.set_dump_limit_ms(
      static_cast<std::uint64_t>(program.config.timing.settings.dump_limit.count()));
  std::vector<std::size_t> disks;
  std::vector<std::size_t> armed;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_own_disk(disk, program.config) || !may_hold_dump(disk.label->role())) continue;
    if (disk.header.attribute() == pb::ARMED) armed.push_back(i);
    const bool mine = disk.reservation && disk.reservation->holder == state->key &&
                      disk.label->owner_node() == id_ &&
                      disk.label->owner_generation() == state->boot_generation;
    const bool usable = is_free(disk.header) || disk.header.attribute() == pb::ARMED;
    if (disk.problem || !mine || !usable) continue;
    disks.push_back(i);
    pb::Candidate& candidate = *plan.add_candidates();
    candidate.set_disk_uuid(disk.label->disk_uuid());
    candidate.set_rank(static_cast<std::uint32_t>(disks.size()));
    candidate.set_metadata_offset_bytes(disk.metadata_offset);
    candidate.set_data_offset_bytes(disk.label->data_offset_bytes());
    candidate.set_data_length_bytes(disk.label->data_length_bytes());
  }
  if (disks.empty()) return kExitNo;
  const auto change = [&, key = state->key](std::size_t disk, const HeaderChange& what) -> Status {
    const DiskWork work = [key, what](const OwnDisk& own, std::size_t) {
      return change_header(own, key, what);
    };
    const auto results = access(program).work(survey, {disk}, work);
    if (!results.front()) return fail(results.front().error());
    return {};
  };
  const auto load = [&]() -> Status {
    program.executor.sleep(milliseconds(20));
    loaded_ = plan;
    return {};
  };
  const ArmOutcome outcome =
      run_arm_steps(arm_steps(plan, disks, armed), plan, {.change_header = change, .load = load});
  return outcome.error ? kExitIo : kExitOk;
}

Disarm SimNode::disarm_of(Program& program) {
  return
      [this, &program](const NodeState& state, const Survey& survey) -> Result<std::vector<Error>> {
        loaded_.reset();
        std::vector<std::size_t> armed;
        for (std::size_t i = 0; i < survey.disks.size(); ++i) {
          const DiskView& disk = survey.disks[i];
          if (is_own_disk(disk, program.config) && disk.header.attribute() == pb::ARMED) {
            armed.push_back(i);
          }
        }
        const DiskWork work = [key = state.key, node = id_](const OwnDisk& own, std::size_t) {
          return change_header(own, key, [node](const auto& header) -> Result<pb::CoredumpHeader> {
            return retired_header(header, node);
          });
        };
        std::vector<Error> still_armed;
        for (const auto& result : access(program).work(survey, armed, work)) {
          if (!result) still_armed.push_back(result.error());
        }
        return still_armed;
      };
}

int SimNode::life_ended(Program& program, const Result<StopReport>& report) {
  // Where disks of the partner are kept, the life goes on.
  if (const auto goes_on = load_node_state(program.config)) {
    world_.truth.of(id_).stopped.erase(goes_on->boot_generation);
    started_in_calm_ = false;  // it has left its own disks all the same
  }
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  if (report->outcome == StopOutcome::kStillArmed) return kExitRefused;
  for (const Error& error : report->not_released) world_.say("not released: " + describe(error));
  if (!report->state_kept) return kExitIo;
  return report->not_released.empty() && report->unreadable.empty() ? kExitOk : kExitNo;
}

int SimNode::stop_main(Program& program) {
  const auto life = load_last_life(program.config);
  if (life) world_.truth.of(id_).stopped.insert(life->boot_generation);
  return life_ended(program, stop_node(program.config, disarm_of(program), access(program)));
}

EventSink SimNode::events_of(Program& program, bool ordered) {
  return [this, &program, ordered](const Event& event) {
    if (ordered && event.name == "takeover-started") declare_partner_failed();
    // The agent goes on with a countdown whose command was killed.
    if (event.name == "takeover-forced") declare_partner_failed();
    if (event.name == "takeover-finished") undone_ = event.detail != "complete";
    const bool about_disk = event.disk.starts_with("/dev/");
    const unsigned lun = about_disk ? sight_->lun_of(event.disk) : kMaxLuns;
    world_.event(*program.actor, event, lun);
  };
}

TakeoverHands SimNode::hands_of(Program& program) {
  return {
      .run_hook = [this, &program](const HookInput& input) { return run_hook(program, input); },
      .recover = [this, &program](const DiskView& disk,
                                  const std::function<void()>&) { return recover(program, disk); },
      .arm = [this, &program]() -> Status {
        if (arm_main(program) == kExitOk) return {};
        return fail({.code = Code::kNotFound, .operation = "arm"});
      },
      .panic =
          [this] {
            panic();
            world_.scheduler.sleep(Time{0});  // its processes are no more
          },
      .disarm = disarm_of(program)};
}

int SimNode::agent_main(Program& program) {
  const EventSink events = events_of(program, false);
  Heartbeat heartbeat(program.config, program.shelf, program.executor, events, node_name(id_));
  heartbeat.use(world_.network.open(id_, program.config, events, program.executor.now()));
  const Status end = lastword::run_agent(program.config, program.surveyor, events,
                                         hands_of(program), {.heartbeat = &heartbeat});
  if (end) return kExitOk;
  world_.say(describe(end.error()));
  return exit_status(end.error().code);
}

int SimNode::takeover_main(Program& program) {
  const auto report =
      take_over_now(program.config, program.surveyor, events_of(program, true), hands_of(program));
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  return report->complete ? kExitOk : kExitNo;
}

// What `lastword recover` does to the disk; the core itself is nobody's concern here.
Result<std::string> SimNode::recover(Program& program, const DiskView& disk) {
  world_.scheduler.sleep(world_.random.between(Time(50'000), Time(500'000)));
  const auto state = load_node_state(program.config);
  if (!state) return fail(state.error());
  const auto open =
      program.shelf.open(disk.info, Access::kReadWrite, program.config.timing.settings.io_timeout);
  if (!open) return fail(open.error());
  HeldDisk held(*open->device, *open->lun, disk.metadata_offset, state->key);
  auto header = held.header();
  if (!header) return fail(header.error());
  if (!mark_dump_saved(*header)) return fail({.code = Code::kRefused, .operation = "recover"});
  if (Status written = held.put_header(*header); !written) return fail(written.error());
  return "/var/crash";
}

void SimNode::serve(const Actor& by, unsigned lun) {
  if (!service_) service_ = make_program("service");
  sight_->claims.at(lun) = 0;  // whatever it is ends with the service from now on
  const bool new_disk = !world_.truth.of(id_).serves.at(lun);
  world_.told(by, lun);
  if (!new_disk) return;
  world_.scheduler.spawn(service_->process, [this, program = service_.get(), lun] {
    const OpenDisk disk = open_lun(world_.target, program->actor, *sight_, lun);
    const AlignedBuffer block(kBlockBytes);
    ServiceRecords written{};  // and acknowledged, since the shelf had power last
    unsigned losses = world_.truth.power_losses;
    // A write that failed may be executed yet: its place is not written to again.
    std::array<bool, kRecordPlaces> in_doubt{};
    while (world_.truth.of(id_).serves.at(lun)) {
      const bool often = !world_.calm && !world_.random.is_none();
      world_.scheduler.sleep(often ? world_.random.between(Time(20'000), Time(250'000))
                                   : Time(500'000));
      if (!world_.truth.of(id_).serves.at(lun)) return;
      const unsigned place = world_.random.pick(kRecordPlaces);
      if (in_doubt.at(place)) continue;
      const std::uint64_t number = world_.next_record();
      put_number(block.span(), number);
      const unsigned sent_after = world_.truth.power_losses;
      const Status done = disk.device->write(offset_of(place), block.span());
      if (done) {
        if (std::exchange(losses, world_.truth.power_losses) != losses) written = {};
        // The answer may be older than the power loss, where this node stood still meanwhile.
        if (sent_after != losses) continue;
        written.at(place) = number;
        if (!world_.random.one_in(3)) continue;
        const ServiceRecords before = written;
        const bool done_well = disk.device->flush() && losses == world_.truth.power_losses;
        if (done_well) world_.flushed(*program->actor, lun, before);
        continue;
      }
      in_doubt.at(place) = true;
      if (done.error().code != Code::kConflict) continue;
      world_.say(fmt::format("{:5} service   is fenced from lun {}", node_name(id_), lun));
      world_.truth.of(id_).serves.at(lun) = false;
      return;
    }
  });
}

}  // namespace lastword::sim
