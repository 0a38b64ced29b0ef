#include "tests/sim/exhaustive.h"

#include <fmt/format.h>

#include "tests/sim/all_ways.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_node.h"

namespace lastword::sim {
namespace {

constexpr std::uint8_t kAlpha = 1;
constexpr std::uint8_t kBeta = 2;
constexpr unsigned kMailbox = 2;

WorldDraw small_world() {
  ShelfDraw shelf;
  shelf.options.lun_bytes = 64 << 20;
  shelf.options.aptpl_capable = true;
  shelf.options.keeps_trace = false;
  return {.random = Random::none(),
          .rates = {},
          .shelf = shelf,
          .disks = {{pb::SERVICE, kAlpha}, {pb::DUMP, kAlpha}}};
}

void let_run(World& world, Time time) {
  world.scheduler.run(world.scheduler.now() + time, [&] { return world.broken.has_value(); });
}

// Alpha has panicked and dumped, beta has its disks, alpha is up again and waits.
void take_over_from_alpha(World& world) {
  world.node(kAlpha).panic();
  let_run(world, Time(6'000'000));
}

void boot_both(World& world) {
  for (const std::uint8_t id : kNodes) world.node(id).power_on();
}

RunEnd run_scenario(const Scenario& scenario, Choices& choices,
                    const std::function<void(const std::string&)>& tell) {
  World world(small_world(), tell);
  AllWays ways(world, choices);
  boot_both(world);
  let_run(world, Time(6'000'000));
  if (scenario.prepare) scenario.prepare(world);
  world.say("the window opens");
  ways.open_window();
  scenario.begin(world);
  let_run(world, scenario.window);
  ways.close_window();
  if (!world.broken) {
    choices.end_if_seen(ways.state());
    world.stop_faults();
    for (const std::uint8_t id : kNodes) world.node(id).recover_from_faults();
    come_to_rest(world);
  }
  return {.broken = world.broken, .left = world.left.has_value(), .steps = world.scheduler.steps()};
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {.name = "panic",
       .what = "alpha panics and dumps; beta takes over while alpha reboots and starts",
       .prepare = {},
       .begin = [](World& world) { world.node(kAlpha).panic(); },
       .window = Time(3'000'000)},
      {.name = "both-take-over",
       .what = "operators of both nodes order a takeover at one time",
       .prepare = {},
       .begin =
           [](World& world) {
             world.node(kAlpha).take_over();
             world.node(kBeta).take_over();
           },
       .window = Time(3'000'000)},
      {.name = "silence",
       .what = "alpha stands still and comes back in beta's vote; its operator orders a takeover",
       .prepare =
           [](World& world) {
             world.node(kAlpha).pause(world.timing.peer_silence() + world.timing.announcement());
             let_run(world, world.timing.peer_silence() - Time(200'000));
           },
       .begin =
           [](World& world) {
             world.scheduler.after(world.timing.announcement() + Time(150'000),
                                   [&world] { world.node(kAlpha).take_over(); });
           },
       .window = Time(3'500'000)},
      {.name = "giveback",
       .what = "beta gives back what it took from alpha",
       .prepare = take_over_from_alpha,
       .begin = [](World& world) { world.node(kBeta).give_back(); },
       .window = Time(4'000'000)},
      {.name = "dead",
       .what = "alpha loses power, is up again after beta's vote, and starts",
       .prepare =
           [](World& world) {
             world.node(kAlpha).power_off();
             let_run(world, world.timing.peer_silence() - Time(200'000));
           },
       .begin =
           [](World& world) {
             world.scheduler.after(world.timing.announcement() + Time(300'000),
                                   [&world] { world.node(kAlpha).power_on(); });
           },
       .window = Time(3'500'000)},
      {.name = "boot",
       .what = "both nodes have lost power in service, and boot at one time",
       .prepare =
           [](World& world) {
             for (const std::uint8_t id : kNodes) world.node(id).power_off();
           },
       .begin = boot_both,
       .window = Time(2'500'000)},
      {.name = "restart",
       .what = "alpha is stopped in order and starts, while beta watches",
       .prepare = {},
       .begin = [](World& world) { world.node(kAlpha).restart(); },
       .window = Time(3'000'000)},
      {.name = "giver-panics",
       .what = "beta gives back, and panics while alpha takes its disks",
       .prepare = take_over_from_alpha,
       .begin =
           [](World& world) {
             world.node(kBeta).give_back();
             world.scheduler.after(Time(700'000), [&world] { world.node(kBeta).panic(); });
           },
       .window = Time(3'000'000)},
  };
  return all;
}

SearchFigures explore(const Scenario& scenario, const Bound& bound) {
  return search(bound, [&](Choices& choices) { return run_scenario(scenario, choices, {}); });
}

std::string describe(const Scenario& scenario, const Bound& bound, const SearchFigures& figures,
                     std::chrono::duration<double> took) {
  return fmt::format(
      "{}: {} states, {} points of choice, the longest run has {}; {} runs came to rest ({} of "
      "them left work for hands), {} came to a state that was known, {} waited in vain; {:.1f} s. "
      "{}, at most {} choices of a run that are not the undisturbed one's",
      scenario.name, figures.states, figures.points, figures.longest, figures.runs, figures.left,
      figures.merged, figures.vain, took.count(), figures.complete ? "All ways" : "NOT all ways",
      bound.deviations);
}

RunEnd replay(const Scenario& scenario, const ChoiceList& list,
              const std::function<void(const std::string&)>& tell) {
  Choices choices(list, tell);
  return run_scenario(scenario, choices, tell);
}

}  // namespace lastword::sim
