// What lvs(8) of LVM 2.03 says of a group with a thin pool, and what clones read from it.
#include "agent/transfer/lvm_pool.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

namespace lastword {
namespace {

const std::string kOne = "11111111-1111-4111-8111-111111111111";
const std::string kTwo = "22222222-2222-4222-8222-222222222222";
const std::string kThree = "33333333-3333-4333-8333-333333333333";
const ThinPlace kPlace{.group = "va", .pool = "pool"};

std::string row(const std::string& name, const std::string& id, const std::string& tags,
                const std::string& more = {}) {
  return R"({"vg_uuid":"qzyjnJ-PqsD-txdl-QbcU-Tore-9geA-do2aNZ", "lv_uuid":"x", "lv_name":")" +
         name + R"(", "lv_size":"33554432", "pool_lv":"pool", "thin_id":")" + id +
         R"(", "lv_tags":")" + tags +
         R"(", "lv_permissions":"read-only", "lv_active":"", "lv_device_open":"unknown", )"
         R"("lv_dm_path":"", "lv_layout":"thin,sparse", "metadata_lv":"", "chunk_size":"0", )"
         R"("zero":"zero", "vg_extent_size":"4194304"})" +
         more;
}
std::string report(const std::string& volumes, const std::string& tags = {}) {
  return R"(  {
      "report": [
          {
              "lv": [
                  )" +
         volumes +
         R"(,
                  {"vg_uuid":"qzyjnJ-PqsD-txdl-QbcU-Tore-9geA-do2aNZ", "lv_uuid":"08kr3q-1ZaL-mND7-GtTH-Szb6-Vbdj-0SWReO", "lv_name":"pool", "lv_size":"268435456", "pool_lv":"", "thin_id":"", "lv_tags":")" +
         tags +
         R"(", "lv_permissions":"read-only-override", "lv_active":"active", "lv_device_open":"", "lv_dm_path":"/dev/mapper/va-pool", "lv_layout":"thin,pool", "metadata_lv":"[pool_tmeta]", "chunk_size":"65536", "zero":"zero", "vg_extent_size":"4194304"},
                  {"vg_uuid":"qzyjnJ-PqsD-txdl-QbcU-Tore-9geA-do2aNZ", "lv_uuid":"y", "lv_name":"[pool_tmeta]", "lv_size":"4194304", "pool_lv":"", "thin_id":"", "lv_tags":"", "lv_permissions":"writeable", "lv_active":"active", "lv_device_open":"open", "lv_dm_path":"/dev/mapper/va-pool_tmeta", "lv_layout":"linear", "metadata_lv":"", "chunk_size":"0", "zero":"unknown", "vg_extent_size":"4194304"}
              ]
          }
      ]
  }
)";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lvm_pool)

BOOST_AUTO_TEST_CASE(pool_and_its_volumes) {
  const auto pool = parse_lvs(
      report(row("s-g", "4", "lastword.snapshot=" + kOne + ",mine") + "," + row("golden", "1", "")),
      kPlace);
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST(pool->block_bytes == 65536U);
  BOOST_TEST(pool->extent_bytes == 4194304U);
  BOOST_TEST(pool->active);
  BOOST_TEST(pool->device_uuid ==
             "LVM-qzyjnJPqsDtxdlQbcUTore9geAdo2aNZ08kr3q1ZaLmND7GtTHSzb6Vbdj0SWReO-tpool");
  BOOST_TEST(pool->metadata_device == "/dev/mapper/va-pool_tmeta");
  BOOST_REQUIRE(pool->volumes.size() == 2U);
  BOOST_TEST(pool->volumes[0].name == "golden");
  BOOST_TEST(is_volume(pool->volumes[0]));
  BOOST_TEST(!is_volume(pool->volumes[1]));
  BOOST_TEST(pool->volumes[1].id == 4U);
  BOOST_TEST(!pool->volumes[1].writable);
  BOOST_TEST(tag_value(pool->volumes[1].tags, kSnapshotTag) == kOne);
}

