// alpha leaves its disks to beta: on the fake shelf and a virtual clock. beta's side is played by
// hand; it does what docs/protocol.md says of a node whose partner has left.
#pragma once

#include <array>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/node/locks.h"
#include "agent/node/persistent_files.h"
#include "agent/node/state_files.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/service/handover_run.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

inline constexpr std::uint32_t kOwn = 7;   // alpha's life
inline constexpr std::uint32_t kLife = 4;  // beta's
inline constexpr unsigned kLuns = 4;
enum Lun : unsigned { kFirst, kSecond, kSpare, kMailbox };
inline constexpr std::array kLeft{kFirst, kSecond, kSpare};

using Lines = std::vector<std::string>;
struct Killed {};

class Handover {
 public:
  Handover() {
    config.persistent_directory = folder.file("lib");
    config.state_directory = folder.file("run");
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    BOOST_TEST_REQUIRE(fake::ok(keep_last_generation(config, kOwn)));
    for (const auto& [lun, role] :
         {std::pair{kFirst, pb::SERVICE}, {kSecond, pb::SERVICE}, {kSpare, pb::SPARE}}) {
      pb::Label label = make_label(lun, role);
      label.set_owner_node(kAlpha);
      label.set_owner_generation(kOwn);
      label.set_home_generation(kOwn);
      plant(shelf, lun, label);
      hold(lun);
    }
    plant(shelf, kMailbox, make_label(kMailbox, pb::MAILBOX, 0));
    hold(kMailbox);
    command(kMailbox, [&](ScsiLun& lun) {
      return lun.register_ignoring_existing(key_of(kBeta, kLife), false);
    });
    pb::MailboxSlot own;
    own.set_node(kAlpha);
    own.set_generation(kOwn);
    own.set_sequence(40);
    own.set_phase(pb::PHASE_PAIRED);
    plant(shelf, kMailbox, own, RecordPlace::kMailboxLow);
    beat();
    shelf.set_hook([this](const fake::CommandTrace& trace) { on_command(trace); });
  }

  // Each run is a process of its own.
  Result<HandoverReport> run(const HandoverOptions& options = {}) {
    return hand_over(work(), options);
  }
  [[nodiscard]] const HandoverWork& work() {
    surveyor.emplace(config, view, executor);
    return work_;
  }
  // Time passes for beta alone.
  void pass(milliseconds time) {
    for (const Instant end = executor.now() + time; executor.now() < end;) {
      executor.sleep(milliseconds(100));
      act();
    }
  }
  [[nodiscard]] DiskAccess access() { return disks_through(config, *surveyor); }

  [[nodiscard]] ReservationKey holder(unsigned lun) const {
    const auto reservation = shelf.reservation(lun);
    return reservation ? reservation->holder : ReservationKey{};
  }
  [[nodiscard]] bool is_kept(unsigned lun) {
    return label_on(shelf, lun).owner_node() == kAlpha && holder(lun) == state.key;
  }
  [[nodiscard]] pb::NodePhase says() { return slots_on(shelf, kMailbox)[0].phase(); }
  [[nodiscard]] bool has_left() const { return load_last_life(config)->handed_over; }
  void require_left() {
    for (const unsigned lun : kLeft) {
      BOOST_TEST(label_on(shelf, lun).owner_node() == unsigned{kBeta}, "disk " << lun);
      BOOST_TEST((holder(lun) == key_of(kBeta, kLife)), "disk " << lun);
    }
    BOOST_TEST(has_left());
    BOOST_TEST((says() == pb::PHASE_HANDED_OVER));
    BOOST_TEST(!serves);
    BOOST_TEST(!armed);
  }
  // This life goes on.
  void require_kept() {
    for (const unsigned lun : kLeft) BOOST_TEST(is_kept(lun), "disk " << lun);
    BOOST_TEST(!has_left());
    BOOST_TEST((says() == pb::PHASE_PAIRED));
    BOOST_TEST(serves);
    BOOST_TEST(armed);
  }
  void require_nothing_wrong() const {
    for (const std::string& what : wrong) BOOST_TEST(what == "");
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
                  .key = key_of(kAlpha, kOwn),
                  .mailbox_disks = {uuid_of(kMailbox)},
                  .mailbox_joined = {uuid_of(kMailbox)}};
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kLuns, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{alpha, kLuns};
  std::optional<Surveyor> surveyor{std::in_place, config, view, executor};

  // beta, as a test wants it.
  bool alive = true;
  pb::NodePhase phase = pb::PHASE_PAIRED;
  milliseconds takes_after{1000};  // of alpha's word
  std::set<unsigned> never_takes;
  pb::LeaveRequest request;
  bool left_too = false;         // as soon as alpha has
  std::optional<Instant> heals;  // the mailbox disk
  // Another program of alpha's has lock_takeover(), until then.
  std::optional<FileDescriptor> takeover_lock;
  Instant lock_is_free{Instant::max()};

