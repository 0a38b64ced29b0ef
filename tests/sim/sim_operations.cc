// What operators of a simulated node order with the partner or against it, and the hooks that such
// an order runs.
#include <fmt/format.h>

#include "agent/daemon/graceful_run.h"
#include "agent/node/state_files.h"
#include "agent/service/giveback_run.h"
#include "agent/service/halt_run.h"
#include "agent/service/handover_run.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world.h"

namespace lastword::sim {

void SimNode::take_over() {
  if (!up()) return;
  declare_partner_failed();
  run("takeover", [this](Program& program) { return takeover_main(program); });
}

void SimNode::give_back() {
  if (runs("giveback")) return;
  run("giveback", [this](Program& program) { return giveback_main(program); });
}

void SimNode::hand_over() {
  if (runs("handover")) return;
  run("handover", [this](Program& program) { return handover_main(program); });
}

void SimNode::halt() {
  if (runs("halt")) return;
  run("halt", [this](Program& program) { return halt_main(program); });
}

void SimNode::take_over_gracefully() {
  if (runs("graceful")) return;
  cancelled_ = false;
  run("graceful", [this](Program& program) { return graceful_main(program); });
}

void SimNode::switch_on(OperatorSwitch which) {
  if (!up()) return;
  switched_ = true;
  const bool for_good = world_.random.one_in(2);
  const Time lasts = world_.random.between(Time(1'000'000), Time(20'000'000));
  run("switch", [this, which, for_good, lasts](Program& program) {
    const std::int64_t end =
        program.executor.unix_ms() + std::chrono::duration_cast<milliseconds>(lasts).count();
    return set_switches(
        program, {{.which = which, .asked = {.on = true, .until_unix_ms = for_good ? 0 : end}}});
  });
}

void SimNode::switch_all_off() {
  run("switch", [this](Program& program) {
    const int status = set_switches(program, {{.which = OperatorSwitch::kDisable, .asked = {}},
                                              {.which = OperatorSwitch::kNoTakeover, .asked = {}}});
    if (status == kExitOk) switched_ = false;
    return status;
  });
}

int SimNode::set_switches(Program& program, const std::vector<SwitchOrder>& orders) {
  for (const SwitchOrder& order : orders) {
    const auto report = set_switch(program.config, order, access(program));
    if (!report) return exit_status(report.error().code);
    if (!report->kept_here) return kExitNo;
    if (order.which != OperatorSwitch::kDisable) continue;
    const bool for_good = order.asked.on && order.asked.until_unix_ms == 0;
    world_.truth.of(id_).disabled_since = for_good ? world_.scheduler.now() : Time{-1};
  }
  return kExitOk;
}

// It ends by itself, as cleanly as a service does: while it waits for what is under way, it has the
// disk for itself.
void SimNode::hold(unsigned lun, const Program& program) {
  const unsigned number = sight_->claims.at(lun) = ++holds_;
  world_.say(fmt::format("{:5} something goes on with lun {}", node_name(id_), lun));
  const auto still = [this, lun, number] { return sight_ && sight_->claims.at(lun) == number; };
  const Time lasts =
      world_.random.between(Time(100'000), Time(world_.random.one_in(2) ? 4'000'000 : 20'000'000));
  const Time closing(program.config.timing.settings.io_timeout);
  world_.scheduler.after(lasts, [this, lun, still] {
    if (still()) world_.truth.of(id_).serves.at(lun) = false;
  });
  world_.scheduler.after(lasts + closing, [this, lun, still] {
    if (!still()) return;
    world_.target.abort_writes(world_.truth.of(id_).initiator, lun);
    sight_->claims.at(lun) = 0;
  });
}

// Closing a service waits for what is under way; what has timed out may still come, but not after
// a clean stop.
Status SimNode::end_hook(Program& program, const HookInput& input) {
  for (const std::string& disk : input.disks) {
    const unsigned lun = sight_->lun_of(disk);
    const bool held = input.event != "fenced" && !world_.calm &&
                      world_.truth.of(id_).serves.at(lun) &&
                      world_.random.one_in(world_.rates.held_after_hook);
    if (held) {
      hold(lun, program);
    } else {
      world_.truth.of(id_).serves.at(lun) = false;
    }
  }
  world_.scheduler.sleep(Time(program.config.timing.settings.io_timeout));
  if (program.actor->process != "halt") return {};
  for (const std::string& disk : input.disks) {
    world_.target.abort_writes(program.actor->initiator, sight_->lun_of(disk));
  }
  return {};
}

Status SimNode::run_hook(Program& program, const HookInput& input) {
  // In the middle of it whoever runs it is killed.
  if (!world_.calm && world_.random.one_in(world_.rates.killed_in_hook)) {
    world_.scheduler.after(world_.random.between(Time(0), Time(500'000)),
                           [this, name = program.actor->process] {
                             if (!world_.calm) kill_program(name);
                           });
  }
  if (input.event == "service-returning" || input.event == "service-leaving" ||
      input.event == "fenced") {
    if (Status ended = end_hook(program, input); !ended) return ended;
  } else {
    for (const std::string& disk : input.new_disks) {
      serve(*program.actor, sight_->lun_of(disk));
    }
  }
  if (!world_.calm && world_.random.one_in(world_.rates.hanging_hook)) {
    world_.scheduler.sleep(Time(program.config.hooks.timeout));
    return fail({.code = Code::kTimeout, .operation = "hook"});
  }
  world_.scheduler.sleep(world_.random.between(Time(20'000), Time(400'000)));
  if (world_.calm || !world_.random.one_in(8)) return {};
  return fail({.code = Code::kIo, .operation = "hook"});
}

int SimNode::giveback_main(Program& program) {
  const GivebackWork work{
      .config = program.config,
      .surveyor = program.surveyor,
      .events = events_of(program, false),
      .run_hook = [this, &program](const HookInput& input) { return run_hook(program, input); }};
  // Without mailbox disks the operator has asked the partner.
  const auto partner = load_node_state(world_.node(partner_of(id_)).config());
  const bool told = world_.draw.mailboxes == 0 && partner && partner->waiting;
  const GivebackOptions options{.leave_dump = world_.calm || world_.random.one_in(2),
                                .ignore_hook = world_.random.one_in(4),
                                .unarmed = world_.calm || world_.random.one_in(4),
                                .to_life = told ? partner->boot_generation : 0};
  const auto report = lastword::give_back(work, options);
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  for (const auto& veto : report->vetoes) world_.say("veto: " + veto.reason);
  if (!report->problem.empty()) world_.say("giveback: " + report->problem);
  return report->vetoes.empty() && report->problem.empty() ? kExitOk : kExitNo;
}

int SimNode::handover_main(Program& program) {
  const HandoverWork work{
      .config = program.config,
      .surveyor = program.surveyor,
      .events = events_of(program, false),
      .run_hook = [this, &program](const HookInput& input) { return run_hook(program, input); },
      .disarm = disarm_of(program),
      .arm = hands_of(program).arm};
  const auto report = lastword::hand_over(work, {.ignore_hook = world_.random.one_in(4)});
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  for (const auto& veto : report->vetoes) world_.say("veto: " + veto.reason);
  if (!report->problem.empty()) world_.say("handover: " + report->problem);
  return report->complete ? kExitOk : kExitNo;
}

int SimNode::halt_main(Program& program) {
  const HaltWork work{
      .config = program.config,
      .surveyor = program.surveyor,
      .events = events_of(program, false),
      .run_hook = [this, &program](const HookInput& input) { return run_hook(program, input); },
      .disarm =
          [this, &program](const NodeState& state, const Survey& survey) {
            world_.truth.of(id_).stopped.insert(state.boot_generation);
            return disarm_of(program)(state, survey);
          }};
  return life_ended(program, halt_node(work, world_.random.one_in(4), access(program)));
}

int SimNode::graceful_main(Program& program) {
  const GracefulWork work{.config = program.config,
                          .surveyor = program.surveyor,
                          .events = events_of(program, true),
                          .hands = hands_of(program),
                          .stop_wanted = [this] { return cancelled_; }};
  const Time countdown = world_.random.between(Time(1'000'000), Time(9'000'000));
  const auto report =
      lastword::take_over_gracefully(work, std::chrono::duration_cast<milliseconds>(countdown));
  if (!report) {
    world_.say(describe(report.error()));
    return exit_status(report.error().code);
  }
  for (const std::string& obstacle : report->takeover.obstacles) world_.say("veto: " + obstacle);
  return report->end == GracefulEnd::kRefused ? kExitRefused : kExitOk;
}

}  // namespace lastword::sim
