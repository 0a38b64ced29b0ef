// beta has alpha's disks, alpha has rebooted and waits for them: on the fake shelf and a virtual
// clock. alpha's side is played by hand; it does what docs/protocol.md says of a node that waits.
#pragma once

#include <array>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/node/intent_file.h"
#include "agent/node/state_files.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/service/giveback_run.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

inline constexpr std::uint32_t kVictim = 7;  // alpha's life that beta took over from
inline constexpr std::uint32_t kOwn = 4;     // beta's life
inline constexpr unsigned kLuns = 5;
enum Lun : unsigned { kFirst, kSecond, kSpare, kDump, kMailbox };
inline constexpr std::array kReturned{kFirst, kSecond, kSpare, kDump};

using Lines = std::vector<std::string>;
struct Killed {};

class Giveback {
 public:
  Giveback() {
    std::swap(config.self, config.partner);
    config.persistent_directory = folder.file("lib");
    config.state_directory = folder.file("run");
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    for (const auto& [lun, role] : {std::pair{kFirst, pb::SERVICE},
                                    {kSecond, pb::SERVICE},
                                    {kSpare, pb::SPARE},
                                    {kDump, pb::DUMP}}) {
      pb::Label label = make_label(lun, role);
      label.set_owner_node(kBeta);
      label.set_owner_generation(kOwn);
      label.set_home_generation(kVictim);
      plant(shelf, lun, label);
      hold(lun);
    }
    plant(shelf, kMailbox, make_label(kMailbox, pb::MAILBOX, 0));
    hold(kMailbox);
    pb::TakeoverIntent taken;
    taken.set_phase(pb::TakeoverIntent::TAKEN);
    taken.set_victim_node(kAlpha);
    taken.set_victim_generation(kVictim);
    taken.set_number(2);
    BOOST_TEST_REQUIRE(fake::ok(save_intent(config, taken)));
    pb::MailboxSlot own;
    own.set_node(kBeta);
    own.set_generation(kOwn);
    *own.mutable_intent() = taken;
    plant(shelf, kMailbox, own, RecordPlace::kMailboxHigh);
    boot(8);
    shelf.set_hook([this](const fake::CommandTrace& trace) { on_command(trace); });
  }

  // Each run is a process of its own.
  Result<GivebackReport> run(const GivebackOptions& options = {}) {
    return give_back(work(), options);
  }
  [[nodiscard]] const GivebackWork& work() {
    surveyor.emplace(config, view, executor);
    return work_;
  }

  // alpha's next life; what the one before it had armed is gone with it.
  void boot(std::uint32_t generation) {
    life = generation;
    alive = true;
    promised_since.clear();
    armed = false;
    command(kMailbox, [&](ScsiLun& lun) {
      return lun.register_ignoring_existing(key_of(kAlpha, life), false);
    });
    beat();
  }
  // Time passes for alpha alone.
  void pass(milliseconds time) {
    for (const Instant end = executor.now() + time; executor.now() < end;) {
      executor.sleep(milliseconds(100));
      act();
    }
  }

