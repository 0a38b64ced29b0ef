// A thin pool that is nearly full: nothing is made in it, and no metadata snapshot reserved.
#include <boost/test/unit_test.hpp>

#include "agent/transfer/thin_list.h"
#include "agent/transfer/thin_send.h"
#include "agent/transfer/thin_space.h"
#include "agent/transfer/thin_store.h"
#include "tests/agent/transfer/fake_lvm.h"
#include "tests/fake/check.h"

namespace lastword {
namespace {

struct Fixture : fake::LvmNode {
  Fixture() {
    lvm.create("one", 4);
    lvm.fill("one", 1);
  }
  void fill_metadata() {
    lvm.metadata_used = lvm.metadata_all - 10;
    lvm.done.clear();
  }
};

template <class T>
void refused(const Result<T>& result) {
  BOOST_TEST_REQUIRE(fake::fails(result, Code::kNoSpace));
  const std::string told = describe(result.error());
  BOOST_TEST(told.find("99 percent full") != told.npos, told);
  BOOST_TEST(told.find("lvextend --poolmetadatasize +16m va/pool") != told.npos, told);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_full, Fixture)

BOOST_AUTO_TEST_CASE(nothing_that_takes_metadata_is_done) {
  BOOST_REQUIRE(fake::ok(snapshot()));
  fill_metadata();
  const std::string before = lvm.state();
  refused(snapshot());
  refused(list_thin_pool(lvm, lvm.place));
  SendRequest request;
  request.output = [](std::span<const std::byte>) -> Status { return {}; };
  refused(send_thin(lvm, lvm.place, request));
  refused(verify_thin(lvm, lvm.place, ""));
  BOOST_TEST(lvm.done.empty());
  BOOST_TEST(lvm.state() == before);
}

// It would be nearly full with what the snapshot takes.
BOOST_AUTO_TEST_CASE(snapshot_is_not_begun_where_it_cannot_be_ended) {
  lvm.metadata_used = lvm.metadata_all - 1024 - 17;
  BOOST_TEST(fake::fails(snapshot(), Code::kNoSpace));
  BOOST_TEST(lvm.count("lvcreate") == 0);
  --lvm.metadata_used;
  BOOST_TEST(fake::ok(snapshot()));
}

// It is the way out.
BOOST_AUTO_TEST_CASE(snapshots_are_removed_all_the_same) {
  BOOST_REQUIRE(fake::ok(snapshot()));
  BOOST_REQUIRE(fake::ok(snapshot()));
  fill_metadata();
  BOOST_TEST(fake::ok(prune_thin(lvm, lvm.place, 1, false)));
  BOOST_TEST(lvm.volumes.size() == 3U);
}

BOOST_AUTO_TEST_CASE(stream_leaves_metadata_and_data_free) {
  const LvmPool pool{.place = lvm.place, .block_bytes = 64 << 10};
  ThinPoolUse use{.metadata_used = 0, .metadata_all = 1024, .data_used = 0, .data_all = 100'000};
  // 768 blocks of metadata for 24 volumes: what is left is a quarter.
  BOOST_TEST(fake::ok(check_thin_space(use, pool, 1, 24)));
  BOOST_TEST(fake::fails(check_thin_space(use, pool, 1, 25), Code::kNoSpace));
  BOOST_TEST(fake::ok(check_thin_space(use, pool, 0, 25)));
  const std::uint64_t most = std::uint64_t{98'000} * pool.block_bytes;
  use.metadata_all = 100'000;
  BOOST_TEST(fake::ok(check_thin_space(use, pool, most, 1)));
  BOOST_TEST(fake::fails(check_thin_space(use, pool, most + 1, 1), Code::kNoSpace));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
