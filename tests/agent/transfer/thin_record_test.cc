// The record of a snapshot in a small thin volume: whatever is cut or damaged, an earlier state of
// it counts, or none.
#include "agent/transfer/thin_record.h"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "agent/transfer/thin_store.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

const std::string kSnapshot = "11111111-1111-4111-8111-111111111111";

struct Fixture {
  test::TestFolder folder;
  const std::string path = folder.file("record");
  pb::CloneThinRecord record;
  std::uint64_t size = 0;

  Fixture() {
    pb::CloneSnapshot& snapshot = *record.mutable_snapshot();
    snapshot.set_uuid(kSnapshot);
    snapshot.set_set_uuid("33333333-3333-4333-8333-333333333333");
    for (int i = 0; i < 2; ++i) {
      pb::CloneVolume& volume = *snapshot.add_volumes();
      volume.set_uuid("44444444-4444-4444-8444-44444444444" + std::to_string(i));
      volume.set_name("v" + std::to_string(i));
      volume.set_size(3 << 20);
    }
    size = record_bytes(snapshot);
    std::ofstream(path) << "";
    std::filesystem::resize_file(path, size);
  }
  ThinFile open() {
    auto file = ThinFile::open(path, ThinFile::For::kWriting);
    BOOST_REQUIRE(fake::ok(file));
    return std::move(*file);
  }
  Status write(RecordSlot slot) {
    ThinFile file = open();
    return write_record(file, size, slot, record);
  }
  Result<pb::CloneThinRecord> read() { return read_record(open(), size); }
  void with_tables() {
    const std::vector<RangeTable> tables(2, RangeTable(3));
    put_tables(record, tables);
  }
  void flip(std::uint64_t at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 1));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(thin_record, Fixture)

BOOST_AUTO_TEST_CASE(first_counts_until_there_is_a_second) {
  BOOST_TEST(fake::fails(read(), Code::kCorrupt));
  BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
  BOOST_TEST(read()->tables_size() == 0);
  with_tables();
  BOOST_TEST(fake::ok(write(RecordSlot::kSecond)));
  const auto second = read();
  BOOST_REQUIRE(fake::ok(second));
  BOOST_TEST(second->tables_size() == 2);
  BOOST_TEST(second->SerializeAsString() == record.SerializeAsString());
}

// A power cut while it is written: the header comes last.
BOOST_AUTO_TEST_CASE(second_that_is_damaged_anywhere_leaves_the_first) {
  BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
  with_tables();
  const std::uint64_t payload = kBlockBytes + record.SerializeAsString().size();
  for (std::uint64_t at = 0; at < payload; at = at < 64 ? at + 1 : at + 61) {
    BOOST_TEST(fake::ok(write(RecordSlot::kSecond)));
    BOOST_TEST(read()->tables_size() == 2);
    flip(size / 2 + at);
    const auto now = read();
    BOOST_TEST_CONTEXT("byte " << at) {
      BOOST_REQUIRE(fake::ok(now));
      BOOST_TEST(now->tables_size() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(without_either_there_is_none) {
  BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
  flip(kBlockBytes);
  BOOST_TEST(fake::fails(read(), Code::kCorrupt));
}

BOOST_AUTO_TEST_CASE(second_may_be_written_again) {
  BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
  with_tables();
  BOOST_TEST(fake::ok(write(RecordSlot::kSecond)));
  record.mutable_snapshot()->set_taken_utc("2026-11-27T00:00:00.000Z");
  BOOST_TEST(fake::ok(write(RecordSlot::kSecond)));
  BOOST_TEST(read()->snapshot().taken_utc() == "2026-11-27T00:00:00.000Z");
}

// Its checksum is right.
BOOST_AUTO_TEST_CASE(what_is_no_snapshot_is_not_believed) {
  const pb::CloneThinRecord good = record;
  const auto refused = [&](const auto& spoil) {
    record = good;
    with_tables();
    spoil(record);
    BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
    BOOST_TEST(fake::fails(read(), Code::kCorrupt));
  };
  refused([](pb::CloneThinRecord& one) { one.mutable_snapshot()->set_uuid("x"); });
  refused([](pb::CloneThinRecord& one) { one.mutable_snapshot()->set_set_uuid(""); });
  refused([](pb::CloneThinRecord& one) {
    one.mutable_snapshot()->clear_volumes();
    one.clear_tables();
  });
  refused([](pb::CloneThinRecord& one) {
    one.mutable_snapshot()->mutable_volumes(0)->set_name("../evil");
  });
  refused([](pb::CloneThinRecord& one) {
    one.mutable_snapshot()->mutable_volumes(1)->set_size(~std::uint64_t{0});
    one.clear_tables();
  });
  refused([](pb::CloneThinRecord& one) { one.mutable_tables()->RemoveLast(); });
  refused([](pb::CloneThinRecord& one) { one.mutable_tables(0)->push_back('x'); });
  refused([](pb::CloneThinRecord& one) { (*one.mutable_tables(0))[0] ^= 1; });
}

BOOST_AUTO_TEST_CASE(record_that_is_too_long_is_not_begun) {
  BOOST_TEST(fake::ok(write(RecordSlot::kFirst)));
  record.mutable_snapshot()->set_set_name(std::string(size / 2, 'x'));
  BOOST_TEST(fake::fails(write(RecordSlot::kFirst), Code::kNoSpace));
  BOOST_TEST(fake::fails(write(RecordSlot::kSecond), Code::kNoSpace));
  BOOST_TEST(read()->snapshot().uuid() == kSnapshot);
}

// Tables of volumes of 16 TiB are in it too.
BOOST_AUTO_TEST_CASE(room_is_for_all_that_is_known_later) {
  pb::CloneVolume& large = *record.mutable_snapshot()->mutable_volumes(0);
  large.set_size(std::uint64_t{1} << 40);
  BOOST_TEST(record_bytes(record.snapshot()) > 2 * (std::uint64_t{1} << 20) * sizeof(Hash128));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
