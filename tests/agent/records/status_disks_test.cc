// What `lastword status` says of disks, dumps and mailbox disks.
#include "tests/agent/records/status_pair.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(status_disks, StatusPair)

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

BOOST_AUTO_TEST_CASE(what_has_become_of_a_disk_is_said_in_a_word) {
  const auto outcome = [](int number, const std::function<void(StatusPair&)>& change) {
    StatusPair pair;
    change(pair);
    return pair.report().disks(number).outcome();
  };
  const auto of_alpha = [](StatusPair& p) {
    p.disk(2).label->set_owner_node(kAlpha);
    p.disk(2).reservation->holder = key_of(kAlpha, kOwn);
  };
  BOOST_TEST(outcome(0, [](StatusPair&) {}) == "in service");
  BOOST_TEST(outcome(2, [](StatusPair&) {}) == "in service");
  BOOST_TEST(outcome(4, [](StatusPair&) {}) == "");
  BOOST_TEST(outcome(0, [](StatusPair& p) { p.disk(0).reservation.reset(); }) == "");
  BOOST_TEST(outcome(0, [](StatusPair& p) { p.disk(0).label->set_owner_node(kBeta); }) ==
             "with the partner");
  BOOST_TEST(outcome(2, of_alpha) == "taken");
  BOOST_TEST(outcome(2, [&](StatusPair& p) {
               of_alpha(p);
               p.disk(2).label->set_promised_node(kBeta);
             }) == "promised");
  BOOST_TEST(outcome(2, [&](StatusPair& p) {
               of_alpha(p);
               p.disk(2).problem = Error{.code = Code::kIo, .operation = "read"};
             }) == "reserved, not readable");
  BOOST_TEST(outcome(2, [](StatusPair& p) {
               p.facts.intent = pb::TakeoverIntent();
               p.facts.intent->set_phase(pb::TakeoverIntent::RETURNING);
             }) == "returned");
}

BOOST_AUTO_TEST_CASE(panic_of_the_partner_is_told_with_its_dump) {
  pb::CoredumpHeader& header = disk(3).header;
  header.set_attribute(pb::IN_PROGRESS);
  header.set_node(kBeta);
  header.set_boot_generation(kTheirs);
  header.set_crash_id("0badcafe-0000-4000-8000-000000000000");
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
  BOOST_TEST(during.dumps(0).crash_id() == "0badcafe-0000-4000-8000-000000000000");
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
  BOOST_TEST(report().dumps(0).remedy() == "`lastword recover /dev/sdd`");
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
    std::function<void(StatusPair&)> change;
    const char* said;
  };
  const Error sick{.code = Code::kTimeout, .operation = "read", .disk = "/dev/sda"};
  const Case cases[] = {
      {"does not answer", 0, [&](StatusPair& p) { p.disk(0).problem = sick; }, "cabling"},
      {"damaged", 0,
       [](StatusPair& p) {
         p.disk(0).problem = Error{.code = Code::kCorrupt, .operation = "read label"};
       },
       "`lastword inspect /dev/sda`"},
      {"reservations unknown", 0,
       [&](StatusPair& p) {
         p.disk(0).reservations_known = false;
         p.disk(0).scsi_problem = sick;
       },
       "cabling"},
      {"taken", 0, [](StatusPair& p) { p.disk(0).label->set_owner_node(kBeta); },
       "beta has taken it over -> stop the service here, and reboot"},
      {"taken from an earlier life", 0,
       [](StatusPair& p) {
         p.disk(0).label->set_owner_node(kBeta);
         p.disk(0).label->set_home_generation(kOwn - 1);
       },
       "beta has taken it over -> `lastword halt`, then `lastword start`"},
      {"taken from a node that waits", 0,
       [](StatusPair& p) {
         p.disk(0).label->set_owner_node(kBeta);
         p.facts.state->waiting = true;
       },
       "beta has taken it over -> stay off it"},
      {"not reserved", 0, [](StatusPair& p) { p.disk(0).reservation.reset(); },
       "not reserved by this node -> `lastword start`"},
      {"of an earlier life", 0, [](StatusPair& p) { p.disk(0).label->set_owner_generation(3); },
       "not owned by this node -> `lastword start`"},
      {"partner registered", 0, [](StatusPair& p) { p.disk(0).keys.push_back(key_of(kBeta, 9)); },
       "beta is registered on it too -> `systemctl restart lastword-agent` on beta"},
      {"third host", 0, [](StatusPair& p) { p.disk(0).keys.push_back(ReservationKey{5}); },
       "a key of neither node, is registered -> find out whose"},
      {"clone", 0, [](StatusPair& p) { p.facts.survey.disks.push_back(p.disk(0)); },
       "2 disks carry its label: clones of one -> take all but"},
      {"borrowed and lost", 2, [](StatusPair& p) { p.disk(2).label->set_owner_node(kAlpha); },
       "is not reserved by this node -> `lastword takeover`"},
      {"stray key of this node", 2,
       [](StatusPair& p) { p.disk(2).keys.push_back(key_of(kAlpha, 3)); },
       "this node is registered on it -> `lastword start`"},
      {"vote that this node has not", 4,
       [](StatusPair& p) { p.disk(4).keys = {key_of(kBeta, kTheirs)}; },
       "a vote that it cannot cast -> `lastword start`"},
      {"vote that the partner has not", 4,
       [](StatusPair& p) { p.disk(4).keys = {key_of(kAlpha, kOwn)}; },
       "beta is not registered on it -> `lastword start` on beta"},
      {"damaged slot", 4,
       [](StatusPair& p) {
         p.disk(4).problem = Error{.code = Code::kCorrupt, .operation = "read slot"};
         p.disk(4).mailbox_damaged[1] = true;
       },
       "the slot of beta is damaged -> `lastword start` on beta"},
  };
  for (const Case& one : cases) {
    StatusPair pair;
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
  slot(0).set_sequence(200);
  facts.ages.read(facts.survey, config, Instant{14'500}, Instant{14'600});
  facts.now = Instant{14'600};
  BOOST_TEST(beats(0).age_ms() == 1'600U);  // newer than the read before
  slot(1).set_generation(kTheirs - 1);
  BOOST_TEST(!beats(1).written());
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_is_not_in_sight_is_a_path_with_a_problem) {
  facts.state->mailbox_disks.push_back(uuid_of(8));
  const pb::StatusReport all = report();
  BOOST_TEST_REQUIRE(all.paths_size() == 2);
  BOOST_TEST(all.paths(1).disk() == "");
  BOOST_TEST(all.paths(1).disk_uuid() == uuid_of(8));
  const std::string said = text_of(all.paths(1).problems());
  BOOST_TEST(contains(said, "mailbox-disks on both nodes, then `systemctl reload lastword`"), said);
}

BOOST_AUTO_TEST_CASE(disk_that_this_node_has_reserved_and_cannot_read_is_named_as_such) {
  for (const bool held : {true, false}) {
    StatusPair pair;
    pair.disk(2).label.reset();
    pair.disk(2).problem = Error{.code = Code::kIo, .operation = "read GPT"};
    pair.disk(2).reservation->holder = key_of(held ? kAlpha : kBeta, held ? kOwn : kTheirs);
    BOOST_TEST(pair.report().disks(2).holder() == (held ? "alpha" : "beta"));
    BOOST_TEST(!pair.report().disks(2).healthy());
    BOOST_TEST(contains(pair.problems_of(2), "this node has it reserved and cannot read it") ==
               held);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
