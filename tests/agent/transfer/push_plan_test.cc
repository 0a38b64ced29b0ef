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

PushPlan plan(const std::vector<std::string>& there) {
  return plan_push(kHere, there);
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
  BOOST_TEST(!plan_push({}, {}).needed);
}

BOOST_AUTO_TEST_CASE(words_for_a_shell) {
  BOOST_TEST(shell_word("") == "''");
  BOOST_TEST(shell_word("/backup/my luns") == "'/backup/my luns'");
  BOOST_TEST(shell_word("a'; rm -rf $HOME") == "'a'\\''; rm -rf $HOME'");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
