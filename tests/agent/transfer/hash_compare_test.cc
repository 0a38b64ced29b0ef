// What differs between two servers, told from hashes alone, and which hashes are believed.
#include "agent/transfer/hash_compare.h"

#include <boost/test/unit_test.hpp>
#include <functional>

#include "agent/transfer/stream_head.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"

namespace lastword::fake {
namespace {

// Volumes of 3 and of 1.5 ranges.
pb::CloneHashes hashes() {
  Sets sets;
  sets.pool.put("a", range(10, 768));
  sets.pool.put("b", range(2000, 384));
  sets.volumes = {"a", "b"};
  pb::CloneHashes all;
  *all.mutable_snapshot() = head_of_sets(sets).snapshot();
  for (const auto& name : sets.volumes) {
    const RangeTable table = table_of(sets.content(name));
    all.add_tables(table.data(), table.size() * sizeof(Hash128));
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hash_compare)

BOOST_AUTO_TEST_CASE(ranges_that_differ_are_named) {
  pb::CloneHashes other = hashes();
  BOOST_TEST(compare_hashes(hashes(), other)->empty());
  (*other.mutable_tables(0))[16] ^= 1;
  (*other.mutable_tables(0))[47] ^= 1;
  (*other.mutable_tables(1))[16] ^= 1;
  const auto different = compare_hashes(hashes(), other);
  BOOST_REQUIRE(ok(different));
  BOOST_REQUIRE(different->size() == 2U);
  BOOST_TEST((*different)[0].volume == "a");
  BOOST_TEST((*different)[0].offset == kRangeBytes);
  BOOST_TEST((*different)[0].length == 2 * kRangeBytes);
  BOOST_TEST((*different)[1].volume == "b");
  BOOST_TEST((*different)[1].length == kRangeBytes / 2);
}

BOOST_AUTO_TEST_CASE(other_volumes_are_not_compared) {
  for (const std::function<void(pb::CloneSnapshot&)>& change :
       std::vector<std::function<void(pb::CloneSnapshot&)>>{
           [](auto& one) { one.set_uuid(kBaseUuid); },
           [](auto& one) { one.mutable_volumes(0)->set_uuid(kBaseUuid); },
           [](auto& one) { one.mutable_volumes(1)->set_size(384 * kBlock - 1); },
           [](auto& one) { one.mutable_volumes()->RemoveLast(); }}) {
    pb::CloneHashes other = hashes();
    change(*other.mutable_snapshot());
    BOOST_TEST(fails(compare_hashes(hashes(), other), Code::kRefused));
  }
}

BOOST_AUTO_TEST_CASE(hashes_that_contradict_themselves_are_refused) {
  BOOST_TEST(ok(check_hashes(hashes())));
  for (const std::function<void(pb::CloneHashes&)>& change :
       std::vector<std::function<void(pb::CloneHashes&)>>{
           [](auto& one) { one.mutable_tables(0)->pop_back(); },
           [](auto& one) { one.add_tables(std::string(16, 'x')); },
           [](auto& one) { one.mutable_tables()->RemoveLast(); },
           [](auto& one) { one.mutable_snapshot()->set_uuid("x"); },
           [](auto& one) { one.mutable_snapshot()->mutable_volumes(0)->set_size(~0ULL); },
           [](auto& one) { one.mutable_snapshot()->clear_volumes(); }}) {
    pb::CloneHashes other = hashes();
    change(other);
    BOOST_TEST(fails(check_hashes(other), Code::kCorrupt));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake
