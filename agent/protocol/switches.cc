#include "agent/protocol/switches.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/start_plan.h"

namespace lastword {

Switch plain(const pb::Switch& asked) {
  return {.on = asked.on(), .until_unix_ms = asked.until_unix_ms()};
}

Switches plain(const pb::Switches& switches) {
  return {.disable = plain(switches.disable()), .no_takeover = plain(switches.no_takeover())};
}

const pb::Switches& newer(const pb::Switches& one, const pb::Switches& other) {
  return other.number() > one.number() ? other : one;
}

pb::Switches switches_on_disks(const Survey& survey, const Config& config, std::uint8_t node) {
  pb::Switches newest;
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == node) newest = newer(newest, slot.switches());
    }
  }
  return newest;
}

pb::Switches next_switches(const pb::Switches& before, OperatorSwitch which, const Switch& asked,
                           std::uint32_t own_generation) {
  pb::Switches next = before;
  pb::Switch& changed =
      which == OperatorSwitch::kDisable ? *next.mutable_disable() : *next.mutable_no_takeover();
  changed.set_on(asked.on);
  changed.set_until_unix_ms(asked.on ? asked.until_unix_ms : 0);
  next.set_number(std::max(before.number() + 1, first_number_of(own_generation)));
  return next;
}

Result<pb::MailboxSlot> slot_with_switches(const pb::MailboxSlot& now, const MailboxMember& member,
                                           const pb::Switches& switches) {
  if (now.switches().number() > switches.number()) {
    return fail({.code = Code::kRefused,
                 .operation = "write switches",
                 .detail = fmt::format("the mailbox disk has later ones of this node, number {}; "
                                       "run the command again",
                                       now.switches().number())});
  }
  pb::MailboxSlot slot = now.generation() == 0 ? current_slot(now, member, std::nullopt) : now;
  *slot.mutable_switches() = switches;
  return slot;
}

Refusals why_held_back(const ClusterSwitches& known, std::int64_t now_unix_ms) {
  NodeFacts facts;
  facts.switches = plain(known.own);
  facts.word.switches = plain(known.peer);
  facts.now_unix_ms = now_unix_ms;
  return refusals_on_panic(facts);
}

}  // namespace lastword
