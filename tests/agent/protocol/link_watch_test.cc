// What is told of a link.
#include "agent/protocol/link_watch.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 4;

class Link {
 public:
  // A datagram comes each second; the partner names a newer one of this node's, or does not.
  void pass(milliseconds time, bool comes, bool answers) {
    for (const Instant end = now + time; now < end; now += milliseconds(1000)) {
      ++sequence;
      if (answers) answered = sequence;
      Datagram datagram{.echo = {.generation = kOwn, .sequence = answered}, .slot = {}};
      if (comes) watch.arrived(datagram, kOwn, now);
    }
  }
  [[nodiscard]] std::string state() const { return std::string(name_of(watch.state(now))); }

  Timing timing;
  milliseconds patience = timing.peer_silence() / 2;
  Instant now{5000};
  std::uint64_t sequence = 100;
  std::uint64_t answered = 0;
  LinkWatch watch{timing, now};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(link_watch, Link)

BOOST_AUTO_TEST_CASE(link_works_from_the_first_datagram) {
  BOOST_TEST(state() == "new");
  pass(milliseconds(2000), true, true);
  BOOST_TEST(state() == "works");
}

BOOST_AUTO_TEST_CASE(link_by_which_nothing_comes_is_quiet) {
  pass(patience + milliseconds(1000), false, false);
  BOOST_TEST(state() == "quiet");
  pass(milliseconds(2000), true, true);
  BOOST_TEST(state() == "works");
  pass(patience + milliseconds(1000), false, false);
  BOOST_TEST(state() == "quiet");
}

BOOST_AUTO_TEST_CASE(link_is_one_way_where_the_partner_names_nothing_newer) {
  pass(patience - milliseconds(2000), true, false);
  BOOST_TEST(state() == "works");
  pass(milliseconds(4000), true, false);
  BOOST_TEST(state() == "one-way");
  pass(milliseconds(2000), true, true);
  BOOST_TEST(state() == "works");
  pass(patience + milliseconds(2000), true, false);
  BOOST_TEST(state() == "one-way");
}

BOOST_AUTO_TEST_CASE(after_a_quiet_time_an_answer_has_time_to_come) {
  pass(milliseconds(2000), true, true);
  pass(3 * patience, false, false);
  pass(milliseconds(2000), true, false);
  BOOST_TEST(state() == "works");
}

BOOST_AUTO_TEST_CASE(answers_to_an_earlier_life_do_not_count) {
  for (int i = 0; i < 40; ++i, now += milliseconds(1000)) {
    watch.arrived({.echo = {.generation = kOwn - 1, .sequence = ++sequence}, .slot = {}}, kOwn,
                  now);
  }
  BOOST_TEST(state() == "one-way");
}

BOOST_AUTO_TEST_CASE(own_failure_comes_first) {
  pass(milliseconds(2000), true, true);
  watch.attempted("Network is unreachable");
  BOOST_TEST(state() == "failed");
  watch.attempted({});
  BOOST_TEST(state() == "works");
}

BOOST_AUTO_TEST_CASE(drops_are_counted_and_the_first_of_each_kind_is_new) {
  BOOST_TEST(watch.dropped(DatagramFault::kBadAuthentication));
  BOOST_TEST(!watch.dropped(DatagramFault::kBadAuthentication));
  BOOST_TEST(watch.dropped(DatagramFault::kUnproven));
  BOOST_TEST(watch.dropped_of(DatagramFault::kBadAuthentication) == 2U);
  BOOST_TEST(watch.dropped_of(DatagramFault::kForeign) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
