// A pair that is well, as `lastword status` finds it: alpha asks.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>

#include "agent/records/status_plan.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {

inline constexpr std::uint32_t kOwn = 7;
inline constexpr std::uint32_t kTheirs = 9;
inline constexpr std::int64_t kNow = 1'700'000'000'000;

// Both serve, and hear each other. Disks: 0 service and 1 spare of alpha, 2 service and 3 dump of
// beta, 4 mailbox.
struct StatusPair {
  StatusPair() {
    for (const auto& [number, role] : {std::pair{0U, pb::SERVICE}, {1U, pb::SPARE}}) {
      facts.survey.disks.push_back(in_service(number, role, kOwn));
    }
    for (const auto& [number, role] : {std::pair{2U, pb::SERVICE}, {3U, pb::DUMP}}) {
      facts.survey.disks.push_back(in_service(number, role, kTheirs, kBeta));
      disk(number).label->set_home_node(kBeta);
    }
    facts.survey.disks.push_back(surveyed(4, pb::MAILBOX, 0));
    disk(4).keys = {key_of(kAlpha, kOwn), key_of(kBeta, kTheirs)};
    for (DiskView& one : facts.survey.disks) one.reservations_known = true;
    facts.config = &config;
    facts.state = NodeState{.boot_generation = kOwn,
                            .key = key_of(kAlpha, kOwn),
                            .mailbox_disks = {uuid_of(4)},
                            .mailbox_joined = {uuid_of(4)}};
    facts.unix_ms = kNow;
    put_slot(0, kAlpha, kOwn);
    put_slot(1, kBeta, kTheirs);
    facts.heard = slot(1);
    both_beat();
  }
  DiskView& disk(std::size_t number) { return facts.survey.disks[number]; }
  pb::MailboxSlot& slot(std::size_t place) { return disk(4).mailbox.at(place); }
  void put_slot(std::size_t place, std::uint8_t node, std::uint32_t generation) {
    pb::MailboxSlot& written = slot(place);
    written.set_node(node);
    written.set_generation(generation);
    written.set_sequence(100);
    written.set_presence(pb::WATCHING);
    written.set_protocol(kProtocolVersion);
    written.set_mailbox_set(mailbox_set({uuid_of(4)}));
    *written.mutable_settings() = shared_settings(config.timing);
  }
  // Read at 10.0 s and, a heartbeat later, at 11.5 s; it is 11.6 s now.
  void read_twice(bool alpha_goes_on, bool beta_goes_on) {
    facts.ages = {};
    facts.ages.read(facts.survey, config, Instant{10'000}, Instant{10'100});
    for (const auto& [place, goes_on] : {std::pair{0U, alpha_goes_on}, {1U, beta_goes_on}}) {
      if (goes_on) slot(place).set_sequence(slot(place).sequence() + 1);
    }
    facts.ages.read(facts.survey, config, Instant{11'500}, Instant{11'600});
    facts.now = Instant{11'600};
  }
  void both_beat() { read_twice(true, true); }
  [[nodiscard]] pb::StatusReport report() const { return report_status(facts); }
  // "reason -> remedy" of a disk.
  [[nodiscard]] std::string problems_of(int number) const {
    return text_of(report().disks(number).problems());
  }
  static std::string text_of(const google::protobuf::RepeatedPtrField<pb::StatusReason>& reasons) {
    std::string text;
    for (const pb::StatusReason& one : reasons) {
      BOOST_TEST(!one.reason().empty());
      text += one.reason() + " -> " + one.remedy() + "\n";
    }
    return text;
  }

  Config config = cluster_config();
  StatusFacts facts;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace lastword::test