  [[nodiscard]] IntentPhase phase() const {
    return load_intent(config).value_or(pb::TakeoverIntent()).phase();
  }
  [[nodiscard]] ReservationKey holder(unsigned lun) const {
    const auto reservation = shelf.reservation(lun);
    return reservation ? reservation->holder : ReservationKey{};
  }
  [[nodiscard]] bool is_alphas(unsigned lun) {
    const pb::Label label = label_on(shelf, lun);
    return label.owner_node() == kAlpha && label.owner_generation() == life &&
           label.promised_node() == 0 && holder(lun) == key_of(kAlpha, life);
  }
  [[nodiscard]] bool is_kept(unsigned lun) {
    const pb::Label label = label_on(shelf, lun);
    return label.owner_node() == kBeta && label.promised_node() == 0 && holder(lun) == state.key;
  }
  void require_all_returned() {
    for (const unsigned lun : kReturned) BOOST_TEST(is_alphas(lun), "disk " << lun);
    BOOST_TEST(phase() == pb::TakeoverIntent::ENDED);
    BOOST_TEST(!serves);
  }
  void require_nothing_wrong() const {
    for (const std::string& what : wrong) BOOST_TEST(what == "");
  }
  void require_service_kept() {
    for (const unsigned lun : {kFirst, kSecond}) BOOST_TEST(is_kept(lun), "disk " << lun);
    BOOST_TEST(serves);
  }
  [[nodiscard]] std::ptrdiff_t place_of(const std::string& event) const {
    const auto found = std::ranges::find_if(
        events, [&](const std::string& line) { return line.find(event) != std::string::npos; });
    return found == events.end() ? -1 : found - events.begin();
  }
  [[nodiscard]] bool told(const std::string& event) const { return place_of(event) >= 0; }

