#include "tests/sim/checkers/checker.h"

#include <algorithm>

#include "storage/block/record_io.h"
#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::sim {

std::vector<KeyParts> Checker::removed_by(const Executed& executed) const {
  std::vector<KeyParts> removed;
  const auto after = watched_.shelf.registrants(executed.about.lun);
  for (const fake::Registrant& registrant : executed.before) {
    if (std::ranges::find(after, registrant) != after.end()) continue;
    if (const auto parts = parse_key(registrant.key)) removed.push_back(*parts);
  }
  return removed;
}

bool Checker::takes_stray_away(const Executed& executed) const {
  const bool starts =
      executed.actor.process == "start" || executed.actor.process == "agent";  // a node that waited
  if (!starts || is_mailbox(executed.about.lun)) return false;
  const auto own = parse_key(executed.about.own);
  const pb::Label label = test::label_on(watched_.shelf, executed.about.lun);
  return own && label.owner_node() == own->node && label.owner_generation() == own->boot_generation;
}

bool Checker::takes_promised(const Executed& executed) const {
  if (is_mailbox(executed.about.lun)) return false;
  const auto own = parse_key(executed.about.own);
  const pb::Label label = test::label_on(watched_.shelf, executed.about.lun);
  return own && label.promised_node() == own->node &&
         label.promised_generation() <= own->boot_generation;
}

pb::TakeoverIntent Checker::intent_on(std::uint8_t node, unsigned lun) const {
  test::Medium medium(watched_.shelf, lun);
  const auto place = node == 1 ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh;
  pb::MailboxSlot slot;
  if (!RecordIo(medium, test::kMetadataOffset).read(place, slot)) slot.Clear();
  return slot.intent();
}

std::vector<std::unique_ptr<Checker>> make_checkers(const Watched& watched) {
  std::vector<std::unique_ptr<Checker>> checkers;
  checkers.push_back(check_one_writer(watched));
  checkers.push_back(check_live_keys(watched));
  checkers.push_back(check_intent_first(watched));
  checkers.push_back(check_dump_not_early(watched));
  checkers.push_back(check_kept_over_power(watched));
  checkers.push_back(check_one_takeover(watched));
  checkers.push_back(check_nothing_lost(watched));
  checkers.push_back(check_countdown_kept(watched));
  checkers.push_back(check_seizures(watched));
  checkers.push_back(check_switches_hold(watched));
  checkers.push_back(check_not_again_and_again(watched));
  checkers.push_back(check_table(watched));
  return checkers;
}

}  // namespace lastword::sim
