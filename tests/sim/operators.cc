#include "tests/sim/operators.h"

#include <array>
#include <functional>
#include <vector>

#include "agent/node/intent_file.h"
#include "agent/node/state_files.h"
#include "agent/protocol/automatic_giveback_plan.h"
#include "tests/sim/sim_node.h"

namespace lastword::sim {
namespace {

using Deed = std::function<void()>;

void any_of(World& world, const std::vector<Deed>& deeds) {
  if (!deeds.empty()) deeds[world.random.below(deeds.size())]();
}

Time soon(World& world, unsigned mean_ms) {
  return world.random.between(Time(1000), Time(2000 * Time::rep{mean_ms}));
}

void power_cycle(World& world, std::uint8_t id) {
  world.node(id).power_off();
  // Often for so long that its partner misses it.
  const Time longest{world.random.one_in(3) ? 40'000'000 : 8'000'000};
  if (world.rates.wipes_var && world.random.one_in(3)) world.node(id).wipe_var();
  world.scheduler.after(world.random.between(Time(200'000), longest),
                        [&world, id] { world.node(id).power_on(); });
}

void blind(World& world, std::uint8_t id) {
  if (!world.node(id).powered()) return;
  const unsigned lun = world.random.pick(world.luns);
  Sight& sight = world.node(id).sight();
  sight.unseen.at(lun) = !sight.unseen.at(lun);
}

void strike(World& world, std::uint8_t id) {
  SimNode& node = world.node(id);
  const Rates& rates = world.rates;
  std::vector<Deed> deeds;
  if (rates.kills) {
    deeds.push_back([&] { power_cycle(world, id); });
    deeds.push_back([&] {
      constexpr std::array kNames{"start",    "stop",     "arm",  "agent",    "takeover",
                                  "giveback", "handover", "halt", "graceful", "switch"};
      node.kill_program(kNames.at(world.random.below(kNames.size())));
    });
  }
  if (rates.panics) deeds.push_back([&] { node.panic(); });
  if (rates.pauses) {
    deeds.push_back([&] {
      const Time longest{world.random.one_in(4) ? 20'000'000 : 6'000'000};
      node.pause(world.random.between(Time(5000), longest));
    });
  }
  if (rates.hangs) {
    deeds.push_back([&] {
      world.target.hang(
          id, world.random.pick(world.luns),
          world.scheduler.now() + world.random.between(Time(10'000), Time(8'000'000)));
    });
  }
  if (rates.unseen) deeds.push_back([&] { blind(world, id); });
  if (rates.wipes_run) deeds.push_back([&] { node.wipe_run(); });
  if (rates.clocks) {
    deeds.push_back([&] {
      constexpr std::uint64_t kDayMs = 86'400'000;
      node.set_clock(static_cast<std::int64_t>(world.random.below(2 * kDayMs)) -
                     static_cast<std::int64_t>(kDayMs));
    });
  }
  any_of(world, deeds);
}

void command(World& world, std::uint8_t id) {
  SimNode& node = world.node(id);
  const Rates& rates = world.rates;
  std::vector<Deed> deeds{[&] { node.start(); }, [&] { node.arm(); }, [&] { node.run_agent(); }};
  if (world.node(partner_of(id)).waits()) deeds.assign(3, [&] { node.give_back(); });
  if (rates.stops) {
    deeds.push_back([&] { node.restart(); });
    deeds.push_back([&] { node.stop(); });
  }
  if (rates.graceful) {
    deeds.push_back([&] { node.hand_over(); });
    deeds.push_back([&] { node.halt(); });
    deeds.push_back([&] { node.take_over_gracefully(); });
    deeds.push_back([&] {
      node.take_over_gracefully();
      world.scheduler.after(world.random.between(Time(0), Time(6'000'000)),
                            [&node] { node.cancel_graceful(); });
    });
  }
  if (rates.switches) {
    deeds.push_back([&] {
      node.switch_on(world.random.one_in(2) ? OperatorSwitch::kDisable
                                            : OperatorSwitch::kNoTakeover);
    });
    deeds.push_back([&] { node.switch_all_off(); });
  }
  if (rates.relabels) deeds.push_back([&] { world.relabel_spare(); });
  if (rates.more_mailboxes) deeds.push_back([&] { world.label_mailbox(); });
  if (rates.orders) {
    deeds.push_back([&] { node.take_over(); });
    deeds.push_back([&] {
      node.take_over();
      world.node(partner_of(id)).take_over();
    });
  }
  any_of(world, deeds);
}

void again_and_again(World& world, unsigned mean_ms, const Deed& deed) {
  if (mean_ms == 0) return;
  world.scheduler.after(soon(world, mean_ms), [&world, mean_ms, deed] {
    if (world.calm) return;
    deed();
    again_and_again(world, mean_ms, deed);
  });
}

// The veto says that this life gets nothing back.
Deed wait_for_giveback(World& world, std::uint8_t id) {
  SimNode& node = world.node(id);
  const auto life = load_node_state(node.config());
  const auto intent = load_intent(world.node(partner_of(id)).config());
  const bool taken_over = life && intent && intent->phase() != pb::TakeoverIntent::ENDED &&
                          intent->victim_generation() >= life->boot_generation;
  if (taken_over) return [&node] { node.restart(); };
  if (!node.runs("agent")) return [&node] { node.run_agent(); };
  // Its agent says giveback-held-back or giveback-left-to-operator, and what to do.
  if (!world.node(partner_of(id)).waits() || !gives_first(node.config())) return {};
  const auto takeover = node.last_exit("takeover");
  const auto giveback = node.last_exit("giveback");
  if (giveback && giveback != kExitOk && takeover != kExitOk) return [&node] { node.take_over(); };
  return [&node] { node.give_back(); };
}

// Empty: nothing is left to do on this node.
Deed next_deed(World& world, std::uint8_t id) {
  SimNode& node = world.node(id);
  const NodeTruth& truth = world.truth.of(id);
  const Deed start = [&node] { node.start([&node] { node.arm(); }); };
  const Deed restart = [&node] { node.restart(); };
  const Deed take_over = [&node] { node.take_over(); };
  if (!truth.powered) return [&node] { node.power_on(); };
  if (!node.up() || !node.idle()) return {};
  if (node.switched()) return [&node] { node.switch_all_off(); };
  if (node.waits()) return wait_for_giveback(world, id);
  const auto started = node.last_exit("start");
  // A disk that came later: systemctl reload.
  if (!started || !node.started_in_calm()) return start;
  // The partner has won, or the service met a conflict: stop the service, restart.
  const auto takeover = node.last_exit("takeover");
  if (started == kExitFenced) return [&node] { node.reboot(); };
  for (const auto& exit : {node.last_exit("agent"), takeover}) {
    if (exit != kExitFenced) continue;
    const auto life = load_last_life(node.config());
    if (life && !life->served.empty()) return [&node] { node.reboot(); };
    return restart;
  }
  if (node.takes_itself_for_another()) return [&node] { node.start_as_reinstalled(); };
  // It waited, and has got its disks since.
  if (started == kExitRefused && node.in_service()) return start;
  // Some disk failed, or its life was ended.
  if (started != kExitOk || !node.in_service()) return restart;
  if (!node.runs("agent")) return [&node] { node.run_agent(); };
  // Something was left to hands, or the partner waits for what was announced to it: takeover again.
  const bool undone = node.undone() || takeover == kExitNo;
  if (undone && takeover != kExitOk) return take_over;
  if (!world.node(partner_of(id)).waits()) return {};
  // A disk that this node does not hold: so says the veto.
  const auto giveback = node.last_exit("giveback");
  if (giveback && giveback != kExitOk && takeover != kExitOk) return take_over;
  return [&node] { node.give_back(); };
}

}  // namespace

void begin_chaos(World& world) {
  for (const std::uint8_t id : kNodes) {
    const Time late = world.random.one_in(4) ? Time(6'000'000) : Time(500'000);
    world.scheduler.after(world.random.between(Time(0), late),
                          [&world, id] { world.node(id).power_on(); });
    again_and_again(world, world.rates.node_fault_ms, [&world, id] { strike(world, id); });
    again_and_again(world, world.rates.operator_ms, [&world, id] { command(world, id); });
  }
  // Where it hurts most: in the middle of what it does. Before, with or after the command.
  world.target.on_change_sent = [&world](const Actor& actor) {
    if (world.calm || !world.random.one_in(world.rates.at_command)) return;
    world.scheduler.after(world.random.between(Time(0), Time(1000)), [&world, id = actor.node] {
      if (!world.calm) strike(world, id);
    });
  };
  if (!world.rates.power) return;
  again_and_again(world, world.rates.shelf_fault_ms, [&world] { world.lose_power(); });
}

bool has_something_to_do(World& world, std::uint8_t id) {
  return next_deed(world, id) != nullptr;
}

void tidy_up(World& world, std::uint8_t id) {
  if (const Deed deed = next_deed(world, id)) deed();
}

}  // namespace lastword::sim
