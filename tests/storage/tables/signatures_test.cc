#include "storage/tables/signatures.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"

using namespace lastword;
using namespace lastword::test;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kSize = 64 * kMiB;

std::vector<Signature> find(const ImageFile& image, Partition region = {0, kSize}) {
  const auto found = find_signatures(image.open().get(), image.path(), region);
  BOOST_REQUIRE(found);
  for (const Signature& signature : *found) BOOST_TEST_MESSAGE(describe(signature));
  return *found;
}

std::string types(const std::vector<Signature>& signatures) {
  std::string text;
  for (const Signature& signature : signatures) text += signature.type + " ";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(signatures)

BOOST_AUTO_TEST_CASE(empty_disk_has_none) {
  const ImageFile image(kSize);
  BOOST_TEST(find(image).empty());
  BOOST_TEST(!*find_table(image.open().get(), image.path(), kSize));
}

BOOST_AUTO_TEST_CASE(each_kind_is_found_and_named) {
  const struct {
    const char* type;
    void (*write)(const ImageFile&, std::uint64_t);
  } kinds[]{{"ext4", [](const ImageFile& image, std::uint64_t at) { write_ext4(image, at); }},
            {"xfs", write_xfs},
            {"swap", write_swap},
            {"LVM2_member", write_lvm}};
  for (const auto& kind : kinds) {
    BOOST_TEST_CONTEXT(kind.type) {
      const ImageFile image(kSize);
      kind.write(image, 0);
      BOOST_TEST(types(find(image)) == std::string(kind.type) + " ");
      const ImageFile inside(kSize);
      kind.write(inside, 2 * kMiB);
      BOOST_TEST(types(find(inside)).empty());
      BOOST_TEST(types(find(inside, {2 * kMiB, 32 * kMiB})) == std::string(kind.type) + " ");
    }
  }
}

BOOST_AUTO_TEST_CASE(several_are_all_found_and_offsets_count_from_the_disk) {
  const ImageFile image(kSize);
  write_ext4(image, 2 * kMiB, "home");
  write_swap(image, 2 * kMiB);
  const auto found = find(image, {2 * kMiB, 32 * kMiB});
  BOOST_REQUIRE(found.size() == 2U);
  bool named = false;
  for (const Signature& signature : found) {
    named |= describe(signature) == "ext4 file system \"home\" at byte 2098232";
  }
  BOOST_TEST(named);
}

BOOST_AUTO_TEST_CASE(wiping_leaves_none_and_touches_no_more_than_the_magic) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}});
  write_ext4(image, kMiB);
  image.write(16 * kMiB, "data");
  BOOST_TEST(!find(image).empty());
  const std::string before = image.content();
  BOOST_REQUIRE(wipe_signatures(image.open().get(), image.path(), {0, kSize}));
  BOOST_TEST(find(image).empty());
  BOOST_TEST(types(find(image, {kMiB, 4 * kMiB})) == "ext4 ");
  const std::string after = image.content();
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) changed += before[i] != after[i] ? 1 : 0;
  BOOST_TEST(changed <= 8U + 8U + 2U);  // two GPT headers, one protective MBR
}

BOOST_AUTO_TEST_CASE(table_is_found_in_its_backup_alone) {
  const ImageFile image(kSize);
  write_foreign_gpt(image, 512, {{kMiB, 4 * kMiB}, {8 * kMiB, kMiB}});
  image.write(0, std::string(kMiB, '\0'));
  const auto table = find_table(image.open().get(), image.path(), kSize);
  BOOST_REQUIRE(table);
  BOOST_REQUIRE(*table);
  BOOST_TEST((*table)->type == "gpt");
  BOOST_REQUIRE((*table)->partitions.size() == 2U);
  BOOST_TEST((*table)->partitions[1].number == 2U);
  BOOST_TEST((*table)->partitions[1].place.offset_bytes == 8 * kMiB);
  BOOST_TEST((*table)->partitions[1].name == "service 2");
}

BOOST_AUTO_TEST_CASE(kernel_uses_are_read_for_the_disk_and_its_partitions) {
  namespace fs = std::filesystem;
  const ImageFile place(0);
  const fs::path root = place.directory();
  const fs::path disk = root / "sys/devices/sdc";
  fs::create_directories(disk / "holders");
  fs::create_directories(disk / "sdc1/holders");
  fs::create_directories(disk / "sdc2/holders/dm-3/dm");
  fs::create_directories(root / "sys/dev/block");
  fs::create_directories(root / "proc/self");
  fs::create_directory_symlink(disk, root / "sys/dev/block/8:32");
  const auto put = [](const fs::path& path, const std::string& content) {
    std::ofstream(path) << content;
  };
  put(disk / "sdc1/partition", "1\n");
  put(disk / "sdc1/dev", "8:33\n");
  put(disk / "sdc2/partition", "2\n");
  put(disk / "sdc2/dev", "8:34\n");
  put(disk / "sdc2/holders/dm-3/dm/name", "vg-home\n");
  put(root / "proc/self/mountinfo",
      "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "55 24 8:33 / /srv rw,relatime shared:7 master:2 - xfs /dev/sdc1 rw\n"
      "57 24 8:34 / /srv/two\\040words rw - xfs /dev/sdc2 rw\n"
      "56 24 8:330 / /other rw - xfs /dev/sdv10 rw\n");
  put(root / "proc/swaps", "Filename Type Size Used Priority\n/dev/null partition 1 0 -2\n");
  const auto uses = find_kernel_uses("8:32", root);
  BOOST_TEST(uses == (std::vector<std::string>{"sdc1 is mounted on /srv",
                                               "sdc2 is mounted on /srv/two words",
                                               "sdc2 is held by dm-3 (vg-home)"}),
             boost::test_tools::per_element());
  BOOST_TEST(find_kernel_uses("8:48", root).empty());
}

BOOST_AUTO_TEST_CASE(image_file_has_no_uses) {
  const ImageFile image(kSize);
  const auto uses = find_uses(image.path());
  BOOST_REQUIRE(uses);
  BOOST_TEST(uses->empty());
}

BOOST_AUTO_TEST_SUITE_END()