BOOST_AUTO_TEST_CASE(what_is_no_report_or_no_pool) {
  BOOST_TEST(fake::fails(parse_lvs("", kPlace), Code::kCorrupt));
  BOOST_TEST(fake::fails(parse_lvs(R"({"report":[]})", kPlace), Code::kCorrupt));
  BOOST_TEST(fake::fails(parse_lvs(report(row("a", "x", "")), kPlace), Code::kCorrupt));
  BOOST_TEST(fake::fails(parse_lvs(report(row("a", "16777216", "")), kPlace), Code::kCorrupt));
  BOOST_TEST(fake::fails(parse_lvs(report(row("a", "1", "")), {.group = "va", .pool = "other"}),
                         Code::kNotFound));
}

// A crash between any two commands leaves volumes that nobody has published.
BOOST_AUTO_TEST_CASE(volumes_of_no_whole_snapshot_are_left_over) {
  const std::string volumes = row("a", "1", "") + "," + row("b", "2", "lastword.snapshot=" + kOne) +
                              "," + row("c", "3", "lastword.snapshot=" + kTwo) + "," +
                              row("d", "4", "lastword.staged=" + kOne) + "," +
                              row("e", "5", "mine");
  const auto pool = parse_lvs(report(volumes, has_tag(kOne, "2026-11-27T14:00:00.250Z")), kPlace);
  BOOST_REQUIRE(fake::ok(pool));
  BOOST_TEST((left_over(*pool) == std::vector<std::string>{"c", "d"}));
}

BOOST_AUTO_TEST_CASE(newest_snapshot_is_the_last_one) {
  LvmPool pool;
  pool.tags = {"mine", has_tag(kOne, "2026-11-27T14:00:00.250Z"),
               has_tag(kTwo, "2026-11-26T14:00:00.250Z"), "lastword.has=nonsense",
               has_tag(kThree, "2026,\"evil\"")};
  const auto all = whole_snapshots(pool);
  BOOST_REQUIRE(all.size() == 3U);
  BOOST_TEST(all[0].uuid == kThree);
  BOOST_TEST(all[0].taken_utc == "2026");
  BOOST_TEST(all[1].uuid == kTwo);
  BOOST_TEST(all[2].uuid == kOne);
}

BOOST_AUTO_TEST_CASE(what_another_server_has_is_noted_once_for_each) {
  LvmPool pool;
  const auto first = note_common_words(pool, "backup:lvm:vb/pool", kOne);
  BOOST_REQUIRE(first.size() == 2U);
  BOOST_TEST(first[0] == "--addtag");
  pool.tags = {first[1], note_common_words(pool, "pipe", kTwo)[1]};
  BOOST_TEST((common_snapshots(pool) == std::vector<std::string>{kOne, kTwo}));
  BOOST_TEST(note_common_words(pool, "backup:lvm:vb/pool", kOne).empty());
  const auto next = note_common_words(pool, "backup:lvm:vb/pool", kThree);
  BOOST_REQUIRE(next.size() == 4U);
  BOOST_TEST(next[0] == "--deltag");
  BOOST_TEST(next[1] == first[1]);
}

BOOST_AUTO_TEST_CASE(forgotten_snapshots_lose_their_tag_and_no_other) {
  LvmPool pool;
  pool.tags = {has_tag(kOne, "2026"), has_tag(kTwo, "2027"), "mine"};
  const std::vector<std::string> wanted{"--deltag", has_tag(kTwo, "2027")};
  BOOST_TEST((forget_words(pool, {kTwo, kThree}) == wanted));
}

BOOST_AUTO_TEST_CASE(places_and_paths) {
  const auto place = thin_place("lvm:my-group/pool0");
  BOOST_REQUIRE((place && *place));
  BOOST_TEST(to_string(**place) == "lvm:my-group/pool0");
  BOOST_TEST(device_of(**place, "a-b") == "/dev/mapper/my--group-a--b");
  BOOST_TEST(!thin_place("/srv/luns/db").has_value());
  BOOST_TEST(!thin_place("lvm").has_value());
  for (const char* wrong :
       {"lvm:", "lvm:a", "lvm:a/", "lvm:/b", "lvm:a/b/c", "lvm:-a/b", "lvm:a/..", "lvm:a b/c"}) {
    const auto one = thin_place(wrong);
    BOOST_REQUIRE(one.has_value());
    BOOST_TEST(fake::fails(*one, Code::kUsage), wrong);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
