// What `lastword status` says of both nodes and of a takeover.
#include "tests/agent/records/status_pair.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(status_plan, StatusPair)

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
  const auto phase = [](const std::function<void(StatusPair&)>& change) {
    StatusPair pair;
    pair.read_twice(false, true);
    change(pair);
    return pair.report().node().phase();
  };
  BOOST_TEST(phase([](StatusPair&) {}) == "paired");
  BOOST_TEST(phase([](StatusPair& p) { p.facts.state.reset(); }) == "not-started");
  BOOST_TEST(phase([](StatusPair& p) { p.facts.state->stopped = true; }) == "clean");
  BOOST_TEST(phase([](StatusPair& p) { p.facts.state->waiting = true; }) == "waiting");
  BOOST_TEST(phase([](StatusPair& p) {
               p.disk(0).reservation->holder = key_of(kBeta, kTheirs);
               p.disk(0).keys = {key_of(kBeta, kTheirs)};
             }) == "fenced");
  BOOST_TEST(phase([](StatusPair& p) { p.facts.heard.reset(), p.read_twice(false, false); }) ==
             "unseen");
  const auto with_intent = [&](IntentPhase step, bool has_disk) {
    return phase([&](StatusPair& p) {
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
  const auto phase = [](const std::function<void(StatusPair&)>& change) {
    StatusPair pair;
    pair.read_twice(true, false);
    change(pair);
    return pair.report().partner().phase();
  };
  BOOST_TEST(phase([](StatusPair&) {}) == "silent");
  BOOST_TEST(phase([](StatusPair& p) { p.both_beat(); }) == "unseen");
  BOOST_TEST(phase([](StatusPair& p) {
               p.slot(1).set_echo_generation(kOwn);
               p.both_beat();
             }) == "paired");
  BOOST_TEST(phase([](StatusPair& p) { p.slot(1).set_presence(pb::AWAY); }) == "unheard");
  BOOST_TEST(phase([](StatusPair& p) { p.slot(1).set_presence(pb::GONE); }) == "clean");
  BOOST_TEST(phase([](StatusPair& p) { p.slot(1).set_generation(kTheirs - 1); }) == "unheard");
  BOOST_TEST(phase([](StatusPair& p) {
               p.slot(1).mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
               p.slot(1).mutable_intent()->set_victim_node(kAlpha);
               p.disk(0).label->set_owner_node(kBeta);
             }) == "taking");
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
  const auto against = [](const std::function<void(StatusPair&)>& change) {
    StatusPair pair;
    change(pair);
    const pb::StatusReport all = pair.report();
    BOOST_TEST(all.takeover().on_panic());
    BOOST_TEST(!all.takeover().on_silence());
    return text_of(all.takeover().against_silence());
  };
  BOOST_TEST(contains(against([](StatusPair& p) { p.facts.heard.reset(); }), "was not seen since"));
  BOOST_TEST(contains(against([](StatusPair& p) { p.slot(1).set_presence(pb::AWAY); }),
                      "ended in order: its silence means nothing -> "));
  BOOST_TEST(contains(against([](StatusPair& p) { p.slot(1).set_presence(pb::GONE); }),
                      "stopped by an operator -> "));
  BOOST_TEST(contains(against([](StatusPair& p) { p.disk(4).keys = {key_of(kAlpha, kOwn)}; }),
                      "beta is registered on 0 of 1"));
}

BOOST_AUTO_TEST_CASE(both_nodes_are_told_how_a_node_that_waits_gets_its_disks_back) {
  slot(1).set_phase(pb::PHASE_WAITING);
  for (const std::size_t taken : {2U, 3U}) {
    disk(taken).label->set_home_generation(kTheirs - 1);
    disk(taken).label->set_owner_node(kAlpha);
    disk(taken).label->set_owner_generation(kOwn);
    disk(taken).reservation->holder = key_of(kAlpha, kOwn);
    disk(taken).keys = {key_of(kAlpha, kOwn)};
  }
  const std::string giver = text_of(report().takeover().against_silence());
  BOOST_TEST(contains(giver, "no disk that could be taken -> `lastword giveback`\n"), giver);
  config.giveback.on = true;
  BOOST_TEST(contains(text_of(report().takeover().against_silence()), "-> wait, or `lastword"));
  StatusPair waits;
  waits.facts.state->waiting = true;
  const std::string said = text_of(waits.report().takeover().against_both());
  BOOST_TEST(contains(said,
                      "this node waits: beta has its disks, or has announced to take them -> "
                      "`lastword giveback` on beta; if beta is dead, `lastword takeover`"),
             said);
}

BOOST_AUTO_TEST_CASE(each_reason_against_acting_on_silence_has_a_remedy) {
  const std::function<void(StatusPair&)> changes[] = {
      [](StatusPair& p) { p.slot(1).set_generation(kTheirs - 1); },
      [](StatusPair& p) { p.disk(4).keys = {key_of(kBeta, kTheirs)}; },
      [](StatusPair& p) { p.disk(4).keys = {key_of(kAlpha, kOwn)}; },
      [](StatusPair& p) {
        p.facts.intent = next_intent(std::nullopt, pb::TakeoverIntent::TAKEN, kBeta, kTheirs);
      },
  };
  for (const auto& change : changes) {
    StatusPair pair;
    change(pair);
    const pb::StatusReport all = pair.report();
    BOOST_TEST_REQUIRE(all.takeover().against_silence_size() != 0);
    for (const pb::StatusReason& one : all.takeover().against_silence()) {
      BOOST_TEST(!one.remedy().empty(), one.reason());
    }
    BOOST_TEST(!all.first().remedy().empty());
  }
}

BOOST_AUTO_TEST_CASE(agent_that_does_not_run_here_takes_nothing) {
  read_twice(false, true);
  BOOST_TEST(!report().takeover().on_panic());
  BOOST_TEST(
      contains(text_of(report().takeover().against_both()), "systemctl start lastword-agent"));
}

BOOST_AUTO_TEST_CASE(file_that_cannot_be_read_asks_for_attention) {
  facts.problems = {"node.json: not the JSON that lastword writes"};
  BOOST_TEST(report().problems_size() == 1);
  BOOST_TEST(report().attention());
}

BOOST_AUTO_TEST_CASE(agent_at_its_socket_is_believed_before_its_heartbeats) {
  slot(0).set_phase(pb::PHASE_PAIRED);
  facts.agent = pb::StatusAgent();
  facts.agent->set_state("running");
  facts.agent->set_phase(pb::PHASE_TAKING);
  BOOST_TEST(report().node().phase() == "taking");
  BOOST_TEST(report().agent().state() == "running");
  facts.agent->set_phase(pb::PHASE_UNKNOWN);
  BOOST_TEST(report().node().phase() == "paired");
  // Disks beat memory.
  facts.agent->set_phase(pb::PHASE_TAKING);
  facts.state->waiting = true;
  BOOST_TEST(report().node().phase() == "waiting");
}

BOOST_AUTO_TEST_CASE(without_an_agent_nobody_takes_over) {
  facts.agent = pb::StatusAgent();
  facts.agent->set_state("not-running");
  facts.agent->set_reason("it does not run");
  facts.agent->set_remedy("start it");
  BOOST_TEST(!report().takeover().on_panic());
  BOOST_TEST(!report().takeover().on_silence());
  BOOST_TEST(report().attention());
  BOOST_TEST(report().first().reason() == "it does not run");
  BOOST_TEST(report().first().remedy() == "start it");
  // Of a node that does not serve the agent is not missed.
  facts.state->stopped = true;
  BOOST_TEST(!contains(text_of(report().takeover().against_both()), "it does not run"));
}

BOOST_AUTO_TEST_CASE(phase_file_tells_since_when_and_why_of_the_phase_that_it_names) {
  facts.phase = pb::AgentPhase();
  facts.phase->set_phase(pb::PHASE_PAIRED);
  facts.phase->set_since_ms(facts.now.count() - 5'000);
  facts.phase->set_why("peer-heard: it was heard");
  BOOST_TEST(report().node().since_ms() == 5'000U);
  BOOST_TEST(report().node().why() == "peer-heard: it was heard");
  facts.phase->set_phase(pb::PHASE_SERVING);
  BOOST_TEST(report().node().why().empty());
}

BOOST_AUTO_TEST_CASE(first_comes_what_keeps_from_a_takeover_then_disks_then_dumps) {
  const auto first = [&] { return report().first().reason() + " -> " + report().first().remedy(); };
  disk(3).header = pb::CoredumpHeader();
  disk(3).header.set_attribute(pb::COMPLETED);
  disk(3).header.set_node(kBeta);
  disk(3).header.set_boot_generation(kTheirs - 1);
  BOOST_TEST(contains(first(), "holds a dump of beta that is not saved -> "), first());
  disk(0).keys.push_back(ReservationKey{0x1234});
  BOOST_TEST(contains(first(), "a key of neither node"), first());
  BOOST_TEST(report().more() == 1U);
  facts.state->handed_over = true;
  BOOST_TEST(contains(first(), "not in service -> `lastword start`"), first());
}

BOOST_AUTO_TEST_CASE(what_ends_by_itself_asks_for_nothing) {
  disk(3).header = pb::CoredumpHeader();
  disk(3).header.set_attribute(pb::COMPLETED);
  disk(3).header.set_node(kBeta);
  disk(3).header.set_boot_generation(kTheirs - 1);
  facts.agent = pb::StatusAgent();
  facts.agent->set_state("running");
  facts.agent->set_recovering(disk(3).info.path);
  facts.agent->set_recovery_percent(42);
  const pb::StatusReport saving = report();
  BOOST_TEST(!saving.attention(), saving.first().reason());
  BOOST_TEST(saving.dumps(0).saving());
  BOOST_TEST(saving.dumps(0).remedy().empty());
  BOOST_TEST(saving.first().reason() ==
             "the dump on " + disk(3).info.path + " is being saved (42%)");
}

BOOST_AUTO_TEST_CASE(giveback_is_an_operators_once_so_many_were_automatic) {
  config.giveback.on = true;
  config.giveback.most = 2;
  BOOST_TEST(!report_status(facts).has_giveback());
  disk(2).label->set_owner_node(kAlpha);
  pb::TakeoverIntent intent = next_intent(std::nullopt, pb::TakeoverIntent::TAKEN, kBeta, kTheirs);
  intent.set_automatic_returns(1);
  facts.intent = intent;
  const auto one = report_status(facts);
  BOOST_TEST(one.giveback().automatic());
  BOOST_TEST(one.giveback().returns() == 1U);
  BOOST_TEST(one.giveback().against_size() == 0);
  facts.intent->set_automatic_returns(2);
  const auto limit = report_status(facts);
  BOOST_TEST(limit.giveback().against_size() == 1);
  BOOST_TEST(limit.attention());
  facts.intent->set_phase(pb::TakeoverIntent::RETURNING);
  facts.intent->set_returned_to(kTheirs + 1);
  const auto goes = report_status(facts);
  BOOST_TEST(goes.giveback().under_way());
  BOOST_TEST(!goes.giveback().automatic());
  BOOST_TEST(goes.giveback().life() == kTheirs + 1);
  BOOST_TEST(goes.giveback().against_size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
