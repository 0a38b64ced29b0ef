// How a snapshot comes back, and which volumes it makes.
#include "agent/transfer/restore_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

namespace lastword {
namespace {

using Names = std::vector<std::string>;

pb::CloneSnapshot snapshot(const std::string& uuid, const std::string& taken) {
  pb::CloneSnapshot one;
  one.set_uuid(uuid);
  one.set_taken_utc(taken);
  for (const char* name : {"gold", "vm"}) one.add_volumes()->set_name(name);
  return one;
}

const std::vector<pb::CloneSnapshot> kHere{snapshot("b", "2"), snapshot("c", "3"),
                                           snapshot("a", "1")};

RestoreRoute route(const Names& there, bool has_volumes = true, bool by_hashes = false) {
  const auto planned = plan_route("x", kHere, there, has_volumes, by_hashes);
  BOOST_REQUIRE(fake::ok(planned));
  return *planned;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(restore_plan)

BOOST_AUTO_TEST_CASE(from_the_newest_that_both_have) {
  const RestoreRoute common = route({"a", "x", "b", "z"});
  BOOST_TEST((common.way == RestoreWay::kFromCommon));
  BOOST_TEST(common.base == "b");
}

BOOST_AUTO_TEST_CASE(by_hashes_where_nothing_is_common_or_it_is_not_trusted) {
  BOOST_TEST((route({"x"}).way == RestoreWay::kByHashes));
  BOOST_TEST((route({"x", "a"}, true, true).way == RestoreWay::kByHashes));
  BOOST_TEST((route({"x"}, false).way == RestoreWay::kWhole));
  BOOST_TEST((route({"x", "a"}, false, true).way == RestoreWay::kWhole));
  BOOST_TEST((route({"x", "a"}, false).way == RestoreWay::kFromCommon));
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_of_what_is_here) {
  const auto planned = plan_route("c", kHere, Names{}, true, false);
  BOOST_REQUIRE(fake::ok(planned));
  BOOST_TEST((planned->way == RestoreWay::kHere));
  BOOST_TEST(fake::fails(plan_route("y", kHere, Names{"a"}, true, false), Code::kRefused));
}

BOOST_AUTO_TEST_CASE(names_of_what_it_makes) {
  const auto names = [](const std::string& only, const Names& present, RestoreAs as) {
    const auto targets = plan_targets(kHere[0], only, present, as);
    std::string all;
    if (!targets) return std::string(name_of(targets.error().code));
    for (const RestoredVolume& one : *targets) all += one.name + ">" + one.target + " ";
    return all;
  };
  BOOST_TEST(names("", {"gold", "vm"}, RestoreAs::kNew) == "gold>gold.restored vm>vm.restored ");
  BOOST_TEST(names("vm", {"gold"}, RestoreAs::kRollback) == "vm>vm ");
  BOOST_TEST(names("", {"gold"}, RestoreAs::kRollback) == "gold>gold vm>vm ");
  BOOST_TEST(names("vm", {"gold"}, RestoreAs::kServe) == "vm>vm ");
  const std::string refused(name_of(Code::kRefused));
  BOOST_TEST(names("", {"vm.restored"}, RestoreAs::kNew) == refused);
  BOOST_TEST(names("", {"gold"}, RestoreAs::kServe) == refused);
  BOOST_TEST(names("other", {}, RestoreAs::kRollback) == refused);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
