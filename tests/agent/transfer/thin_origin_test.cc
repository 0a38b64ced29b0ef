// A volume that also reads another one, outside of the pool: what the pool has of it is not all
// that it holds. It is listed with a mark, and neither kept nor sent.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/thin_list.h"
#include "agent/transfer/thin_send.h"
#include "tests/agent/transfer/fake_lvm.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

struct Fixture : fake::LvmNode {
  Fixture() {
    for (const char* name : {"alone", "clone", "other"}) {
      lvm.create(name, 4);
      lvm.fill(name, 1);
    }
    lvm.find("clone")->origin = "other";
  }
  void refused(const Status& status, const std::string& name) {
    BOOST_TEST_REQUIRE(fake::fails(status, Code::kRefused));
    BOOST_TEST(describe(status.error()).find(name) != std::string::npos, describe(status.error()));
    BOOST_TEST(describe(status.error()).find("va/golden") != std::string::npos);
    BOOST_TEST(describe(status.error()).ends_with("nothing was changed"));
  }
};

template <class T>
Status status_of(const Result<T>& result) {
  return result ? Status{} : fail(result.error());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_origin, Fixture)

BOOST_AUTO_TEST_CASE(origin_outside_of_the_pool_is_found_through_snapshots) {
  lvm.find("other")->origin = "golden";
  const auto pool = examine_thin_pool(lvm, lvm.place);
  BOOST_REQUIRE(fake::ok(pool));
  const auto outside = [&](const std::string& name) {
    return external_origin(*pool, *std::ranges::find(pool->volumes, name, &LvmVolume::name));
  };
  BOOST_TEST(outside("alone").empty());
  BOOST_TEST(outside("other") == "golden");
  BOOST_TEST(outside("clone") == "golden");
}

BOOST_AUTO_TEST_CASE(report_that_contradicts_itself_is_no_endless_search) {
  lvm.find("other")->origin = "clone";
  const auto pool = examine_thin_pool(lvm, lvm.place);
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(external_origin(*pool, pool->volumes[1]).empty());
}

BOOST_AUTO_TEST_CASE(volume_with_an_origin_outside_is_not_kept) {
  lvm.find("other")->origin = "[golden]";
  const std::string before = lvm.state();
  refused(status_of(snapshot()), "va/clone");
  BOOST_TEST(lvm.state() == before);
  BOOST_TEST(lvm.done.empty());
}

BOOST_AUTO_TEST_CASE(origins_in_the_pool_are_no_reason_to_refuse) {
  BOOST_TEST(fake::ok(snapshot()));
}

// An earlier lastword took it.
BOOST_AUTO_TEST_CASE(snapshot_of_such_a_volume_is_not_sent) {
  const auto taken = snapshot();
  BOOST_REQUIRE(fake::ok(taken));
  lvm.find("alone")->origin = "golden";
  const std::string before = lvm.state();
  bool written = false;
  SendRequest request;
  request.output = [&](std::span<const std::byte>) -> Status {
    written = true;
    return {};
  };
  refused(status_of(send_thin(lvm, lvm.place, request)), member_name(taken->uuid(), 0));
  BOOST_TEST(!written);
  BOOST_TEST(lvm.state() == before);
}

BOOST_AUTO_TEST_CASE(list_marks_it) {
  lvm.find("alone")->origin = "golden";
  const auto list = list_thin_pool(lvm, lvm.place);
  BOOST_REQUIRE(fake::ok(list));
  for (const pb::CloneListed& one : list->volumes()) {
    BOOST_TEST(one.external_origin() == (one.path() == "va/alone" ? "va/golden" : ""));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
