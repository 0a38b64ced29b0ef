// When the partner counts as silent, and when it does not.
#include "agent/protocol/peer_watch.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"

namespace lastword::test {
namespace {

constexpr std::uint8_t kPeer = 1;
constexpr std::uint32_t kLife = 7;

// This node reads the partner's slot on each of three mailbox disks every second.
class Listener {
 public:
  Listener() { watch.set_paths(3); }

  [[nodiscard]] pb::MailboxSlot slot(std::uint64_t number, std::uint32_t life = kLife) const {
    pb::MailboxSlot slot;
    slot.set_node(kPeer);
    slot.set_generation(life);
    slot.set_sequence(number);
    slot.set_presence(presence);
    *slot.mutable_settings() = shared_settings(timing);
    return slot;
  }
  // The next seconds. The partner writes meanwhile, or does not; `readable` disks answer.
  void pass(milliseconds time, bool lives, unsigned readable = 3) {
    for (const Instant end = now + time; now < end; now += kPollInterval) {
      watch.tick(now);
      if (now.count() % 1000 != 0) continue;
      if (lives) ++sequence;
      for (unsigned disk = 0; disk < readable; ++disk) {
        watch.read(std::to_string(disk), slot(sequence), now, now);
      }
    }
  }
  [[nodiscard]] Standing standing() const { return watch.standing(now); }

  Timing timing;
  milliseconds silence = timing.peer_silence();
  Instant now{1000};
  std::uint64_t sequence = 500;
  pb::Presence presence = pb::WATCHING;
  PeerWatch watch{timing, kPeer, std::nullopt, now};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(peer_watch)

BOOST_AUTO_TEST_CASE(what_lies_on_the_disks_is_no_sign_of_life) {
  Listener listener;
  listener.pass(2 * listener.silence, false);
  BOOST_TEST((listener.standing() == Standing::kUnseen));
}

BOOST_AUTO_TEST_CASE(slot_that_goes_back_is_counted_and_changes_nothing) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  const pb::MailboxSlot newest = *listener.watch.newest();
  const auto read = [&](std::uint64_t number, std::uint32_t life = kLife) {
    BOOST_TEST(!listener.watch.read("0", listener.slot(number, life), listener.now, listener.now));
    BOOST_TEST((id_of(*listener.watch.newest()) == id_of(newest)));
    return listener.watch.disk("0")->back;
  };
  BOOST_TEST(read(newest.sequence()) == 0U);
  BOOST_TEST(read(newest.sequence() - 1) == 1U);
  BOOST_TEST(read(newest.sequence() - 2) == 2U);
  BOOST_TEST(read(newest.sequence() + 5, kLife - 1) == 3U);
  BOOST_TEST(read(newest.sequence()) == 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_missed_older_heartbeats_is_no_sign_of_life) {
  Listener listener;
  BOOST_TEST(!listener.watch.read("0", listener.slot(3), listener.now, listener.now));
  BOOST_TEST(!listener.watch.read("1", listener.slot(9), listener.now, listener.now));
  BOOST_TEST(!listener.watch.read("0", listener.slot(8), listener.now, listener.now));
  BOOST_TEST((listener.standing() == Standing::kUnseen));
  BOOST_TEST(listener.watch.read("0", listener.slot(10), listener.now, listener.now));
  BOOST_TEST((listener.standing() == Standing::kHeard));
}

BOOST_AUTO_TEST_CASE(silence_counts_from_the_last_heartbeat) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  listener.pass(listener.silence / 2 - milliseconds(2000), false);
  BOOST_TEST((listener.standing() == Standing::kHeard));
  listener.pass(milliseconds(2000), false);
  BOOST_TEST((listener.standing() == Standing::kLate));
  listener.pass(listener.silence / 2 - milliseconds(2000), false);
  BOOST_TEST((listener.standing() == Standing::kLate));
  listener.pass(milliseconds(2000), false);
  BOOST_TEST((listener.standing() == Standing::kSilent));
  listener.pass(milliseconds(1000), true);
  BOOST_TEST((listener.standing() == Standing::kHeard));
}

BOOST_AUTO_TEST_CASE(own_pause_is_not_the_partners_silence) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  listener.pass(listener.silence - milliseconds(2000), false);
  listener.now += milliseconds(60'000);
  listener.pass(milliseconds(3000), false);
  BOOST_TEST((listener.standing() == Standing::kHeard));
}

BOOST_AUTO_TEST_CASE(without_a_majority_of_the_disks_nothing_is_counted) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  listener.pass(3 * listener.silence, false, 1);
  BOOST_TEST((listener.standing() == Standing::kHeard));
  listener.pass(listener.silence - milliseconds(3000), false, 2);
  BOOST_TEST((listener.standing() != Standing::kSilent));
  listener.pass(milliseconds(6000), false, 2);
  BOOST_TEST((listener.standing() == Standing::kSilent));
}

BOOST_AUTO_TEST_CASE(each_path_that_answers_is_read_after_the_silence) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  listener.pass(listener.silence, false);
  // Asked before the end of the silence time: the heartbeat may be on the way.
  const Instant before = listener.now - milliseconds(1500);
  PeerWatch& watch = listener.watch;
  listener.now += milliseconds(600);
  for (const char* disk : {"0", "1", "2"})
    watch.read(disk, listener.slot(500), before, listener.now);
  watch.tick(listener.now);
  BOOST_TEST((listener.standing() == Standing::kLate));
  for (const char* disk : {"0", "1"}) {
    watch.read(disk, listener.slot(500), listener.now, listener.now);
  }
  BOOST_TEST((listener.standing() == Standing::kLate));
  watch.read("2", listener.slot(500), listener.now, listener.now);
  BOOST_TEST((listener.standing() == Standing::kSilent));
}

