// beta has alpha's four disks, and alpha waits for them: what a giveback is planned from.
#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/protocol/giveback_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {

inline constexpr std::uint32_t kVictim = 7;  // alpha's life that beta took over from
inline constexpr std::uint32_t kLife = 8;    // alpha's life that waits
inline constexpr std::uint32_t kOwn = 4;     // beta's
enum Number : std::size_t { kFirst, kSecond, kSpare, kDump, kMailbox };

struct Borrowed {
  Borrowed() {
    std::swap(config.self, config.partner);
    for (const auto& [number, role] : {std::pair{kFirst, pb::SERVICE},
                                       {kSecond, pb::SERVICE},
                                       {kSpare, pb::SPARE},
                                       {kDump, pb::DUMP}}) {
      DiskView disk = surveyed(static_cast<unsigned>(number), role);
      disk.label->set_owner_node(kBeta);
      disk.label->set_owner_generation(kOwn);
      disk.label->set_home_generation(kVictim);
      disk.reservations_known = true;
      hold(disk, state.key);
      survey.disks.push_back(disk);
    }
    survey.disks.push_back(surveyed(kMailbox, pb::MAILBOX, 0));
    survey.disks.back().keys = {state.key, key_of(kAlpha, kLife)};
    intent = next_intent_of(pb::TakeoverIntent::TAKEN);
    pb::MailboxSlot slot;
    slot.set_node(kAlpha);
    slot.set_generation(kLife);
    slot.set_sequence(5);
    slot.set_presence(pb::WATCHING);
    slot.set_protocol(kProtocolVersion);
    slot.set_phase(pb::PHASE_WAITING);
    slot.set_sees(mailbox_set({uuid_of(0), uuid_of(1), uuid_of(2), uuid_of(3)}));
    *slot.mutable_settings() = shared_settings(config.timing);
    word = {.slot = slot, .heard = true};
  }
  static void hold(DiskView& disk, ReservationKey key) {
    disk.keys = {key};
    disk.reservation = Reservation{.holder = key, .type = kOwnerType};
  }
  static pb::TakeoverIntent next_intent_of(IntentPhase phase) {
    pb::TakeoverIntent intent;
    intent.set_phase(phase);
    intent.set_victim_node(kAlpha);
    intent.set_victim_generation(kVictim);
    intent.set_number(3);
    return intent;
  }
  DiskView& disk(std::size_t number) { return survey.disks[number]; }
  void promise(std::size_t number, std::uint32_t life = kLife) {
    disk(number).label = label_promised(*disk(number).label, kAlpha, life);
  }
  // alpha has taken it, and written its label.
  void give(std::size_t number, std::uint32_t life = kLife) {
    hold(disk(number), key_of(kAlpha, life));
    pb::Label& label = *disk(number).label;
    label = label_unpromised(label);
    label.set_owner_node(kAlpha);
    label.set_owner_generation(life);
    label.set_home_generation(life);
  }
  [[nodiscard]] GivebackPlan plan() const {
    return plan_giveback(survey, config, state, intent, word);
  }
  // Of the one veto that there is.
  [[nodiscard]] Veto veto() const {
    const auto vetoes = plan().vetoes;
    BOOST_TEST_REQUIRE(vetoes.size() == 1U);
    BOOST_TEST(!vetoes.front().remedy.empty());
    return vetoes.front();
  }
  [[nodiscard]] bool refuses(std::string_view reason) const {
    const auto vetoes = plan().vetoes;
    return std::ranges::any_of(vetoes, [&](const Veto& one) {
      return one.kind == Veto::Kind::kHard && one.reason.find(reason) != std::string::npos;
    });
  }

  Config config = cluster_config();
  NodeState state{.boot_generation = kOwn,
                  .key = key_of(kBeta, kOwn),
                  .mailbox_disks = {uuid_of(kMailbox)},
                  .mailbox_joined = {uuid_of(kMailbox)}};
  Survey survey;
  std::optional<pb::TakeoverIntent> intent;
  PartnerWord word;
};

}  // namespace lastword::test
