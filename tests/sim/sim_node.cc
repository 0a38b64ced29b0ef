#include "tests/sim/sim_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/base/text_file.h"
#include "agent/node/state_files.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/capture_kernel.h"
#include "tests/sim/memory_files.h"
#include "tests/sim/world.h"

namespace lastword::sim {
namespace {

constexpr Time kRestartSec{1'000'000};  // lastword-agent.service
constexpr milliseconds kHookTimeout{1500};

Config make_config(const World& world, std::uint8_t id) {
  Config config = test::cluster_config();
  if (id == test::kBeta) std::swap(config.self, config.partner);
  config.timing = world.timing;
  const std::string own = std::string(kMemoryRoot) + config.self.name;
  make_folder(own);
  config.state_directory = own + "/run";
  config.persistent_directory = own + "/lib";
  config.when_fenced = world.rates.fenced_panics ? WhenFenced::kPanic : WhenFenced::kEnd;
  config.hooks.timeout = kHookTimeout;
  config.links = world.network.links_of(id);
  // The same for both nodes, and apart from what else is drawn.
  Random giveback = world.random;
  config.giveback.on = giveback.one_in(2);
  config.giveback.stable = milliseconds(500 + 500 * giveback.pick(6));
  config.giveback.most = 1 + giveback.pick(3);
  return config;
}

// Restart=always, RestartPreventExitStatus=2 4 5 6. An agent that ends in order here was told to by
// `systemctl stop`. 4 is a second agent's alone: of another refusal `lastword agent` makes 3.
bool starts_again(int status) {
  return status == kExitIo || status == kExitRefused;
}

}  // namespace

Program::Program(World& world, const Config& node_config, const Sight& sight, Time booted,
                 const std::int64_t& wall_off_ms, ActorPtr program_actor)
    : actor(std::move(program_actor)),
      process(std::make_shared<Process>(actor->process)),
      config(node_config),
      executor(world.scheduler, process, booted, wall_off_ms),
      shelf(world.scheduler, world.random, world.target, sight, actor),
      surveyor(config, shelf, executor) {}

SimNode::SimNode(World& world, std::uint8_t id)
    : world_(world), id_(id), config_(make_config(world, id)) {}

bool SimNode::powered() const {
  return world_.truth.of(id_).powered;
}

bool SimNode::up() const {
  return powered() && !world_.truth.of(id_).panicked;
}

bool SimNode::runs(const std::string& name) const {
  return std::ranges::any_of(running_,
                             [&](const auto& program) { return program->actor->process == name; });
}

bool SimNode::waits() const {
  const auto state = load_node_state(config_);
  return state && state->waiting;
}

bool SimNode::in_service() const {
  const auto state = load_node_state(config_);
  return state && !state->waiting;
}

bool SimNode::idle() const {
  return std::ranges::all_of(running_, [](const auto& program) {
    return program->actor->process == "agent" || program->actor->service;
  });
}

std::optional<int> SimNode::last_exit(const std::string& name) const {
  const auto found = exits_.find(name);
  return found == exits_.end() ? std::nullopt : std::optional(found->second);
}

ActorPtr SimNode::actor(const std::string& name) const {
  const NodeTruth& truth = world_.truth.of(id_);
  return std::make_shared<Actor>(Actor{.node = id_,
                                       .boot = truth.boot,
                                       .initiator = truth.initiator,
                                       .process = name,
                                       .capture = name == "capture",
                                       .service = name == "service"});
}

std::shared_ptr<Program> SimNode::make_program(const std::string& name) {
  auto program =
      std::make_shared<Program>(world_, config_, *sight_, booted_, wall_off_ms_, actor(name));
  programs_.push_back(program);
  running_.push_back(program);
  return program;
}

void SimNode::run(const std::string& name, Main main, std::function<void()> then) {
  if (!up()) return;
  exits_.erase(name);
  const auto program = make_program(name);
  world_.scheduler.spawn(program->process, [this, program, main = std::move(main),
                                            then = std::move(then)] {
    const int status = main(*program);
    world_.say(fmt::format("{:5} {:9} ends: {}", node_name(id_), program->actor->process, status));
    exits_[program->actor->process] = status;
    std::erase(running_, program);
    // Threads that it left behind go with the process; commands under way do not.
    world_.scheduler.after(Time{0}, [this, program, then, boot = world_.truth.of(id_).boot] {
      world_.scheduler.kill(program->process);
      if (then && up() && world_.truth.of(id_).boot == boot) then();
    });
  });
}

// --- What happens to it ---

void SimNode::power_on() {
  NodeTruth& truth = world_.truth.of(id_);
  if (truth.powered) return;
  const bool same_nexus = truth.boot > 0 && world_.random.one_in(2);
  truth = {.powered = true,
           .boot = truth.boot + 1,
           .initiator = truth.initiator,
           .boots = std::move(truth.boots),
           .stopped = std::move(truth.stopped),
           .left = std::move(truth.left),
           .panics = std::move(truth.panics),
           .declared_failed = std::move(truth.declared_failed),
           .reinstalled_after = truth.reinstalled_after,
           .disabled_since = truth.disabled_since};
  // All boots have one boot id here: what tells of another boot is not there.
  (void)remove_file(fmt::format("{}/in-service-{}", config_.persistent_directory, id_));
  if (!same_nexus) truth.initiator = fmt::format("{}.{}", config_.self.name, ++nexuses_);
  world_.target.logs_in(truth.initiator);
  booted_ = world_.scheduler.now() - world_.random.between(Time(1'000'000), Time(90'000'000));
  if (sight_) old_sights_.push_back(std::move(sight_));
  sight_ = std::make_unique<Sight>(Sight{.luns = world_.luns, .rotation = world_.random.pick(4)});
  for (unsigned lun = 0; lun < world_.luns && world_.rates.unseen; ++lun) {
    sight_->unseen.at(lun) = world_.random.one_in(lun < world_.owned ? 12 : 3);
  }
  remove_folder(config_.state_directory);
  exits_.clear();
  undone_ = false;
  world_.say(fmt::format("{:5} boots, initiator {}", node_name(id_), truth.initiator));
  const auto boot = truth.boot;
  world_.scheduler.after(world_.random.between(Time(200'000), Time(1'000'000)), [this, boot] {
    if (!up() || world_.truth.of(id_).boot != boot) return;
    start([this] {
      arm();
      run_agent();
    });
  });
}

void SimNode::kill_all() {
  NodeTruth& truth = world_.truth.of(id_);
  for (const auto& program : std::exchange(running_, {})) {
    world_.scheduler.kill(program->process);
  }
  service_.reset();
  truth.serves.fill(false);
  world_.target.node_died(id_, truth.boot);
}

void SimNode::power_off() {
  NodeTruth& truth = world_.truth.of(id_);
  if (!truth.powered) return;
  world_.say(fmt::format("{:5} goes down", node_name(id_)));
  kill_all();
  truth.powered = truth.panicked = truth.dump_to_come = false;
  loaded_.reset();
  lose_unsynced(config_.persistent_directory);
}

void SimNode::reboot() {
  power_off();
  world_.scheduler.after(Time{1'000'000}, [this] { power_on(); });
}

void SimNode::panic() {
  NodeTruth& truth = world_.truth.of(id_);
  if (!up()) return;
  world_.say(fmt::format("{:5} panics in life {}", node_name(id_), truth.generation));
  kill_all();
  truth.panicked = true;
  truth.panicked_at = world_.scheduler.now();
  truth.panics.insert(truth.generation);
  const auto plan = std::exchange(loaded_, std::nullopt);
  truth.dump_to_come = plan && !world_.random.one_in(8);
  if (truth.dump_to_come) {
    // Within the grace time.
    world_.scheduler.after(world_.random.between(Time(100'000), Time(700'000)),
                           [this, plan, boot = truth.boot] {
                             if (world_.truth.of(id_).boot == boot) run_capture(*plan);
                           });
  } else {
    reboot_after(world_.random.between(Time(500'000), Time(4'000'000)));
  }
}

void SimNode::reboot_after(Time delay) {
  world_.scheduler.after(delay, [this, boot = world_.truth.of(id_).boot] {
    if (world_.truth.of(id_).boot != boot) return;
    power_off();
    world_.scheduler.after(world_.random.between(Time(200'000), Time(3'000'000)),
                           [this] { power_on(); });
  });
}

void SimNode::run_capture(const pb::Plan& plan) {
  if (!powered() || !world_.truth.of(id_).panicked) return;
  const auto program = make_program("capture");
  world_.scheduler.spawn(program->process, [this, program, plan] {
    dump_memory(world_, *program, plan);
    world_.truth.of(id_).dump_to_come = false;
    reboot_after(Time(50'000));
  });
  if (world_.calm || !world_.random.one_in(6)) return;
  // It dies in the middle, and a watchdog resets the machine.
  reboot_after(world_.random.between(Time(50'000), Time(3'000'000)));
}

void SimNode::pause(Time time) {
  const Time until = world_.scheduler.now() + time;
  still_until_ = std::max(still_until_, until);
  world_.say(fmt::format("{:5} stands still until {:.3f}", node_name(id_),
                         static_cast<double>(until.count()) / 1000));
  for (const auto& program : running_) program->process->pause_until(until);
}

void SimNode::recover_from_faults() {
  for (const auto& program : running_) program->process->pause_until(Time{0});
  if (sight_) sight_->unseen.fill(false);
  exits_.clear();
}

void SimNode::wipe_run() {
  if (!up()) return;
  world_.say(fmt::format("{:5} loses /run", node_name(id_)));
  const auto life = load_last_life(config_);
  if (life && life->handed_over) world_.truth.of(id_).left.insert(life->boot_generation);
  remove_folder(config_.state_directory);
  world_.truth.of(id_).run_lost = true;
}

void SimNode::wipe_var() {
  if (powered()) return;
  world_.say(fmt::format("{:5} is installed anew", node_name(id_)));
  remove_folder(config_.persistent_directory);
  reinstalled_ = true;
  world_.truth.of(id_).reinstalled_after = world_.truth.of(id_).boot;
  world_.truth.of(id_).disabled_since = Time{-1};
}

void SimNode::kill_program(const std::string& name) {
  const auto found = std::ranges::find_if(
      running_, [&](const auto& program) { return program->actor->process == name; });
  if (found == running_.end()) return;
  world_.say(fmt::format("{:5} {:9} is killed", node_name(id_), name));
  const auto program = *found;
  running_.erase(found);
  world_.scheduler.kill(program->process);
  if (name != "agent") return;
  ++world_.truth.of(id_).agents_killed;
  agent_again();
}

void SimNode::agent_again() {
  if (std::exchange(agent_comes_, true)) return;
  world_.scheduler.after(kRestartSec, [this, boot = world_.truth.of(id_).boot] {
    agent_comes_ = false;
    if (up() && world_.truth.of(id_).boot == boot) run_agent();
  });
}

// --- What an operator does on it ---

void SimNode::start(std::function<void()> then) {
  run(
      "start",
      [this, calm = world_.calm](Program& program) {
        const int status = start_main(program);
        started_in_calm_ = calm;  // another may have begun meanwhile, and found this one at work
        return status;
      },
      std::move(then));
}

void SimNode::arm(std::function<void()> then) {
  run(
      "arm", [this](Program& program) { return arm_main(program); }, std::move(then));
}

// The service on the node's own disks first: closing it waits for what is under way. And what takes
// over, as systemd does (PartOf=, After=).
void SimNode::stop(std::function<void()> then) {
  if (!up()) return;
  for (const char* name : {"agent", "takeover", "graceful", "giveback", "handover"}) {
    kill_program(name);
  }
  NodeTruth& truth = world_.truth.of(id_);
  for (unsigned lun = 0; lun < world_.owned; ++lun) {
    if (test::label_on(world_.target.shelf(), lun).home_node() != id_) continue;
    truth.serves.at(lun) = false;
    world_.target.abort_writes(truth.initiator, lun);
  }
  run(
      "stop", [this](Program& program) { return stop_main(program); }, std::move(then));
}

void SimNode::restart() {
  if (!up()) return;
  for (const char* name : {"arm", "start"}) kill_program(name);
  exits_.erase("takeover");  // of the life before
  stop([this] {
    start([this] {
      arm();
      run_agent();
    });
  });
}

void SimNode::start_as_reinstalled() {
  reinstalled_ = true;
  restart();
}

void SimNode::run_agent() {
  if (runs("agent")) return;
  run(
      "agent", [this](Program& program) { return agent_main(program); },
      [this] {
        if (starts_again(last_exit("agent").value_or(0))) agent_again();
      });
}

// An operator speaks of the life that the partner lives now.
void SimNode::declare_partner_failed() {
  NodeTruth& partner = world_.truth.of(partner_of(id_));
  partner.declared_failed.insert(partner.generation);
}

}  // namespace lastword::sim