BOOST_AUTO_TEST_CASE(partner_that_said_goodbye_is_never_silent) {
  for (const pb::Presence goodbye : {pb::AWAY, pb::GONE, pb::PRESENCE_UNKNOWN}) {
    Listener listener;
    listener.pass(milliseconds(5000), true);
    listener.presence = goodbye;
    listener.pass(milliseconds(1000), true);
    listener.pass(2 * listener.silence, false);
    BOOST_TEST((listener.standing() == Standing::kAway));
  }
}

BOOST_AUTO_TEST_CASE(the_longer_silence_time_counts) {
  Listener listener;
  listener.timing.settings.silence = milliseconds(50'000);
  listener.pass(milliseconds(5000), true);
  listener.pass(milliseconds(40'000), false);
  BOOST_TEST((listener.standing() == Standing::kLate));
  listener.pass(milliseconds(12'000), false);
  BOOST_TEST((listener.standing() == Standing::kSilent));
}

BOOST_AUTO_TEST_CASE(older_slots_and_other_nodes_say_nothing) {
  Listener listener;
  listener.pass(milliseconds(5000), true);
  const Instant now = listener.now;
  BOOST_TEST(!listener.watch.read("0", listener.slot(1), now, now));
  BOOST_TEST(!listener.watch.read("0", listener.slot(9999, kLife - 1), now, now));
  BOOST_TEST(listener.watch.read("0", listener.slot(1, kLife + 1), now, now));
  pb::MailboxSlot other = listener.slot(2, kLife + 9);
  other.set_node(kPeer + 1);
  BOOST_TEST(!listener.watch.read("0", other, now, now));
}

BOOST_AUTO_TEST_CASE(agent_that_is_restarted_goes_on_listening) {
  Listener listener;
  listener.watch = PeerWatch(listener.timing, kPeer, listener.slot(500), listener.now);
  listener.watch.set_paths(3);
  BOOST_TEST((listener.standing() == Standing::kExpected));
  listener.pass(listener.silence + milliseconds(2000), false);
  BOOST_TEST((listener.standing() == Standing::kSilent));
}

// What lies on the disks was there before: the partner may have died since.
BOOST_AUTO_TEST_CASE(agent_that_is_restarted_has_heard_nobody_yet) {
  Listener listener;
  pb::MailboxSlot first = listener.slot(1);
  first.set_presence(pb::PRESENCE_UNKNOWN);  // of its start, before its agent ran
  listener.watch = PeerWatch(listener.timing, kPeer, first, listener.now);
  listener.watch.set_paths(3);
  BOOST_TEST((listener.standing() == Standing::kExpected));
  listener.pass(milliseconds(3000), false);
  BOOST_TEST((listener.standing() == Standing::kExpected));
  listener.pass(milliseconds(1000), true);
  BOOST_TEST((listener.standing() == Standing::kHeard));
}

BOOST_AUTO_TEST_CASE(without_mailbox_disks_nobody_is_silent) {
  Listener listener;
  listener.watch = PeerWatch(listener.timing, kPeer, listener.slot(500), listener.now);
  listener.watch.set_paths(0);
  listener.pass(3 * listener.silence, false, 0);
  BOOST_TEST((listener.standing() == Standing::kExpected));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
