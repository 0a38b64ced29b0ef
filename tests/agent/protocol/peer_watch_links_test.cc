// Links beside the mailbox disks: what they prove, and what they never do.
#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/peer_watch.h"

namespace lastword::test {
namespace {

using Hearing = PeerWatch::Hearing;

constexpr std::uint8_t kPeer = 1;
constexpr std::uint32_t kLife = 7;
constexpr std::uint32_t kOwn = 4;
constexpr std::uint64_t kBegan = 1000;  // this agent's sequences are beyond

// This node reads one mailbox disk every second, and empties its link's socket.
class Listener {
 public:
  Listener() {
    watch.set_paths(1);
    watch.speak_as(kOwn, kBegan);
  }
  [[nodiscard]] pb::MailboxSlot slot(std::uint64_t number, std::uint32_t life = kLife) const {
    pb::MailboxSlot slot;
    slot.set_node(kPeer);
    slot.set_generation(life);
    slot.set_sequence(number);
    slot.set_presence(presence);
    slot.set_phase(phase);
    slot.set_echo_generation(kOwn);
    slot.set_echo_sequence(echo);
    *slot.mutable_settings() = shared_settings(timing);
    return slot;
  }
  Hearing hear(std::uint64_t number, std::uint32_t life = kLife, const std::string& link = "a") {
    return watch.hear(link, {.echo = {}, .slot = slot(number, life)}, now);
  }
  struct Ways {
    bool lives_on_disk = false;
    bool lives_on_link = false;
    bool disk_answers = true;
    bool link_answers = true;
  };
  void pass(milliseconds time, Ways ways) {
    for (const Instant end = now + time; now < end; now += kPollInterval) {
      if (ways.link_answers) watch.emptied("a", now);
      watch.tick(now);
      if (now.count() % 1000 != 0) continue;
      ++sequence;
      ++echo;
      if (ways.lives_on_link) (void)hear(sequence);
      if (ways.lives_on_disk) on_disk = sequence;
      if (ways.disk_answers) watch.read("disk", slot(on_disk), now, now);
    }
  }
  [[nodiscard]] std::string standing() const { return std::string(name_of(watch.standing(now))); }