  // alpha's service, hooks and capture image.
  bool serves = true;
  bool armed = true;
  std::vector<HookInput> hooks;
  milliseconds hook_takes{500};
  std::function<Status(const HookInput&)> hook_ends = [](const HookInput&) { return Status{}; };
  Status disarmed;

  Lines events;  // "NAME DISK DETAIL"
  Lines wrong;   // what must never be
  // Of alpha: how many commands, or writes and flushes, it lives for.
  unsigned commands_to_live = std::numeric_limits<unsigned>::max();
  unsigned writes_to_live = std::numeric_limits<unsigned>::max();

 private:
  void hold(unsigned lun) {
    const auto disk = alpha.lun(lun);
    BOOST_TEST_REQUIRE(fake::ok(disk->register_ignoring_existing(state.key, false)));
    BOOST_TEST_REQUIRE(fake::ok(disk->reserve(state.key, kOwnerType)));
  }
  void on_command(const fake::CommandTrace& trace) {
    if (trace.initiator != "alpha") return;
    if (commands_to_live-- == 0) throw Killed();
    const bool writes = trace.command == fake::Command::kWrite;
    if ((writes || trace.command == fake::Command::kFlush) && writes_to_live-- == 0) throw Killed();
    executor.sleep(milliseconds(1));
    check(trace);
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
        if (!has_left()) wrong.push_back("alpha sends " + std::string(name_of(trace.command)));
        break;
      case fake::Command::kWrite:
        if (trace.lun != kMailbox) break;
        if (serves || armed) wrong.emplace_back("alpha says that it has left while it serves");
        if (!has_left()) wrong.emplace_back("alpha says that it has left before that is durable");
        break;
      default:
        break;
    }
  }

  // --- beta ---

  void act() {
    if (acting_ || !alive) return;
    acting_ = true;
    if (executor.now() >= lock_is_free) takeover_lock.reset();
    if (heals && executor.now() >= *heals) {
      heals.reset();
      shelf.heal(kMailbox);
    }
    if (left_too && says() == pb::PHASE_HANDED_OVER) phase = pb::PHASE_HANDED_OVER;
    if (executor.now() >= next_beat_) beat();
    if (says() == pb::PHASE_HANDED_OVER) {
      if (!heard_) heard_ = executor.now();
      if (executor.now() >= *heard_ + takes_after) {
        for (const unsigned lun : kLeft) take(lun);
      }
    }
    acting_ = false;
  }
  void beat() {
    next_beat_ = executor.now() + milliseconds(1000);
    pb::MailboxSlot slot = slots_on(shelf, kMailbox)[1];
    slot.set_node(kBeta);
    slot.set_generation(kLife);
    slot.set_sequence(slot.sequence() + 1);
    slot.set_presence(pb::WATCHING);
    slot.set_protocol(kProtocolVersion);
    slot.set_phase(phase);
    slot.set_sees_partner(mailbox_set({uuid_of(kFirst), uuid_of(kSecond), uuid_of(kSpare)}));
    *slot.mutable_settings() = shared_settings(config.timing);
    *slot.mutable_request() = request;
    plant(shelf, kMailbox, slot, RecordPlace::kMailboxHigh);
  }
  void take(unsigned lun) {
    if (never_takes.contains(lun) || holder(lun) != state.key) return;
    if (serves) wrong.emplace_back("beta takes a disk while alpha serves");
    const ReservationKey own = key_of(kBeta, kLife);
    command(lun, [&](ScsiLun& to) { return to.register_ignoring_existing(own, false); });
    command(lun, [&](ScsiLun& to) { return to.preempt_and_abort(own, state.key, kOwnerType); });
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kLife);
    plant(shelf, lun, label);
  }
  template <class Send>
  void command(unsigned lun, const Send& send) {
    const auto to = beta.lun(lun);
    while (true) {
      const Status sent = send(*to);
      if (sent || sent.error().code != Code::kUnitAttention) break;
    }
  }

  HandoverWork work_{
      .config = config,
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
        serves = input.event == "service-returned";
        return end;
      },
      .disarm = [this](const NodeState&, const Survey&) -> Result<std::vector<Error>> {
        if (!disarmed) return fail(disarmed.error());
        armed = false;
        return std::vector<Error>();
      },
      .arm = [this]() -> Status {
        // As `lastword arm` does.
        if (const auto lock = lock_state(config); !lock) return fail(lock.error());
        if (const auto lock = lock_takeover(config); !lock) return fail(lock.error());
        armed = true;
        return {};
      }};
  std::optional<Instant> heard_;
  bool acting_ = false;
  Instant next_beat_{0};
};

}  // namespace lastword::test
