// Which snapshot is pushed, and from which base.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/push_run.h"
#include "agent/transfer/remote.h"

namespace lastword {
namespace {

pb::CloneSnapshot snapshot(const std::string& uuid, const std::string& taken) {
  pb::CloneSnapshot one;
  one.set_uuid(uuid);
  one.set_taken_utc(taken);
  return one;
}

const std::vector<pb::CloneSnapshot> kHere{snapshot("b", "2026-11-26T00:00:00.002Z"),
                                           snapshot("c", "2026-11-26T00:00:00.003Z"),
                                           snapshot("a", "2026-11-26T00:00:00.001Z")};

PushPlan plan(const std::vector<std::string>& there,
              const std::vector<pb::CloneStaged>& kept = {}) {
  return plan_push(kHere, there, kept);
}

pb::CloneStaged kept(const std::string& uuid, const std::string& base) {
  pb::CloneStaged one;
  one.set_snapshot_uuid(uuid);
  one.set_base_uuid(base);
  one.mutable_reached()->set_volume(2);
  return one;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(push_plan)

BOOST_AUTO_TEST_CASE(newest_from_the_newest_that_both_have) {
  const PushPlan both = plan({"x", "a", "b"});
  BOOST_TEST(both.needed);
  BOOST_TEST(both.snapshot == "c");
  BOOST_TEST(both.base == "b");
}

BOOST_AUTO_TEST_CASE(all_of_it_where_nothing_is_common) {
  BOOST_TEST(plan({}).needed);
  BOOST_TEST(plan({"x"}).base.empty());
  BOOST_TEST(plan({"x"}).snapshot == "c");
}

BOOST_AUTO_TEST_CASE(nothing_to_do) {
  BOOST_TEST(!plan({"c", "a"}).needed);
  BOOST_TEST(!plan_push({}, {}, {}).needed);
}

BOOST_AUTO_TEST_CASE(what_was_begun_goes_on) {
  const PushPlan newest = plan({"a"}, {kept("z", ""), kept("c", "a")});
  BOOST_TEST(newest.snapshot == "c");
  BOOST_TEST(newest.base == "a");
  BOOST_TEST(newest.start.volume == 2U);
  BOOST_TEST(newest.last);
  const PushPlan older = plan({"a"}, {kept("b", "")});
  BOOST_TEST(older.needed);
  BOOST_TEST(older.snapshot == "b");
  BOOST_TEST(older.base.empty());
  BOOST_TEST(!older.last);
}

BOOST_AUTO_TEST_CASE(what_was_begun_and_cannot_go_on_is_begun_anew) {
  for (const auto& useless :
       {kept("z", ""), kept("c", "x"), kept("c", "z"), kept("c", "b"), kept("a", "")}) {
    const PushPlan anew = plan({"a", "z"}, {useless});
    BOOST_TEST(anew.snapshot == "c");
    BOOST_TEST(anew.base == "a");
    BOOST_TEST((anew.start == ClonePosition{}));
    BOOST_TEST(anew.last);
  }
  BOOST_TEST(!plan({"c"}, {kept("b", "")}).needed);
}

BOOST_AUTO_TEST_CASE(words_for_a_shell) {
  BOOST_TEST(shell_word("") == "''");
  BOOST_TEST(shell_word("/backup/my luns") == "'/backup/my luns'");
  BOOST_TEST(shell_word("a'; rm -rf $HOME") == "'a'\\''; rm -rf $HOME'");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
