// Looks at the coredump headers of disks, image files here.
#include "agent/disks/header_watch.h"

#include <boost/test/unit_test.hpp>

#include "storage/block/record_io.h"
#include "tests/agent/disks/surveyed.h"
#include "tests/support/image_file.h"

namespace lastword::test {
namespace {

constexpr std::chrono::seconds kPatience{30};

struct Watched {
  Watched() {
    auto disk = open_disk(image.path(), Access::kReadWrite, kPatience);
    BOOST_TEST_REQUIRE(disk.has_value());
    opened = std::make_shared<OpenDisk>(std::move(*disk));
    opened->info.path = there.info.path;
    open.keep(opened);
  }
  [[nodiscard]] HeaderWatch watch(const std::vector<DiskView>& disks) const {
    return {real_shelf(), real_executor(), disks, open, kPatience};
  }
  void put(pb::Attribute attribute) const {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    RecordIo records(*opened->device, there.metadata_offset);
    BOOST_TEST_REQUIRE(records.put(RecordPlace::kCoredump, header).has_value());
  }

  ImageFile image{2 << 20};
  DiskView gone = surveyed(0, pb::SPARE);  // not open
  DiskView there = surveyed(1, pb::SPARE);
  std::shared_ptr<OpenDisk> opened;
  OpenDisks open;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(header_watch, Watched)

BOOST_AUTO_TEST_CASE(each_look_finds_what_the_header_says_by_then) {
  HeaderWatch looks = watch({there});
  auto seen = looks.poll({0});
  BOOST_TEST_REQUIRE(seen.size() == 1U);
  BOOST_TEST_REQUIRE(seen[0].header.has_value());
  BOOST_TEST(seen[0].sequence == 0U);
  // The sequence is the record's own, so that looks and surveys can be compared.
  std::uint64_t last = 0;
  for (const pb::Attribute attribute : {pb::ARMED, pb::IN_PROGRESS, pb::COMPLETED}) {
    put(attribute);
    seen = looks.poll({0});
    BOOST_TEST_REQUIRE(seen.size() == 1U);
    BOOST_TEST_REQUIRE(seen[0].header.has_value());
    BOOST_TEST(seen[0].header->attribute() == attribute);
    BOOST_TEST(seen[0].sequence == ++last);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_is_not_open_is_reported_and_holds_no_other_up) {
  put(pb::ARMED);
  HeaderWatch looks = watch({gone, there});
  for (int look = 0; look < 2; ++look) {
    const auto seen = looks.poll({0, 1});
    BOOST_TEST_REQUIRE(seen.size() == 2U);
    for (const SeenHeader& one : seen) BOOST_TEST(one.header.has_value() == (one.disk == 1));
  }
}

BOOST_AUTO_TEST_CASE(only_the_disks_that_are_asked_for_are_looked_at) {
  HeaderWatch looks = watch({gone, there});
  BOOST_TEST(looks.poll({}).empty());
  BOOST_TEST_REQUIRE(looks.poll({1}).size() == 1U);
  BOOST_TEST(looks.poll({1})[0].disk == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
