// Which snapshots of a set go.
#include "agent/transfer/prune_plan.h"

#include <boost/test/unit_test.hpp>

namespace lastword {
namespace {

using Names = std::vector<std::string>;

std::vector<pb::CloneSnapshot> five() {
  std::vector<pb::CloneSnapshot> snapshots;
  for (const char* uuid : {"4", "1", "5", "3", "2"}) {
    pb::CloneSnapshot& one = snapshots.emplace_back();
    one.set_uuid(uuid);
    one.set_taken_utc(uuid);
  }
  return snapshots;
}

PrunePlan plan(std::size_t keep, const Names& common, bool force = false,
               const std::string& latest = "5") {
  return plan_prune(five(), keep, latest, common, force);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prune_plan)

BOOST_AUTO_TEST_CASE(oldest_go) {
  BOOST_TEST((plan(2, {}).remove == Names{"1", "2", "3"}));
  BOOST_TEST(plan(5, {}).remove.empty());
  BOOST_TEST(plan(9, {}).remove.empty());
}

BOOST_AUTO_TEST_CASE(last_common_one_stays_unless_forced) {
  const PrunePlan kept = plan(1, {"2", "4", "gone"});
  BOOST_TEST((kept.remove == Names{"1", "3"}));
  BOOST_TEST((kept.kept_common == Names{"2", "4"}));
  const PrunePlan forced = plan(1, {"2"}, true);
  BOOST_TEST((forced.remove == Names{"1", "2", "3", "4"}));
  BOOST_TEST(forced.kept_common.empty());
}

BOOST_AUTO_TEST_CASE(latest_stays_whatever_its_time) {
  BOOST_TEST((plan(1, {}, true, "2").remove == Names{"1", "3", "4"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
