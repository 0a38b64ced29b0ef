// alpha writes heartbeats, until it dies without a word; beta watches. On the fake shelf and a
// virtual clock.
#pragma once

#include <functional>
#include <optional>

#include "agent/daemon/agent_run.h"
#include "agent/disks/own_slot.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "tests/agent/takeover/panic.h"

namespace lastword::test {

struct StillWatching {};

// alpha lives, and its agent writes a heartbeat each second, until `dies`. No capture kernel
// starts.
class Silence : public Panic {
 public:
  Silence() {
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    for (const unsigned lun : {kDump, kArmed}) plant(shelf, lun, pb::CoredumpHeader());
    dump_ends = Instant::max();
    beat.machine = "alpha";
    beat.timing = config.timing;
    watch_command = [this](const fake::CommandTrace& trace) {
      if (trace.lun == slow_lun) executor.sleep(milliseconds(3000));
      pass();
    };
  }

  Result<std::optional<TakeoverReport>> watch() {
    return watch_and_take_over(config, surveyor, work.events, hands(), {.heartbeat = &heartbeat()});
  }
  [[nodiscard]] TakeoverHands hands() const {
    return {.run_hook = work.run_hook, .recover = work.recover};
  }
  Heartbeat& heartbeat() {
    if (!heartbeat_) heartbeat_.emplace(config, view, executor, work.events, "beta");
    return *heartbeat_;
  }
  // Of an agent that has left nothing more is heard.
  void begin_another_agent() { heartbeat_.reset(); }
  // Two more mailbox disks, of what were alpha's.
  void use_three_mailboxes() {
    mailboxes = {kMailbox, kDump, kArmed};
    state.mailbox_disks.clear();
    for (const unsigned lun : mailboxes) {
      plant(shelf, lun, make_label(lun, pb::MAILBOX, 0));
      BOOST_TEST_REQUIRE(fake::ok(beta.lun(lun)->register_ignoring_existing(state.key, false)));
      state.mailbox_disks.push_back(uuid_of(lun));
    }
    std::ranges::sort(state.mailbox_disks);
    state.mailbox_joined = state.mailbox_disks;
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    member.mailbox_set = mailbox_set(state.mailbox_disks);
  }
  void alpha_beats() {
    for (const unsigned lun : mailboxes) alpha_beats_on(lun);
  }
  void alpha_beats_on(unsigned lun) {
    Medium medium(shelf, lun);
    RecordIo records(medium, kMetadataOffset);
    pb::MailboxSlot slot;
    if (!records.read(RecordPlace::kMailboxLow, slot)) slot.Clear();
    const auto next = slot_with_beat(slot, member, beat);
    BOOST_TEST_REQUIRE(fake::ok(next));
    BOOST_TEST_REQUIRE(fake::ok(records.put(RecordPlace::kMailboxLow, *next)));
  }
  [[nodiscard]] bool told(const std::string& event) const { return place_of(event) >= 0; }
  [[nodiscard]] Instant time_of(const std::string& event) const {
    const auto place = place_of(event);
    BOOST_TEST_REQUIRE(place >= 0);
    return Instant{std::stoll(events[static_cast<std::size_t>(place)])};
  }

  MailboxMember member{
      .self = {.node = kAlpha, .boot_generation = kCrashed, .key = key_of(kAlpha, kCrashed)},
      .place = RecordPlace::kMailboxLow,
      .mailbox_set = mailbox_set({uuid_of(kMailbox)})};
  Beat beat;
  std::vector<unsigned> mailboxes{kMailbox};
  unsigned slow_lun = kLuns;
  Instant dies{60'000};
  Instant wakes = Instant::max();
  Instant ends{600'000};
  std::function<void()> each_second = [] {};

 private:
  void pass() {
    const Instant now = executor.now();
    if (now > ends) throw StillWatching();
    if (now < next_) return;
    next_ = now + milliseconds(1000);
    each_second();
    if (now < dies || now >= wakes) alpha_beats();
  }
  std::optional<Heartbeat> heartbeat_;
  Instant next_{};
};

}  // namespace lastword::test
