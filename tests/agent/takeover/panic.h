// alpha has panicked on the fake shelf, its capture kernel dumps, and beta takes over: in one
// thread on a virtual clock, with takeover_plan, seize_plan, late disks, records and reservations
// as they are.
#pragma once

#include <boost/test/unit_test.hpp>

#include "agent/disks/intent_log.h"
#include "agent/node/intent_file.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/takeover/takeover_run.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
inline constexpr std::uint32_t kCrashed = 7;  // alpha's life
inline constexpr std::uint32_t kOwn = 4;      // beta's
inline constexpr unsigned kLuns = 6;
enum Lun : unsigned { kFirst, kSecond, kSpare, kDump, kArmed, kMailbox };

using Lines = std::vector<std::string>;

struct HookRun {
  Instant begun;
  Instant ended;
  HookInput input;
};

// alpha owns all of it and has panicked; its capture kernel dumps to kDump. beta takes over.
class Panic {
 public:
  Panic() {
    std::swap(config.self, config.partner);
    config.persistent_directory = folder.file("lib");
    config.state_directory = folder.file("run");
    state.mailbox_disks = state.mailbox_joined = {uuid_of(kMailbox)};
    for (const auto& [lun, role] : {std::pair{kFirst, pb::SERVICE},
                                    {kSecond, pb::SERVICE},
                                    {kSpare, pb::SPARE},
                                    {kDump, pb::SPARE},
                                    {kArmed, pb::SPARE}}) {
      pb::Label label = make_label(lun, role);
      label.set_owner_node(kAlpha);
      label.set_owner_generation(kCrashed);
      label.set_home_generation(kCrashed);
      plant(shelf, lun, label);
      join(alpha, lun, key_of(kAlpha, kCrashed));
      BOOST_TEST_REQUIRE(fake::ok(alpha.lun(lun)->reserve(key_of(kAlpha, kCrashed), kOwnerType)));
    }
    plant(shelf, kMailbox, make_label(kMailbox, pb::MAILBOX, 0));
    join(alpha, kMailbox, key_of(kAlpha, kCrashed));
    join(beta, kMailbox, state.key);
    alpha_counts_by(state.mailbox_disks);
    put_header(kDump, pb::IN_PROGRESS);
    put_header(kArmed, pb::ARMED);
    shelf.set_hook([this](const fake::CommandTrace& trace) { on_command(trace); });
  }

  // `proven`: by the header of the dump.
  Result<TakeoverReport> run(bool proven = true) {
    auto look = surveyor.look();
    BOOST_TEST_REQUIRE(look.has_value());
    shelf.clear_trace();
    return take_over(work, {.look = std::move(*look), .generation = kCrashed, .proven = proven});
  }
  // beta has taken it, and nothing of a dump is on it.
  void beta_has(unsigned lun) {
    plant(shelf, lun, pb::CoredumpHeader());
    pb::Label label = label_on(shelf, lun);
    label.set_owner_node(kBeta);
    label.set_owner_generation(kOwn);
    plant(shelf, lun, label);
    join(beta, lun, state.key);
    BOOST_TEST_REQUIRE(
        fake::ok(beta.lun(lun)->preempt(state.key, key_of(kAlpha, kCrashed), kOwnerType)));
  }
  // beta has begun to take over from alpha, and has been interrupted.
  void beta_intends(bool proven = false) {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    const IntentLog intents(config, state, view, executor);
    const CopiesWritten copies = intents.write(
        look->survey, intents.next(std::nullopt, pb::TakeoverIntent::TAKING, kCrashed, proven));
    BOOST_TEST_REQUIRE(copies.problems.empty());
  }
  [[nodiscard]] IntentPhase phase() const {
    return load_intent(config).value_or(pb::TakeoverIntent()).phase();
  }

