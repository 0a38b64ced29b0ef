// What `lastword status` says of what was found: alpha asks.
#include "agent/records/status_plan.h"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 7;
constexpr std::uint32_t kTheirs = 9;
constexpr std::int64_t kNow = 1'700'000'000'000;

// Both serve, and hear each other. Disks: 0 service and 1 spare of alpha, 2 service and 3 dump of
// beta, 4 mailbox.
struct Pair {
  Pair() {
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

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(status_plan, Pair)

BOOST_AUTO_TEST_CASE(pair_that_is_well_asks_for_no_attention) {
  const pb::StatusReport all = report();
  BOOST_TEST(all.node().phase() == "paired");
  BOOST_TEST(all.node().generation() == kOwn);
  BOOST_TEST(all.partner().mode() == "NORMAL");
  BOOST_TEST(all.partner().generation() == kTheirs);
  BOOST_TEST(all.takeover().on_panic());
  BOOST_TEST(all.takeover().on_silence(), text_of(all.takeover().against_silence()));
  BOOST_TEST(all.disks_size() == 5);
  for (const pb::StatusDisk& one : all.disks()) {
    BOOST_TEST(one.healthy(), one.disk() << ": " << text_of(one.problems()));
  }
  BOOST_TEST(all.dumps_size() == 0);
  BOOST_TEST(!all.attention());
}

BOOST_AUTO_TEST_CASE(disk_is_shown_with_role_home_owner_and_holder) {
  disk(2).label->set_owner_node(kAlpha);
  disk(2).reservation->holder = ReservationKey{0xdead};
  const pb::StatusReport all = report();
  BOOST_TEST(all.disks(2).role() == "service");
  BOOST_TEST(all.disks(2).home() == "beta");
  BOOST_TEST(all.disks(2).owner() == "alpha");
  BOOST_TEST(all.disks(2).holder() == "0x000000000000dead");
  BOOST_TEST(all.disks(4).home() == "");
  BOOST_TEST(all.disks(3).header() == "INACTIVE");
  BOOST_TEST(all.disks(2).header() == "");
}

BOOST_AUTO_TEST_CASE(phase_of_a_node_is_what_its_agent_says_while_it_beats) {
  slot(0).set_phase(pb::PHASE_SERVING);
  slot(1).set_phase(pb::PHASE_WAITING);
  BOOST_TEST(report().node().mode() == "TAKEOVER");
  BOOST_TEST(report().node().phase() == "serving");
  BOOST_TEST(report().partner().mode() == "REBOOTING");
  BOOST_TEST(report().partner().phase() == "waiting");
  read_twice(false, false);
  BOOST_TEST(report().node().phase() == "suspect");
  BOOST_TEST(report().partner().phase() == "silent");
}

BOOST_AUTO_TEST_CASE(phase_is_found_without_an_agent_too) {
  const auto phase = [](const std::function<void(Pair&)>& change) {
    Pair pair;
    pair.read_twice(false, true);
    change(pair);
    return pair.report().node().phase();
  };
  BOOST_TEST(phase([](Pair&) {}) == "paired");
  BOOST_TEST(phase([](Pair& p) { p.facts.state.reset(); }) == "not-started");
  BOOST_TEST(phase([](Pair& p) { p.facts.state->stopped = true; }) == "clean");
  BOOST_TEST(phase([](Pair& p) { p.facts.state->waiting = true; }) == "waiting");
  BOOST_TEST(phase([](Pair& p) {
               p.disk(0).reservation->holder = key_of(kBeta, kTheirs);
               p.disk(0).keys = {key_of(kBeta, kTheirs)};
             }) == "fenced");
  BOOST_TEST(phase([](Pair& p) { p.facts.heard.reset(), p.read_twice(false, false); }) == "unseen");
  const auto with_intent = [&](IntentPhase step, bool has_disk) {
    return phase([&](Pair& p) {
      p.facts.intent = pb::TakeoverIntent();
      p.facts.intent->set_phase(step);
      p.facts.intent->set_victim_node(kBeta);
      p.facts.intent->set_victim_generation(kTheirs);
      if (has_disk) p.disk(2).label->set_owner_node(kAlpha);
    });
  };
  BOOST_TEST(with_intent(pb::TakeoverIntent::ANNOUNCED, false) == "arbitrating");
  BOOST_TEST(with_intent(pb::TakeoverIntent::TAKING, false) == "taking");
  BOOST_TEST(with_intent(pb::TakeoverIntent::TAKEN, true) == "serving");
  BOOST_TEST(with_intent(pb::TakeoverIntent::TAKEN, false) == "paired");
  BOOST_TEST(with_intent(pb::TakeoverIntent::ENDED, true) == "paired");
  BOOST_TEST(with_intent(pb::TakeoverIntent::RETURNING, true) == "giving-back");
}

BOOST_AUTO_TEST_CASE(time_since_is_told_where_a_record_has_it) {
  BOOST_TEST(report().node().since() == "");
  disk(0).label->set_written_unix_ms(kNow - 60'000);
  disk(1).label->set_written_unix_ms(kNow - 90'000);
  BOOST_TEST(report().node().since_ms() == 60'000U);
  BOOST_TEST(report().node().since() == "2023-11-14T22:12:20Z");
  disk(0).label->set_written_unix_ms(kNow + 1);  // a clock was set back
  BOOST_TEST(report().node().since() == "");
  facts.intent = pb::TakeoverIntent();
  facts.intent->set_phase(pb::TakeoverIntent::TAKING);
  facts.intent->set_written_unix_ms(kNow - 5'000);
  BOOST_TEST(report().node().since_ms() == 5'000U);
}

BOOST_AUTO_TEST_CASE(partner_is_told_by_disks_where_it_says_nothing) {
  const auto phase = [](const std::function<void(Pair&)>& change) {
    Pair pair;
    pair.read_twice(true, false);
    change(pair);
    return pair.report().partner().phase();
  };
  BOOST_TEST(phase([](Pair&) {}) == "silent");
  BOOST_TEST(phase([](Pair& p) { p.both_beat(); }) == "unseen");
  BOOST_TEST(phase([](Pair& p) {
               p.slot(1).set_echo_generation(kOwn);
               p.both_beat();
             }) == "paired");
  BOOST_TEST(phase([](Pair& p) { p.slot(1).set_presence(pb::AWAY); }) == "unheard");
  BOOST_TEST(phase([](Pair& p) { p.slot(1).set_presence(pb::GONE); }) == "clean");
  BOOST_TEST(phase([](Pair& p) { p.slot(1).set_generation(kTheirs - 1); }) == "unheard");
  BOOST_TEST(phase([](Pair& p) {
               p.slot(1).mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
               p.slot(1).mutable_intent()->set_victim_node(kAlpha);
               p.disk(0).label->set_owner_node(kBeta);
             }) == "taking");
}

BOOST_AUTO_TEST_CASE(panic_of_the_partner_is_told_with_its_dump) {
  pb::CoredumpHeader& header = disk(3).header;
  header.set_attribute(pb::IN_PROGRESS);
  header.set_node(kBeta);
  header.set_boot_generation(kTheirs);
  header.set_started_unix_ms(kNow - 10'000);
  header.set_began_after_ms(4'000);
  header.set_memory_bytes(1000);
  header.set_scanned_bytes(250);
  header.set_eta_ms(30'000);
  const pb::StatusReport during = report();
  BOOST_TEST(during.partner().phase() == "panicked");
  BOOST_TEST(during.partner().since_ms() == 14'000U);
  BOOST_TEST_REQUIRE(during.dumps_size() == 1);
  BOOST_TEST(during.dumps(0).node() == "beta");
  BOOST_TEST(during.dumps(0).panicked() == "2023-11-14T22:13:06Z");
  BOOST_TEST(during.dumps(0).percent() == 25U);
  BOOST_TEST(during.dumps(0).eta_ms() == 30'000U);
  BOOST_TEST(!during.dumps(0).saved());
  BOOST_TEST(during.dumps(0).remedy() == "");

  header.set_attribute(pb::COMPLETED);
  BOOST_TEST(report().dumps(0).percent() == 100U);
  BOOST_TEST(!report().dumps(0).eta_known());
  BOOST_TEST(contains(report().dumps(0).remedy(), "on the node that holds the disk"));
  disk(3).reservation->holder = key_of(kAlpha, kOwn);
  BOOST_TEST(report().dumps(0).remedy() == "lastword recover /dev/sdd -o /var/crash/beta");
  BOOST_TEST(report().attention());
  header.set_attribute(pb::SAVED);
  BOOST_TEST(report().dumps(0).saved());
  BOOST_TEST(report().dumps(0).remedy() == "");
  header.set_attribute(pb::ARMED);
  BOOST_TEST(report().dumps_size() == 0);
}

BOOST_AUTO_TEST_CASE(figures_of_a_dump_may_be_anything) {
  pb::CoredumpHeader& header = disk(3).header;
  header.set_attribute(pb::ABORTED);
  header.set_reason(pb::LIMIT);
  header.set_started_unix_ms(1);
  header.set_began_after_ms(UINT64_MAX);
  BOOST_TEST(!report().dumps(0).percent_known());
  BOOST_TEST(report().dumps(0).reason() == "LIMIT");
  header.set_memory_bytes(10);
  header.set_scanned_bytes(UINT64_MAX);
  BOOST_TEST(report().dumps(0).percent() == 100U);
}

BOOST_AUTO_TEST_CASE(each_problem_of_a_disk_has_a_remedy) {
  struct Case {
    const char* name;
    int disk;
    std::function<void(Pair&)> change;
    const char* said;
  };
  const Error sick{.code = Code::kTimeout, .operation = "read", .disk = "/dev/sda"};
  const Case cases[] = {
      {"does not answer", 0, [&](Pair& p) { p.disk(0).problem = sick; }, "cabling"},
      {"damaged", 0,
       [](Pair& p) {
         p.disk(0).problem = Error{.code = Code::kCorrupt, .operation = "read label"};
       },
       "`lastword inspect /dev/sda`"},
      {"reservations unknown", 0,
       [&](Pair& p) {
         p.disk(0).reservations_known = false;
         p.disk(0).scsi_problem = sick;
       },
       "cabling"},
      {"taken", 0, [](Pair& p) { p.disk(0).label->set_owner_node(kBeta); },
       "beta has taken it over -> stay off it"},
      {"not reserved", 0, [](Pair& p) { p.disk(0).reservation.reset(); },
       "not reserved by this node -> `lastword start`"},
      {"of an earlier life", 0, [](Pair& p) { p.disk(0).label->set_owner_generation(3); },
       "not owned by this node -> `lastword start`"},
      {"partner registered", 0, [](Pair& p) { p.disk(0).keys.push_back(key_of(kBeta, 9)); },
       "beta is registered on it too -> `lastword agent` on beta"},
      {"third host", 0, [](Pair& p) { p.disk(0).keys.push_back(ReservationKey{5}); },
       "a key of neither node, is registered -> find out whose"},
      {"clone", 0, [](Pair& p) { p.facts.survey.disks.push_back(p.disk(0)); },
       "2 disks carry its label: clones of one -> take all but"},
      {"borrowed and lost", 2, [](Pair& p) { p.disk(2).label->set_owner_node(kAlpha); },
       "is not reserved by this node -> `lastword takeover`"},
      {"stray key of this node", 2, [](Pair& p) { p.disk(2).keys.push_back(key_of(kAlpha, 3)); },
       "this node is registered on it -> `lastword start`"},
      {"vote that this node has not", 4, [](Pair& p) { p.disk(4).keys = {key_of(kBeta, kTheirs)}; },
       "a vote that it cannot cast -> `lastword start`"},
      {"vote that the partner has not", 4, [](Pair& p) { p.disk(4).keys = {key_of(kAlpha, kOwn)}; },
       "beta is not registered on it -> `lastword start` on beta"},
      {"damaged slot", 4,
       [](Pair& p) {
         p.disk(4).problem = Error{.code = Code::kCorrupt, .operation = "read slot"};
         p.disk(4).mailbox_damaged[1] = true;
       },
       "the slot of beta is damaged -> `lastword start` on beta"},
  };
  for (const Case& one : cases) {
    Pair pair;
    one.change(pair);
    const std::string said = pair.problems_of(one.disk);
    BOOST_TEST(contains(said, one.said), one.name << ": " << said);
    BOOST_TEST(!contains(said, "-> \n"), one.name << ": " << said);
    BOOST_TEST(pair.report().attention(), one.name);
  }
}

BOOST_AUTO_TEST_CASE(disk_whose_label_cannot_be_read_is_listed_and_a_strangers_is_not) {
  disk(0).label.reset();
  disk(0).problem = Error{.code = Code::kCorrupt, .operation = "read label"};
  disk(1).label->set_cluster_uuid("another");
  const pb::StatusReport all = report();
  BOOST_TEST(all.disks_size() == 4);
  BOOST_TEST(all.disks(0).disk() == "/dev/sda");
  BOOST_TEST(all.disks(0).role() == "");
  BOOST_TEST(all.disks(1).disk() == "/dev/sdc");
}

BOOST_AUTO_TEST_CASE(node_that_is_not_started_blames_no_disk_of_its_own) {
  facts.state.reset();
  disk(0).reservation.reset();
  disk(0).label->set_owner_node(0);
  BOOST_TEST(problems_of(0) == "");
  BOOST_TEST(!report().takeover().on_panic());
  BOOST_TEST(contains(text_of(report().takeover().against_both()), "`lastword start`"));
}

BOOST_AUTO_TEST_CASE(what_stands_against_a_takeover_is_told_all_at_once) {
  facts.switches.own.mutable_disable()->set_on(true);
  facts.switches.peer.mutable_no_takeover()->set_on(true);
  facts.switches.peer.mutable_no_takeover()->set_until_unix_ms(kNow + 60'000);
  slot(1).mutable_settings()->set_grace_ms(1);
  const pb::StatusReport all = report();
  BOOST_TEST(!all.takeover().on_panic());
  BOOST_TEST(!all.takeover().on_silence());
  BOOST_TEST(all.takeover().against_both_size() == 2);
  const std::string silence = text_of(all.takeover().against_silence());
  BOOST_TEST(contains(silence, "grace (10000 ms here, 1 ms there)"), silence);
  BOOST_TEST(!contains(silence, "DISABLE"), silence);
  BOOST_TEST_REQUIRE(all.switches_size() == 2);
  BOOST_TEST(all.switches(0).node() == "alpha");
  BOOST_TEST(all.switches(0).name() == "disable");
  BOOST_TEST(all.switches(0).until() == "");
  BOOST_TEST(all.switches(1).name() == "no-takeover");
  BOOST_TEST(all.switches(1).until() == "2023-11-14T22:14:20Z");
  facts.unix_ms += 60'000;
  BOOST_TEST(report().switches_size() == 1);
}

BOOST_AUTO_TEST_CASE(silence_is_not_acted_on_without_having_heard_or_votes) {
  const auto against = [](const std::function<void(Pair&)>& change) {
    Pair pair;
    change(pair);
    const pb::StatusReport all = pair.report();
    BOOST_TEST(all.takeover().on_panic());
    BOOST_TEST(!all.takeover().on_silence());
    return text_of(all.takeover().against_silence());
  };
  BOOST_TEST(contains(against([](Pair& p) { p.facts.heard.reset(); }), "was not seen since"));
  BOOST_TEST(contains(against([](Pair& p) { p.slot(1).set_presence(pb::AWAY); }),
                      "ended in order: its silence means nothing -> "));
  BOOST_TEST(contains(against([](Pair& p) { p.slot(1).set_presence(pb::GONE); }),
                      "stopped by an operator -> "));
  BOOST_TEST(contains(against([](Pair& p) { p.disk(4).keys = {key_of(kAlpha, kOwn)}; }),
                      "beta is registered on 0 of 1"));
}

BOOST_AUTO_TEST_CASE(agent_that_does_not_run_here_takes_nothing) {
  read_twice(false, true);
  BOOST_TEST(!report().takeover().on_panic());
  BOOST_TEST(
      contains(text_of(report().takeover().against_both()), "systemctl start lastword-agent"));
}

BOOST_AUTO_TEST_CASE(age_of_a_heartbeat_is_what_the_reads_tell) {
  const auto beats = [this](int place) { return report().paths(0).beats(place); };
  BOOST_TEST(beats(0).node() == "alpha");
  BOOST_TEST(beats(1).heard());
  BOOST_TEST(beats(1).age_ms() == 1'600U);  // newer than the first read, which began at 10.0 s
  read_twice(true, false);
  BOOST_TEST(!beats(1).heard());
  BOOST_TEST(beats(1).age_ms() == 1'500U);  // it was there when the first read came back
  facts.ages.read(facts.survey, config, Instant{13'000}, Instant{13'100});
  facts.now = Instant{13'100};
  BOOST_TEST(beats(0).heard());
  BOOST_TEST(beats(0).age_ms() == 3'100U);
  BOOST_TEST(beats(1).age_ms() == 3'000U);
  slot(1).set_generation(kTheirs - 1);
  BOOST_TEST(!beats(1).written());
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_is_not_in_sight_is_a_path_with_a_problem) {
  facts.state->mailbox_disks.push_back(uuid_of(8));
  const pb::StatusReport all = report();
  BOOST_TEST_REQUIRE(all.paths_size() == 2);
  BOOST_TEST(all.paths(1).disk() == "");
  BOOST_TEST(all.paths(1).disk_uuid() == uuid_of(8));
  BOOST_TEST(contains(text_of(all.paths(1).problems()), "mailbox-disks on both nodes"));
}

BOOST_AUTO_TEST_CASE(file_that_cannot_be_read_asks_for_attention) {
  facts.problems = {"node.json: not the JSON that lastword writes"};
  BOOST_TEST(report().problems_size() == 1);
  BOOST_TEST(report().attention());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
