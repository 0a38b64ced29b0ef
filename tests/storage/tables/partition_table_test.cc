#include "storage/tables/partition_table.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"

using namespace lastword;
using lastword::test::ImageFile;
using lastword::test::write_foreign_gpt;

namespace bdata = boost::unit_test::data;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::string_view kLinuxType = "0fc63daf-8483-4772-8e79-3d69d8477de4";

template <class T>
std::string text(const Result<T>& result) {
  return result ? "" : describe(result.error());
}

void write_fresh(const ImageFile& image, std::uint64_t size, std::uint32_t sector) {
  const auto layout = plan_fresh_layout(image.path(), size, sector, true);
  BOOST_REQUIRE(layout);
  const Status status = write_fresh_table(image.open().get(), image.path(), *layout);
  BOOST_REQUIRE_MESSAGE(status, text(status));
}

GptGeometry must_read(const ImageFile& image) {
  const auto gpt = read_gpt(image.open().get(), image.path());
  BOOST_REQUIRE_MESSAGE(gpt, text(gpt));
  return *gpt;
}

// What read_gpt would tell of a disk of 64 MiB with these partitions.
GptGeometry geometry(std::vector<Partition> places) {
  GptGeometry gpt{.entries_end_bytes = 34 * 512,
                  .usable_end_bytes = 64 * kMiB - 33 * 512,
                  .entry_count = 128,
                  .partitions = {}};
  std::uint32_t number = 0;
  for (const Partition& place : places) {
    gpt.partitions.push_back(
        {.number = ++number, .place = place, .type = std::string(kLinuxType), .name = ""});
  }
  return gpt;
}