  Timing timing;
  milliseconds silence = timing.peer_silence();
  Instant now{1000};
  std::uint64_t sequence = 500;
  std::uint64_t on_disk = 500;
  std::uint64_t echo = kBegan + 1;
  pb::Presence presence = pb::WATCHING;
  pb::NodePhase phase = pb::PHASE_UNKNOWN;
  PeerWatch watch{timing, kPeer, std::nullopt, now};
};

constexpr Listener::Ways kBoth{.lives_on_disk = true, .lives_on_link = true};
constexpr Listener::Ways kDiskOnly{.lives_on_disk = true};
constexpr Listener::Ways kLinkOnly{.lives_on_link = true};
constexpr Listener::Ways kNeither{};
constexpr milliseconds kMoment{3000};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(peer_watch_links, Listener)

BOOST_AUTO_TEST_CASE(either_path_keeps_the_partner_alive) {
  pass(kMoment, kBoth);
  pass(3 * silence, kDiskOnly);
  BOOST_TEST(standing() == "heard");
  pass(3 * silence, kLinkOnly);
  BOOST_TEST(standing() == "heard");
}

BOOST_AUTO_TEST_CASE(silence_is_silence_on_all_paths) {
  pass(kMoment, kBoth);
  pass(silence + kMoment, kNeither);
  BOOST_TEST(standing() == "silent");
  pass(kMoment, kLinkOnly);
  BOOST_TEST(standing() == "heard");
}

BOOST_AUTO_TEST_CASE(link_never_stands_in_for_the_majority_of_the_mailbox_disks) {
  pass(kMoment, kBoth);
  pass(3 * silence, {.disk_answers = false});
  BOOST_TEST(standing() == "heard");
}

BOOST_AUTO_TEST_CASE(partner_that_was_heard_by_a_link_alone_is_never_silent) {
  pass(kMoment, kLinkOnly);
  BOOST_TEST(standing() == "heard");
  BOOST_TEST(!watch.counts_silence());
  pass(3 * silence, kNeither);
  BOOST_TEST(standing() == "late");
}

BOOST_AUTO_TEST_CASE(later_life_that_was_heard_by_a_link_alone_is_never_silent) {
  pass(kMoment, kBoth);
  BOOST_TEST(watch.counts_silence());
  BOOST_TEST((hear(1, kLife + 1) == Hearing::kHeard));
  BOOST_TEST(!watch.counts_silence());
  pass(3 * silence, kNeither);
  BOOST_TEST(standing() == "late");
}

BOOST_AUTO_TEST_CASE(without_mailbox_disks_nobody_is_silent_by_a_link) {
  watch.set_paths(0);
  pass(kMoment, kLinkOnly);
  pass(3 * silence, {.disk_answers = false});
  BOOST_TEST(standing() == "late");
}

BOOST_AUTO_TEST_CASE(link_that_fails_on_this_node_is_not_waited_for) {
  pass(kMoment, kBoth);
  pass(silence + kMoment, {.link_answers = false});
  BOOST_TEST(standing() == "silent");
}

BOOST_AUTO_TEST_CASE(link_is_emptied_after_the_silence) {
  pass(kMoment, kBoth);
  pass(silence - milliseconds(1000), kNeither);
  // From here on the disk alone is looked at; what the link has may be news.
  for (const Instant end = now + 2 * timing.settings.heartbeat; now < end; now += kPollInterval) {
    watch.tick(now);
    watch.read("disk", slot(on_disk), now, now);
  }
  BOOST_TEST(standing() == "late");
  watch.emptied("a", now);
  BOOST_TEST(standing() == "silent");
}

BOOST_AUTO_TEST_CASE(disk_that_a_link_was_ahead_of_still_shows_that_the_partner_writes) {
  pass(kMoment, kBoth);
  pass(silence - kMoment, kNeither);
  BOOST_TEST((hear(sequence + 50) == Hearing::kHeard));
  pass(silence - kMoment, kNeither);
  on_disk = sequence + 20;
  BOOST_TEST(watch.read("disk", slot(on_disk), now, now));
  BOOST_TEST(watch.newest()->sequence() > on_disk);
  pass(silence - kMoment, kNeither);
  BOOST_TEST(standing() != "silent");
}

BOOST_AUTO_TEST_CASE(what_came_before_by_another_path_is_no_news) {
  pass(kMoment, kBoth);
  BOOST_TEST((hear(sequence + 1) == Hearing::kHeard));
  BOOST_TEST((hear(sequence + 1, kLife, "b") == Hearing::kKnown));
  BOOST_TEST((hear(sequence + 1, kLife, "b") == Hearing::kOld));
}

BOOST_AUTO_TEST_CASE(replay_is_old_whatever_comes_between) {
  pass(kMoment, kBoth);
  BOOST_TEST((hear(sequence) == Hearing::kOld));
  BOOST_TEST((hear(sequence - 1) == Hearing::kOld));
  BOOST_TEST((hear(sequence + 900, kLife - 1) == Hearing::kOld));
  const Instant before = now;
  pass(silence + kMoment, kNeither);
  BOOST_TEST((hear(sequence - 100) == Hearing::kOld));
  BOOST_TEST(standing() == "silent");
  BOOST_TEST((now > before));
}

BOOST_AUTO_TEST_CASE(recorded_datagrams_prove_nothing_to_an_agent_that_is_restarted) {
  pass(kMoment, kBoth);
  watch = PeerWatch(timing, kPeer, slot(100), now);
  watch.set_paths(1);
  watch.speak_as(kOwn, echo);  // begins beyond all that the recorded ones name
  BOOST_TEST((hear(sequence) == Hearing::kUnproven));
  BOOST_TEST((hear(sequence + 1) == Hearing::kUnproven));
  BOOST_TEST(watch.newest()->sequence() == 100U);
  ++echo;
  BOOST_TEST((hear(sequence + 2) == Hearing::kHeard));
  BOOST_TEST((hear(sequence + 1) == Hearing::kOld));
}

BOOST_AUTO_TEST_CASE(two_agents_that_begin_by_a_link_alone_prove_themselves_by_its_echo) {
  echo = 0;  // the partner has believed nothing of this node's yet
  BOOST_TEST((hear(1) == Hearing::kUnproven));
  BOOST_TEST(watch.link("a")->newest.sequence == 1U);  // what this node's next one names
  const Datagram answer{.echo = {.generation = kOwn, .sequence = kBegan + 1}, .slot = slot(2)};
  BOOST_TEST((watch.hear("a", answer, now) == Hearing::kHeard));
}

BOOST_AUTO_TEST_CASE(echo_of_an_earlier_life_or_agent_proves_nothing) {
  const auto named = [&](std::uint32_t life, std::uint64_t number) {
    echo = 0;
    return watch.hear(
        "a", {.echo = {.generation = life, .sequence = number}, .slot = slot(++sequence)}, now);
  };
  BOOST_TEST((named(kOwn - 1, kBegan + 9) == Hearing::kUnproven));
  BOOST_TEST((named(kOwn, kBegan) == Hearing::kUnproven));
  BOOST_TEST((named(kOwn, kBegan + 1) == Hearing::kHeard));
}

BOOST_AUTO_TEST_CASE(agent_that_does_not_know_yet_does_not_undo_the_end_of_its_life) {
  pass(kMoment, kBoth);
  presence = pb::GONE;
  BOOST_TEST(watch.read("disk", slot(sequence + 1), now, now));
  presence = pb::WATCHING;
  BOOST_TEST((hear(sequence + 2) == Hearing::kOld));
  BOOST_TEST(standing() == "away");
  BOOST_TEST((hear(1, kLife + 1) == Hearing::kHeard));
}

BOOST_AUTO_TEST_CASE(agent_that_does_not_know_yet_does_not_undo_that_its_life_has_left) {
  pass(kMoment, kBoth);
  phase = pb::PHASE_HANDED_OVER;
  BOOST_TEST(watch.read("disk", slot(sequence + 1), now, now));
  phase = pb::PHASE_PAIRED;
  BOOST_TEST((hear(sequence + 2) == Hearing::kOld));
  BOOST_TEST(watch.newest()->phase() == pb::PHASE_HANDED_OVER);
}

BOOST_AUTO_TEST_CASE(goodbye_by_a_link_counts) {
  pass(kMoment, kBoth);
  presence = pb::AWAY;
  BOOST_TEST((hear(sequence + 1) == Hearing::kHeard));
  BOOST_TEST(standing() == "away");
}

BOOST_AUTO_TEST_CASE(partner_that_names_nothing_newer_does_not_hear_this_node) {
  pass(kMoment, kBoth);
  BOOST_TEST((watch.unanswered_for(now) <= milliseconds(1100)));
  for (int i = 0; i < 10; ++i, now += milliseconds(1000)) (void)hear(++sequence);
  BOOST_TEST((watch.unanswered_for(now) >= milliseconds(9000)));
  ++echo;
  (void)hear(++sequence);
  BOOST_TEST((watch.unanswered_for(now) == milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(datagram_of_another_node_is_nothing) {
  Datagram other{.echo = {.generation = kOwn, .sequence = kBegan + 1}, .slot = slot(900)};
  other.slot.set_node(kPeer + 1);
  BOOST_TEST((watch.hear("a", other, now) == Hearing::kOld));
  BOOST_TEST(standing() == "unseen");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
