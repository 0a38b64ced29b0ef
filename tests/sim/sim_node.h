// One node's life on the simulated shelf: it boots, its programs run as systemd would run them
// (scripts/systemd), it panics, is killed, comes back. The programs are lastword's own code.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/daemon/agent_run.h"
#include "agent/disks/survey.h"
#include "agent/service/disk_access.h"
#include "agent/service/stop_run.h"
#include "agent/service/switch_run.h"
#include "proto/plan.pb.h"
#include "tests/sim/sim_executor.h"
#include "tests/sim/sim_shelf.h"
#include "tests/sim/truth.h"

namespace lastword::sim {

class World;

// A process, with its clock and its way to the disks. Kept until the history ends: what it leaves
// behind in the kernel may still use it.
struct Program {
  Program(World& world, const Config& node_config, const Sight& sight, Time booted,
          const std::int64_t& wall_off_ms, ActorPtr program_actor);

  ActorPtr actor;
  ProcessPtr process;
  Config config;
  SimExecutor executor;
  SimShelf shelf;
  Surveyor surveyor;
};

class SimNode {
 public:
  SimNode(World& world, std::uint8_t id);

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] bool powered() const;
  [[nodiscard]] bool up() const;  // powered, and not in its capture kernel
  [[nodiscard]] Sight& sight() { return *sight_; }
  [[nodiscard]] bool sees(unsigned lun) const { return sight_ && !sight_->unseen.at(lun); }
  [[nodiscard]] bool runs(const std::string& name) const;
  // No command of an operator is under way.
  [[nodiscard]] bool idle() const;
  // How the last one of that name ended; absent: it runs, or was killed, or none was run.
  [[nodiscard]] std::optional<int> last_exit(const std::string& name) const;

  // The partner has its disks, and it waits for their giveback.
  [[nodiscard]] bool waits() const;
  // Its agent has left something of a takeover to hands.
  [[nodiscard]] bool undone() const { return undone_; }
  // Its present life has disks in service.
  [[nodiscard]] bool in_service() const;

  // `start` was run since faults have stopped.
  [[nodiscard]] bool started_in_calm() const { return started_in_calm_; }

  // --- What happens to it ---
  void power_on();  // boots: start, arm, agent
  void power_off();
  void reboot();
  void panic();
  void pause(Time time);
  // The end of its last pause: what was paused wakes then, whatever has changed since.
  [[nodiscard]] Time still_until() const { return still_until_; }
  // No fault of its own goes on: it is awake, and sees every disk.
  void recover_from_faults();
  void wipe_run();
  // Its system is installed anew before it comes back; it must be down.
  void wipe_var();
  void set_clock(std::int64_t off_ms) { wall_off_ms_ = off_ms; }
  // One of its programs, if one runs, as by SIGKILL.
  void kill_program(const std::string& name);

  // --- What an operator does on it ---
  void start(std::function<void()> then = {});
  void arm(std::function<void()> then = {});
  void stop(std::function<void()> then = {});
  void restart();  // systemctl restart lastword: stop, start, arm, agent
  void take_over();
  void give_back();
  void hand_over();
  void halt();
  void take_over_gracefully();  // with a countdown of some seconds
  void cancel_graceful() { cancelled_ = true; }
  void switch_on(OperatorSwitch which);  // for some time, or for good
  void switch_all_off();
  // `start` asks whether another machine uses this node's id: it was installed anew, and a disk
  // that it had not seen tells of a later life.
  [[nodiscard]] bool takes_itself_for_another() const { return asked_who_it_is_; }
  void start_as_reinstalled();
  // Some switch was set, and was not taken back.
  [[nodiscard]] bool switched() const { return switched_; }
  void run_agent();  // unless it runs

 private:
  using Main = std::function<int(Program&)>;
  void run(const std::string& name, Main main, std::function<void()> then = {});
  [[nodiscard]] ActorPtr actor(const std::string& name) const;
  [[nodiscard]] std::shared_ptr<Program> make_program(const std::string& name);
  [[nodiscard]] DiskAccess access(Program& program) const;
  int start_main(Program& program);
  int arm_main(Program& program);
  int stop_main(Program& program);
  int agent_main(Program& program);
  int takeover_main(Program& program);
  int giveback_main(Program& program);
  int handover_main(Program& program);
  int halt_main(Program& program);
  int graceful_main(Program& program);
  int set_switches(Program& program, const std::vector<SwitchOrder>& orders);
  [[nodiscard]] Disarm disarm_of(Program& program);
  // Of a `stop` or `halt`: what came of it, for the truth.
  int life_ended(Program& program, const Result<StopReport>& report);
  Status end_hook(Program& program, const HookInput& input);
  void hold(unsigned lun, const Program& program);
  Status run_hook(Program& program, const HookInput& input);
  [[nodiscard]] EventSink events_of(Program& program, bool ordered);
  [[nodiscard]] TakeoverHands hands_of(Program& program);
  [[nodiscard]] Result<std::string> recover(Program& program, const DiskView& disk);
  void agent_again();
  void declare_partner_failed();
  void serve(const Actor& by, unsigned lun);
  void run_capture(const pb::Plan& plan);
  void reboot_after(Time delay);
  void kill_all();

  World& world_;
  std::uint8_t id_;
  Config config_;
  std::unique_ptr<Sight> sight_;  // of this boot
  unsigned holds_ = 0;            // how often something went on with a disk whose service had ended
  std::vector<std::unique_ptr<Sight>> old_sights_;
  Time booted_{0};
  unsigned nexuses_ = 0;
  unsigned plans_ = 0;
  std::optional<pb::Plan> loaded_;                  // the capture image
  std::vector<std::shared_ptr<Program>> programs_;  // all of the history
  std::vector<std::shared_ptr<Program>> running_;
  std::shared_ptr<Program> service_;
  std::map<std::string, int> exits_;
  bool undone_ = false;
  bool started_in_calm_ = false;
  Time still_until_{0};
  bool agent_comes_ = false;  // again, after RestartSec
  std::int64_t wall_off_ms_ = 0;
  bool reinstalled_ = false;      // /var was lost, and `start` has not run since
  bool asked_who_it_is_ = false;  // by the last `start`
  bool cancelled_ = false;
  bool switched_ = false;
};

}  // namespace lastword::sim