  // alpha's slot, as its start wrote it.
  void alpha_counts_by(const std::vector<std::string>& mailboxes) {
    pb::MailboxSlot slot;
    slot.set_node(kAlpha);
    slot.set_generation(kCrashed);
    slot.set_mailbox_set(mailbox_set(mailboxes));
    Medium medium(shelf, kMailbox);
    BOOST_TEST_REQUIRE(
        RecordIo(medium, kMetadataOffset).put(RecordPlace::kMailboxLow, slot).has_value());
  }
  void put_header(unsigned lun, pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(kAlpha);
    header.set_boot_generation(kCrashed);
    header.set_crash_id("c");
    plant(shelf, lun, header);
  }

  [[nodiscard]] std::uint8_t holder(unsigned lun) const {
    const auto reservation = shelf.reservation(lun);
    return reservation ? parse_key(reservation->holder)->node : std::uint8_t{0};
  }
  [[nodiscard]] std::ptrdiff_t place_of(const std::string& event) const {
    const auto found = std::find_if(events.begin(), events.end(), [&](const std::string& line) {
      return line.find(event) != std::string::npos;
    });
    return found == events.end() ? -1 : found - events.begin();
  }
  [[nodiscard]] std::ptrdiff_t times_told(const std::string& event) const {
    return std::ranges::count_if(events, [&](const std::string& line) {
      return line.find(" " + event + " ") != std::string::npos;
    });
  }

  TestFolder folder;
  // With the time of each.
  [[nodiscard]] Lines announcements() const {
    Lines lines;
    std::ranges::copy_if(events, std::back_inserter(lines), [](const std::string& line) {
      return line.find(" service-taken ") != std::string::npos;
    });
    return lines;
  }

  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kLuns, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, kLuns};
  Surveyor surveyor{config, view, executor};
  NodeState state{.boot_generation = kOwn, .key = key_of(kBeta, kOwn)};
  Lines events;  // with the time of each
  Lines recovered;
  std::vector<HookRun> hooks;
  milliseconds hook_takes{500};
  milliseconds recovery_takes{2000};
  milliseconds recovery_tells_every{kLongestTime};  // of its progress
  Instant dump_ends{3000};
  std::optional<Instant> sick_until;  // of kSecond, for beta
  std::function<void(const fake::CommandTrace&)> watch_command;
  TakeoverWork work{
      .config = config,
      .state = state,
      .surveyor = surveyor,
      .events =
          [this](const Event& event) {
            events.push_back(std::to_string(executor.now().count()) + " " + event.name + " " +
                             event.disk + " " + event.detail);
          },
      .run_hook =
          [this](const HookInput& input) {
            hooks.push_back({.begun = executor.now(), .ended = {}, .input = input});
            executor.sleep(hook_takes);
            hooks.back().ended = executor.now();
            return Status{};
          },
      .recover = [this](const DiskView& disk,
                        const std::function<void()>& on_progress) -> Result<std::string> {
        const Instant end = executor.now() + recovery_takes;
        while (executor.now() + recovery_tells_every < end) {
          executor.sleep(recovery_tells_every);
          on_progress();
        }
        executor.sleep(end - executor.now());
        recovered.push_back(disk.info.path);
        return "/var/crash/alpha/1";
      }};

 protected:
  static void join(const fake::Nexus& nexus, unsigned lun, ReservationKey key) {
    BOOST_TEST_REQUIRE(fake::ok(nexus.lun(lun)->register_ignoring_existing(key, false)));
  }

 private:
  // The clock, the dump writer, and a disk that heals.
  void on_command(const fake::CommandTrace& trace) {
    executor.sleep(milliseconds(1));
    if (watch_command) watch_command(trace);
    if (!dump_over_ && executor.now() >= dump_ends) {
      dump_over_ = true;
      put_header(kDump, pb::COMPLETED);
    }
    if (sick_until && executor.now() >= *sick_until) {
      sick_until.reset();
      shelf.heal(kSecond);
    }
  }
  bool dump_over_ = false;
};

}  // namespace lastword::test
