// What is kept of how far a transfer has come, and what of it is believed.
#include "agent/transfer/staged_progress.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "agent/base/json.h"
#include "agent/transfer/clone_position.h"
#include "tests/agent/transfer/clone_streams.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::fake {
namespace {

namespace fs = std::filesystem;

// Volumes of 3, 0, 1.5 and 2 ranges.
struct Fixture {
  test::TestFolder folder;
  const std::string directory = folder.file("incoming-" + kSnapshotUuid);
  Sets sets;
  std::vector<RangeTable> tables;

  Fixture() {
    fs::create_directories(directory);
    sets.pool.put("a", range(10, 768));
    sets.pool.put("b", {});
    sets.pool.put("c", range(2000, 384));
    sets.pool.put("d", range(3000, 512));
    sets.volumes = {"a", "b", "c", "d"};
    for (const auto& name : sets.volumes) tables.push_back(table_of(sets.content(name)));
  }
  [[nodiscard]] pb::CloneStreamHead head() const { return head_of_sets(sets); }
  static std::vector<pb::CloneVolume> stamps(std::size_t count) {
    std::vector<pb::CloneVolume> volumes(count);
    for (auto& volume : volumes) volume.set_inode(7);
    return volumes;
  }
  void put(StagedProgress& progress, const ClonePosition& reached) {
    BOOST_TEST(ok(progress.put(reached, tables, stamps(reached.volume))));
  }
  void is_at(const ClonePosition& reached) {
    const auto record = load_progress(directory);
    BOOST_REQUIRE(ok(record));
    BOOST_TEST((position_of(record->reached()) == reached));
    const auto loaded = load_progress_tables(directory, *record);
    BOOST_REQUIRE(ok(loaded));
    BOOST_TEST(loaded->size() == reached.volume + (reached.offset == 0 ? 0 : 1));
    for (std::uint32_t i = 0; i < loaded->size(); ++i) {
      RangeTable wanted = tables[i];
      if (i == reached.volume) {
        for (auto k = reached.offset / kRangeBytes; k < wanted.size(); ++k) wanted[k] = {};
      }
      BOOST_TEST(((*loaded)[i] == wanted));
    }
  }
  void damaged(const ClonePosition& reached) {
    StagedProgress progress(directory, head());
    put(progress, reached);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(staged_progress, Fixture)

BOOST_AUTO_TEST_CASE(each_note_replaces_the_one_before) {
  StagedProgress progress(directory, head());
  BOOST_TEST(fails(load_progress(directory), Code::kNotFound));
  for (const ClonePosition reached : {ClonePosition{.volume = 0, .offset = 1 << 20},
                                      {.volume = 0, .offset = 1 << 20},
                                      {.volume = 2},
                                      {.volume = 3, .offset = 1 << 20},
                                      {.volume = 4}}) {
    put(progress, reached);
    is_at(reached);
  }
}

BOOST_AUTO_TEST_CASE(goes_on_behind_what_was_loaded) {
  const ClonePosition first{.volume = 2, .offset = 1 << 20};
  {
    StagedProgress progress(directory, head());
    put(progress, first);
  }
  StagedProgress progress(directory, head());
  progress.resume(first, load_progress(directory)->hashes_crc32c());
  put(progress, {.volume = 4});
  is_at({.volume = 4});
}

BOOST_AUTO_TEST_CASE(hashes_behind_those_that_count_mean_nothing) {
  damaged({.volume = 2});
  std::ofstream(directory + "/.progress.hashes", std::ios::app) << "half a hash";
  is_at({.volume = 2});
}

BOOST_AUTO_TEST_CASE(hashes_that_were_changed_or_are_missing) {
  const std::string path = directory + "/.progress.hashes";
  damaged({.volume = 3});
  std::fstream(path, std::ios::in | std::ios::out).seekp(20).put('X');
  BOOST_TEST(fails(load_progress_tables(directory, *load_progress(directory)), Code::kCorrupt));
  damaged({.volume = 3});
  fs::resize_file(path, 20);
  BOOST_TEST(fails(load_progress_tables(directory, *load_progress(directory)), Code::kCorrupt));
  fs::remove(path);
  BOOST_TEST(fails(load_progress_tables(directory, *load_progress(directory)), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(record_of_another_snapshot_or_of_a_place_that_is_none) {
  damaged({.volume = 3});
  const std::string other = folder.file("incoming-" + kBaseUuid);
  fs::copy(directory, other);
  BOOST_TEST(fails(load_progress(other), Code::kCorrupt));
  for (const ClonePosition place :
       {ClonePosition{.volume = 5}, {.volume = 0, .offset = 5}, {.volume = 0, .offset = 3 << 20}}) {
    pb::CloneProgress record = *load_progress(directory);
    set_position(*record.mutable_reached(), place);
    fs::create_directories(other);
    std::ofstream(directory + "/.progress.json") << to_json(record);
    BOOST_TEST(fails(load_progress(directory), Code::kCorrupt));
    damaged({.volume = 3});
  }
  std::ofstream(directory + "/.progress.json") << "{";
  BOOST_TEST(fails(load_progress(directory), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(removed_and_removed_again) {
  damaged({.volume = 3});
  BOOST_TEST(ok(remove_progress(directory)));
  BOOST_TEST(fs::is_empty(directory));
  BOOST_TEST(ok(remove_progress(directory)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::fake