bool refused(const Result<DiskLayout>& layout, std::string_view part) {
  if (layout) return false;
  const std::string line = describe(layout.error());
  BOOST_TEST_MESSAGE(line);
  return layout.error().code == Code::kRefused && line.find(part) != line.npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(partition_table)

BOOST_DATA_TEST_CASE(fresh_table_has_both_partitions_in_place, bdata::make({512U, 4096U}), sector) {
  const std::uint64_t size = 64 * kMiB + 512 * (sector == 512 ? 3 : 0);
  const ImageFile image(size);
  write_fresh(image, size, sector);
  const GptGeometry gpt = must_read(image);
  BOOST_TEST(gpt.sector_bytes == sector);
  BOOST_REQUIRE(gpt.partitions.size() == 2U);
  const TablePartition& metadata = gpt.partitions[0];
  BOOST_TEST(metadata.type == kMetadataPartitionType);
  BOOST_TEST(metadata.name == kMetadataPartitionName);
  BOOST_TEST(metadata.place.offset_bytes == kMiB);
  BOOST_TEST(metadata.place.length_bytes == kMetadataPartitionBytes);
  const TablePartition& data = gpt.partitions[1];
  BOOST_TEST(data.type == kDataPartitionType);
  BOOST_TEST(data.name == kDataPartitionName);
  BOOST_TEST(data.place.offset_bytes == 2 * kMiB);
  BOOST_TEST(data.place.length_bytes % kBlockBytes == 0U);
  const std::uint64_t end = data.place.offset_bytes + data.place.length_bytes;
  BOOST_TEST(end <= gpt.usable_end_bytes);
  BOOST_TEST(gpt.usable_end_bytes - end < kBlockBytes);
}

BOOST_AUTO_TEST_CASE(disk_without_data_region_has_the_metadata_only) {
  const ImageFile image(4 * kMiB);
  const auto layout = plan_fresh_layout(image.path(), 4 * kMiB, 512, false);
  BOOST_REQUIRE(layout);
  BOOST_REQUIRE(write_fresh_table(image.open().get(), image.path(), *layout));
  BOOST_TEST(must_read(image).partitions.size() == 1U);
}

BOOST_DATA_TEST_CASE(smallest_disk_is_accepted_and_a_sector_less_refused,
                     bdata::make({512U, 4096U}), sector) {
  std::uint64_t size = 2 * kMiB;
  while (!plan_fresh_layout("disk", size, sector, true)) size += sector;
  BOOST_TEST(size >= 3 * kMiB);
  BOOST_TEST(refused(plan_fresh_layout("disk", size - sector, sector, true), "too small"));
  const ImageFile image(size);
  write_fresh(image, size, sector);
}

BOOST_AUTO_TEST_CASE(adopted_metadata_fills_the_gap_before_the_first_mib) {
  const auto layout = plan_adopted_layout("disk", geometry({{kMiB, 8 * kMiB}}), false);
  BOOST_REQUIRE(layout);
  BOOST_TEST(layout->metadata.offset_bytes == 20U << 10);
  BOOST_TEST(layout->metadata.length_bytes == kMiB - (20 << 10));
  BOOST_TEST(layout->data.length_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(adopted_metadata_ends_at_an_early_first_partition) {
  const auto layout =
      plan_adopted_layout("disk", geometry({{8 * kMiB, kMiB}, {512 * 1023, kMiB}}), false);
  BOOST_REQUIRE(layout);
  const std::uint64_t end = layout->metadata.offset_bytes + layout->metadata.length_bytes;
  BOOST_TEST(end == 512U * 1023 / kBlockBytes * kBlockBytes);
}

BOOST_AUTO_TEST_CASE(adoption_without_a_gap_is_refused) {
  const auto layout = plan_adopted_layout("disk", geometry({{63 * 512, 8 * kMiB}}), false);
  BOOST_TEST(refused(layout,
                     "no gap for the metadata: 8192 bytes are free between the GPT's "
                     "entries and partition 1"));
}

BOOST_AUTO_TEST_CASE(adopted_data_takes_what_is_free_behind_the_last_partition) {
  const auto gpt = geometry({{32 * kMiB, kMiB + 512}, {kMiB, kMiB}});
  const auto layout = plan_adopted_layout("disk", gpt, true);
  BOOST_REQUIRE(layout);
  BOOST_TEST(layout->data.offset_bytes == 34 * kMiB);
  const std::uint64_t end = layout->data.offset_bytes + layout->data.length_bytes;
  BOOST_TEST(end == gpt.usable_end_bytes / kBlockBytes * kBlockBytes);
}

BOOST_AUTO_TEST_CASE(adoption_for_dumps_without_free_space_is_refused) {
  const auto layout = plan_adopted_layout("disk", geometry({{kMiB, 62 * kMiB}}), true);
  BOOST_TEST(refused(layout, "no room for dumps"));
}

BOOST_AUTO_TEST_CASE(metadata_partition_that_overlaps_something_is_not_written_to) {
  const auto refusal = [](const Partition& metadata, const Partition& other, bool twice = false) {
    GptGeometry gpt = geometry({metadata, other});
    gpt.partitions[0].type = kMetadataPartitionType;
    if (twice) gpt.partitions[1].type = kMetadataPartitionType;
    const auto layout = plan_adopted_layout("disk", gpt, false);
    return layout ? std::string() : describe(layout.error());
  };
  const auto says = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  const Partition gap{20 << 10, kMiB - (20 << 10)};
  BOOST_TEST(refusal(gap, {kMiB, kMiB}) == "");
  BOOST_TEST(says(refusal({20 << 10, 2 * kMiB}, {kMiB, kMiB}), "overlaps partition 2"));
  BOOST_TEST(says(refusal({2 * kMiB, kMiB}, {kMiB, 8 * kMiB}), "overlaps partition 2"));
  BOOST_TEST(says(refusal({4096, kMiB / 2}, {kMiB, kMiB}), "overlaps the GPT itself"));
  BOOST_TEST(says(refusal({63 * kMiB, 2 * kMiB}, {kMiB, kMiB}), "overlaps the GPT itself"));
  BOOST_TEST(says(refusal({512 * 41, kMiB / 2}, {kMiB, kMiB}), "not at a multiple of 4096"));
  BOOST_TEST(says(refusal({20 << 10, 64 << 10}, {kMiB, kMiB}), "too small"));
  BOOST_TEST(says(refusal(gap, {kMiB, kMiB}, true), "are both lastword's"));
}

BOOST_AUTO_TEST_CASE(data_partition_that_overlaps_another_is_not_used_for_dumps) {
  GptGeometry gpt = geometry({{kMiB, 8 * kMiB}, {8 * kMiB, 8 * kMiB}});
  gpt.partitions[1].type = kDataPartitionType;
  BOOST_TEST(refused(plan_adopted_layout("disk", gpt, true), "overlaps partition 1"));
  BOOST_TEST(plan_adopted_layout("disk", gpt, false).has_value());
}

BOOST_AUTO_TEST_CASE(full_entry_array_is_refused) {
  GptGeometry gpt = geometry({{kMiB, kMiB}});
  gpt.entry_count = 1;
  BOOST_TEST(refused(plan_adopted_layout("disk", gpt, false), "all 1 entries"));
}

BOOST_AUTO_TEST_CASE(last_entries_in_use_are_refused_where_they_would_have_to_go_for_a_moment) {
  GptGeometry gpt = geometry({{kMiB, kMiB}});
  gpt.usable_start_bytes = kMiB;
  gpt.partitions[0].number = 124;
  BOOST_TEST(plan_adopted_layout("disk", gpt, false).has_value());
  gpt.partitions[0].number = 125;
  BOOST_TEST(refused(plan_adopted_layout("disk", gpt, false), "last entries are in use"));
  gpt.usable_start_bytes = gpt.entries_end_bytes;  // the gap is usable as it is
  BOOST_TEST(plan_adopted_layout("disk", gpt, false).has_value());
}

// Whole tables, as bytes, without what may differ: the headers and the entry array.
std::string without_tables(const ImageFile& image, const DiskLayout& added) {
  std::string content = image.content();
  const std::size_t primary = 2 * added.sector_bytes + (16 << 10);
  const std::size_t backup = added.sector_bytes + (16 << 10);
  content.replace(0, primary, primary, '\0');
  content.replace(content.size() - backup, backup, backup, '\0');
  return content;
}

BOOST_DATA_TEST_CASE(adoption_changes_nothing_but_the_tables, bdata::make({512U, 4096U}), sector) {
  const std::uint64_t size = 32 * kMiB;
  const std::uint64_t last = size - (16 << 10) - sector;
  const ImageFile image(size);
  // To the last usable sector, as many tools do it.
  write_foreign_gpt(image, sector, {{kMiB, 4 * kMiB}, {8 * kMiB, last - 8 * kMiB}});
  image.write(kMiB, "first");
  image.write(last - 4, "last");
  image.write(440, "mbr!");  // disk signature, belongs to others
  const GptGeometry before = must_read(image);
  const auto layout = plan_adopted_layout(image.path(), before, false);
  BOOST_REQUIRE(layout);
  const std::string content = without_tables(image, *layout);
  const std::string mbr = image.read(0, sector);
  // Entries 1 and 2 of 128 bytes.
  const std::string entries = image.read(2 * sector, 256);

  const Status status = extend_table(image.open().get(), image.path(), *layout);
  BOOST_REQUIRE_MESSAGE(status, text(status));
  BOOST_TEST((without_tables(image, *layout) == content));
  BOOST_TEST((image.read(0, sector) == mbr));
  BOOST_TEST((image.read(2 * sector, 256) == entries));
  const GptGeometry after = must_read(image);
  BOOST_REQUIRE(after.partitions.size() == 3U);
  BOOST_TEST(after.partitions[2].type == kMetadataPartitionType);
  BOOST_TEST(after.partitions[2].place.offset_bytes == layout->metadata.offset_bytes);
  BOOST_TEST(after.partitions[2].place.length_bytes == layout->metadata.length_bytes);
  BOOST_TEST(after.usable_end_bytes == before.usable_end_bytes);

  const std::string complete = image.content();
  BOOST_REQUIRE(extend_table(image.open().get(), image.path(), *layout));
  BOOST_TEST((image.content() == complete), "a complete table was written again");
}

BOOST_AUTO_TEST_CASE(adopted_disk_gets_a_data_partition_at_its_end) {
  const ImageFile image(32 * kMiB);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  const auto layout = plan_adopted_layout(image.path(), must_read(image), true);
  BOOST_REQUIRE(layout);
  BOOST_REQUIRE(extend_table(image.open().get(), image.path(), *layout));
  const GptGeometry after = must_read(image);
  BOOST_REQUIRE(after.partitions.size() == 3U);
  BOOST_TEST(after.partitions[2].type == kDataPartitionType);
  BOOST_TEST(after.partitions[2].place.offset_bytes == 5 * kMiB);
}

BOOST_AUTO_TEST_CASE(damaged_copy_is_repaired_from_the_other_one) {
  for (const std::uint64_t damage : {kMiB / 2048, 32 * kMiB - 512}) {
    const ImageFile image(32 * kMiB);
    write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
    image.write(damage + 40, "?");
    const auto layout = plan_adopted_layout(image.path(), must_read(image), false);
    BOOST_REQUIRE(layout);
    const Status status = extend_table(image.open().get(), image.path(), *layout);
    BOOST_REQUIRE_MESSAGE(status, text(status));
    // Each copy alone tells all.
    for (const std::uint64_t lost : {kMiB / 2048, 32 * kMiB - 512}) {
      const std::string header = image.read(lost, 512);
      image.write(lost, std::string(512, '\0'));
      const GptGeometry gpt = must_read(image);
      BOOST_TEST(gpt.partitions.size() == 2U);
      image.write(lost, header);
    }
  }
}

BOOST_AUTO_TEST_CASE(gpt_whose_backup_is_not_at_the_end_is_not_adopted) {
  const ImageFile image(32 * kMiB);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  std::filesystem::resize_file(image.path(), 64 * kMiB);
  const auto gpt = read_gpt(image.open().get(), image.path());
  BOOST_REQUIRE(!gpt);
  BOOST_TEST((gpt.error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(disk_without_a_gpt_is_not_adopted) {
  const ImageFile image(32 * kMiB);
  const auto gpt = read_gpt(image.open().get(), image.path());
  BOOST_REQUIRE(!gpt);
  BOOST_TEST((gpt.error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_SUITE_END()