  TestFolder folder;
  Config config = cluster_config();
  NodeState state{.boot_generation = kOwn,
                  .key = key_of(kBeta, kOwn),
                  .mailbox_disks = {uuid_of(kMailbox)},
                  .mailbox_joined = {uuid_of(kMailbox)}};
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kLuns, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, kLuns};
  std::optional<Surveyor> surveyor{std::in_place, config, view, executor};

  // alpha, as a test wants it.
  std::uint32_t life = 0;
  bool alive = false;
  pb::NodePhase says = pb::PHASE_WAITING;
  milliseconds takes_after{1000};  // of a promise
  bool arms = true;
  std::set<unsigned> never_takes;
  unsigned steps_to_live = std::numeric_limits<unsigned>::max();  // commands of alpha
  std::function<void()> when_dead = [] {};
  std::function<void(unsigned lun)> when_received = [](unsigned) {};

  // beta's service and hooks.
  bool serves = true;
  std::vector<HookInput> hooks;
  milliseconds hook_takes{500};
  std::function<Status(const HookInput&)> hook_ends = [](const HookInput&) { return Status{}; };

  Lines events;  // "NAME DISK DETAIL"
  Lines wrong;   // what must never be
  // Of beta: how many commands, or writes and flushes, it lives for.
  unsigned commands_to_live = std::numeric_limits<unsigned>::max();
  unsigned writes_to_live = std::numeric_limits<unsigned>::max();

 private:
  void hold(unsigned lun) {
    const auto disk = beta.lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(disk->register_ignoring_existing(state.key, false)));
    BOOST_TEST_REQUIRE(fake::ok(disk->reserve(state.key, kOwnerType)));
  }

  void on_command(const fake::CommandTrace& trace) {
    if (trace.initiator != "beta") return;
    if (commands_to_live-- == 0) throw Killed();
    const bool writes = trace.command == fake::Command::kWrite;
    if ((writes || trace.command == fake::Command::kFlush) && writes_to_live-- == 0) throw Killed();
    executor.sleep(milliseconds(1));
    if (trace.lun != kMailbox) check(trace);
    act();
  }
  void check(const fake::CommandTrace& trace) {
    switch (trace.command) {
      case fake::Command::kRegister:
      case fake::Command::kReserve:
      case fake::Command::kRelease:
      case fake::Command::kPreempt:
      case fake::Command::kPreemptAndAbort:
      case fake::Command::kReset:
        wrong.push_back("beta sends " + std::string(name_of(trace.command)));
        break;
      case fake::Command::kWrite: {
        const pb::TakeoverIntent intent = intent_on(shelf, kMailbox);
        if (intent.phase() != pb::TakeoverIntent::RETURNING) {
          wrong.push_back("a label is written while the intent does not say RETURNING");
        }
        const bool service = trace.lun == kFirst || trace.lun == kSecond;
        if (service && serves) wrong.push_back("a disk is promised while beta serves it");
        break;
      }
      default:
        break;
    }
  }

  // --- alpha ---

  void act() {
    if (acting_ || !alive) return;
    acting_ = true;
    if (executor.now() >= next_beat_) beat();
    for (const unsigned lun : {kSpare, kDump, kFirst, kSecond}) {
      if (alive) receive(lun);
    }
    if (alive && arms && !armed && is_alphas(kDump) && is_alphas(kSpare)) {
      pb::CoredumpHeader header;
      header.set_attribute(pb::ARMED);
      header.set_node(kAlpha);
      header.set_boot_generation(life);
      plant(shelf, kDump, header);
      armed = true;
    }
    acting_ = false;
  }
  void beat() {
    next_beat_ = executor.now() + milliseconds(1000);
    pb::MailboxSlot slot = slots_on(shelf, kMailbox)[0];
    slot.set_node(kAlpha);
    slot.set_generation(life);
    slot.set_sequence(slot.sequence() + 1);
    slot.set_presence(pb::WATCHING);
    slot.set_protocol(kProtocolVersion);
    slot.set_phase(says);
    if (says == pb::PHASE_WAITING && (is_alphas(kDump) || is_alphas(kSpare))) {
      slot.set_phase(pb::PHASE_RECEIVING);
    }
    slot.set_sees(mailbox_set({uuid_of(0), uuid_of(1), uuid_of(2), uuid_of(3)}));
    *slot.mutable_settings() = shared_settings(config.timing);
    plant(shelf, kMailbox, slot, RecordPlace::kMailboxLow);
  }
  // A promised disk after a while; and one that an earlier life had got hold of.
  void receive(unsigned lun) {
    const pb::Label label = label_on(shelf, lun);
    const bool promised = label.owner_node() == kBeta && is_promised_to(label, kAlpha, life);
    const auto held = parse_key(holder(lun));
    const bool from_before = held && held->node == kAlpha && !is_alphas(lun);
    if ((!promised && !from_before) || never_takes.contains(lun)) return;
    const Instant since = promised_since.try_emplace(lun, executor.now()).first->second;
    if (executor.now() < since + takes_after) return;
    const ReservationKey own = key_of(kAlpha, life);
    const ReservationKey victim = holder(lun);
    if (!step(lun, [&](ScsiLun& to) { return to.register_ignoring_existing(own, false); })) return;
    if (victim != own &&
        !step(lun, [&](ScsiLun& to) { return to.preempt_and_abort(own, victim, kOwnerType); })) {
      return;
    }
    if (!lives()) return;
    pb::Label received = label_unpromised(label_on(shelf, lun));
    received.set_owner_node(kAlpha);
    received.set_owner_generation(life);
    received.set_home_generation(life);
    plant(shelf, lun, received);
    when_received(lun);
  }
  bool lives() {
    if (steps_to_live-- != 0) return true;
    alive = false;
    when_dead();
    return false;
  }
  template <class Send>
  bool step(unsigned lun, const Send& send) {
    if (!lives()) return false;
    command(lun, send);
    return true;
  }
  template <class Send>
  void command(unsigned lun, const Send& send) {
    const auto to = alpha.lun(lun);
    while (true) {
      const Status sent = send(*to);
      if (sent || sent.error().code != Code::kUnitAttention) break;
    }
  }

  GivebackWork work_{.config = config,
                     .surveyor = *surveyor,
                     .events =
                         [this](const Event& event) {
                           events.push_back(event.name + " " + event.disk + " " + event.detail);
                         },
                     .run_hook = [this](const HookInput& input) -> Status {
                       hooks.push_back(input);
                       executor.sleep(hook_takes);
                       act();
                       Status end = hook_ends(input);
                       serves = input.event == "service-taken";
                       return end;
                     }};
  std::map<unsigned, Instant> promised_since;
  bool armed = false;
  bool acting_ = false;
  Instant next_beat_{0};
};

}  // namespace lastword::test
