#include "storage/tables/discover.h"

#include <array>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "storage/tables/partition_table.h"
#include "tests/fake/check.h"
#include "tests/fake/sick_spot.h"
#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

constexpr std::uint64_t kDiskBytes = 64 << 20;

struct Labelled {
  explicit Labelled(std::uint32_t sector_bytes = 512) {
    const auto layout = plan_fresh_layout(image.path(), kDiskBytes, sector_bytes, true);
    BOOST_TEST_REQUIRE(ok(layout));
    BOOST_TEST_REQUIRE(ok(write_fresh_table(image.open().get(), image.path(), *layout)));
    metadata = layout->metadata;
  }
  [[nodiscard]] bool is_found() const {
    const auto found = find_metadata_partition(image.path());
    BOOST_TEST_REQUIRE(ok(found));
    return found->offset_bytes == metadata.offset_bytes &&
           found->length_bytes == metadata.length_bytes;
  }
  test::ImageFile image{kDiskBytes};
  Partition metadata;
};

// Blocks of it cannot be read.
std::unique_ptr<BlockDevice> spotted(const test::ImageFile& image,
                                     std::initializer_list<std::uint64_t> spots) {
  auto opened = LinuxBlockDevice::open(image.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(opened));
  std::unique_ptr<BlockDevice> device = std::move(*opened);
  for (const std::uint64_t spot : spots) {
    device = std::make_unique<SickSpot>(std::move(device), spot);
  }
  return device;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metadata_partition)

BOOST_DATA_TEST_CASE(is_found_by_its_type, boost::unit_test::data::make({512U, 4096U}), sector) {
  BOOST_TEST(Labelled(sector).is_found());
}

BOOST_AUTO_TEST_CASE(is_found_in_the_backup_when_the_primary_gpt_is_gone) {
  const Labelled disk;
  disk.image.write(512, std::string(512, '\0'));
  BOOST_TEST(disk.is_found());
}

BOOST_DATA_TEST_CASE(is_found_beside_a_bad_spot_in_either_copy,
                     boost::unit_test::data::make({512U, 4096U}), sector) {
  const Labelled disk(sector);
  for (std::uint64_t block = 0; block < 6; ++block) {
    for (const std::uint64_t spot : {block * kBlockBytes, kDiskBytes - (block + 1) * kBlockBytes}) {
      const auto found = find_metadata_partition(*spotted(disk.image, {spot}));
      BOOST_TEST_REQUIRE(ok(found));
      BOOST_TEST(found->offset_bytes == disk.metadata.offset_bytes);
    }
  }
}

BOOST_AUTO_TEST_CASE(with_bad_spots_in_both_copies_is_not_its_absence) {
  const Labelled disk;
  const auto device = spotted(disk.image, {0, kDiskBytes - kBlockBytes});
  BOOST_TEST(fails(find_metadata_partition(*device), Code::kIo));
}

BOOST_AUTO_TEST_CASE(with_a_bad_spot_is_not_found_where_the_mbr_says_that_there_is_no_gpt) {
  const Labelled disk;
  disk.image.write(450, "\x83");  // the type of the first partition, protective until now
  BOOST_TEST(!find_metadata_partition(*spotted(disk.image, {kBlockBytes})));
}

BOOST_AUTO_TEST_CASE(of_a_disk_that_gives_no_data_is_an_error) {
  struct NoData : SickSpot {
    using SickSpot::SickSpot;
    Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
      Status status = SickSpot::read(offset, buffer);
      if (!status) status.error().sys_errno = EIO;
      return status;
    }
  };
  const Labelled disk;
  NoData device(spotted(disk.image, {}), 0);
  BOOST_TEST(fails(find_metadata_partition(device), Code::kIo));
}

BOOST_AUTO_TEST_CASE(is_not_found_without_a_gpt) {
  const test::ImageFile image(kDiskBytes);
  BOOST_TEST(fails(find_metadata_partition(image.path()), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(is_not_found_on_somebody_elses_gpt) {
  const test::ImageFile image(kDiskBytes);
  test::write_foreign_gpt(image, 512, {{.offset_bytes = 1 << 20, .length_bytes = 8 << 20}});
  const auto found = find_metadata_partition(image.path());
  BOOST_TEST(fails(found, Code::kNotFound));
  BOOST_TEST(describe(found.error()).find(image.path()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(is_not_found_on_a_disk_too_small_for_one) {
  const test::ImageFile image(8 * kBlockBytes);
  BOOST_TEST(fails(find_metadata_partition(image.path()), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(of_a_missing_disk_is_an_error) {
  BOOST_TEST(!find_metadata_partition("/nonexistent"));
}

BOOST_AUTO_TEST_CASE(is_not_written_to_by_looking) {
  const Labelled disk;
  const std::string before = disk.image.content();
  BOOST_TEST(disk.is_found());
  BOOST_TEST((disk.image.content() == before));
}

BOOST_AUTO_TEST_CASE(is_corrupt_when_too_small_for_the_records) {
  const test::ImageFile image(kDiskBytes);
  constexpr std::uint64_t kMiB = 1 << 20;
  DiskLayout layout{.metadata = {.offset_bytes = kMiB, .length_bytes = kMiB}, .data = {}};
  BOOST_TEST_REQUIRE(ok(write_fresh_table(image.open().get(), image.path(), layout)));
  BOOST_TEST(ok(find_metadata_partition(image.path())));
  layout.metadata.length_bytes = kMetadataMinBytes / 2;
  BOOST_TEST_REQUIRE(ok(write_fresh_table(image.open().get(), image.path(), layout)));
  BOOST_TEST(fails(find_metadata_partition(image.path()), Code::kCorrupt));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(partitions)

BOOST_DATA_TEST_CASE(all_of_a_disk_are_listed, boost::unit_test::data::make({512U, 4096U}),
                     sector) {
  const test::ImageFile image(kDiskBytes);
  test::write_foreign_gpt(image, sector,
                          {{.offset_bytes = 1 << 20, .length_bytes = 8 << 20},
                           {.offset_bytes = 16 << 20, .length_bytes = 4 << 20}});
  const auto device = LinuxBlockDevice::open(image.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(device));
  const auto listed = list_partitions(**device);
  BOOST_TEST_REQUIRE(ok(listed));
  BOOST_TEST_REQUIRE(listed->size() == 2U);
  BOOST_TEST(listed->front().offset_bytes == 1U << 20);
  BOOST_TEST(listed->front().length_bytes == 8U << 20);
  BOOST_TEST(listed->back().offset_bytes == 16U << 20);
  BOOST_TEST(listed->back().length_bytes == 4U << 20);
}

BOOST_AUTO_TEST_CASE(of_a_disk_without_a_table_there_are_none_to_list) {
  const test::ImageFile image(kDiskBytes);
  const auto device = LinuxBlockDevice::open(image.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(device));
  BOOST_TEST(fails(list_partitions(**device), Code::kNotFound));
}

BOOST_AUTO_TEST_SUITE_END()
