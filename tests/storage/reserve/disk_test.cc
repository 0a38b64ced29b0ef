// Listing disks, against a sysfs tree made of files.
#include "storage/reserve/disk.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/fake/check.h"
#include "tests/support/image_file.h"

using namespace lastword;
using namespace lastword::fake;

namespace {

struct Sysfs {
  void attribute(const std::string& name, std::string_view content) const {
    const auto path = image.directory() / "sys" / "block" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  void disk(const std::string& name, const std::string& type) const {
    attribute(name + "/size", "2048\n");
    attribute(name + "/device/type", type + "\n");
    attribute(name + "/device/vendor", "LIO-ORG \n");
    attribute(name + "/device/model", "disk3           \n");
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    const auto disks = list_scsi_disks(roots);
    BOOST_TEST_REQUIRE(ok(disks));
    std::vector<std::string> found;
    for (const DiskInfo& info : *disks) found.push_back(info.path);
    return found;
  }

  test::ImageFile image{1 << 20};
  SystemRoots roots{.sys = (image.directory() / "sys").string(), .dev = "/dev"};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(scsi_disks, Sysfs)

BOOST_AUTO_TEST_CASE(are_listed_in_the_order_of_their_letters) {
  for (const char* name : {"sdaa", "sdb", "sda", "sdab"}) disk(name, "0");
  BOOST_TEST(
      (paths() == std::vector<std::string>{"/dev/sda", "/dev/sdb", "/dev/sdaa", "/dev/sdab"}));
}

BOOST_AUTO_TEST_CASE(leave_out_everything_else) {
  disk("sda", "0");
  disk("sr0", "5");               // CD-ROM
  attribute("vda/size", "2048");  // virtio-blk: a device, but no SCSI type
  attribute("vda/device/vendor", "0x1af4");
  attribute("loop0/size", "0");
  BOOST_TEST((paths() == std::vector<std::string>{"/dev/sda"}));
}

BOOST_AUTO_TEST_CASE(without_a_medium_are_left_out_sick_ones_are_not) {
  for (const char* name : {"sda", "sdb", "sdc"}) disk(name, "0");
  attribute("sda/removable", "1\n");
  attribute("sda/size", "0\n");
  attribute("sdb/removable", "0\n");
  attribute("sdb/size", "0\n");
  attribute("sdc/removable", "1\n");
  BOOST_TEST((paths() == std::vector<std::string>{"/dev/sdb", "/dev/sdc"}));
}

BOOST_AUTO_TEST_CASE(that_are_images_back_loop_devices) {
  const test::ImageFile other{1 << 20};
  attribute("sda/size", "2048\n");
  attribute("loop0/size", "0\n");
  attribute("loop1/loop/backing_file", image.path() + "\n");
  attribute("loop2/loop/backing_file", other.path() + "\n");
  attribute("loop3/loop/backing_file", "/gone (deleted)\n");
  const std::string link = image.path() + ".link";
  std::filesystem::create_hard_link(image.path(), link);
  for (const std::string& path : {image.path(), link}) {
    BOOST_TEST((loop_devices_on(path, roots) == std::vector<std::string>{"loop1"}));
  }
  BOOST_TEST(loop_devices_on("/nonexistent", roots).empty());
}

BOOST_AUTO_TEST_CASE(are_described_by_vendor_model_and_serial) {
  disk("sda", "0");
  attribute("sda/device/vpd_pg80", std::string("\0\x80\0\x08"
                                               "  12ab34",
                                               12));
  disk("sdb", "0");
  attribute("sdb/device/wwid", "naa.600140512345678\n");
  disk("sdc", "0");
  const auto disks = list_scsi_disks(roots);
  BOOST_TEST_REQUIRE(ok(disks));
  BOOST_TEST((*disks)[0].description == "LIO-ORG disk3 12ab34");
  BOOST_TEST((*disks)[1].description == "LIO-ORG disk3 naa.600140512345678");
  BOOST_TEST((*disks)[2].description == "LIO-ORG disk3");
}

// The description goes into the plan, whose protobuf text must be UTF-8 and whose record must fit a
// block: what a device says of itself may be anything.
BOOST_AUTO_TEST_CASE(are_described_in_printable_characters_and_no_more_than_fit) {
  disk("sda", "0");
  attribute("sda/device/vendor", "\xff\x1b[2J\n");
  disk("sdb", "0");
  attribute("sdb/device/wwid", std::string(5000, 'w') + "\n");
  const auto disks = list_scsi_disks(roots);
  BOOST_TEST_REQUIRE(ok(disks));
  BOOST_TEST((*disks)[0].description == "??[2J disk3");
  BOOST_TEST((*disks)[1].description.size() == 128U);
}

BOOST_AUTO_TEST_CASE(have_a_size_in_sectors_of_512) {
  disk("sda", "0");
  BOOST_TEST((*list_scsi_disks(roots))[0].size_bytes == 1U << 20);
  BOOST_TEST(!(*list_scsi_disks(roots))[0].is_image);
}

BOOST_AUTO_TEST_CASE(of_a_machine_without_sysfs_are_an_error) {
  BOOST_TEST(!list_scsi_disks({.sys = image.directory() / "none"}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(one_disk, Sysfs)

BOOST_AUTO_TEST_CASE(image_file_has_no_scsi_commands) {
  const auto info = stat_disk(image.path());
  BOOST_TEST_REQUIRE(ok(info));
  BOOST_TEST(info->is_image);
  BOOST_TEST(info->size_bytes == 1U << 20);
  const auto disk = open_disk(image.path(), Access::kReadWrite, std::chrono::seconds(1));
  BOOST_TEST_REQUIRE(ok(disk));
  BOOST_TEST(!disk->lun);
  BOOST_TEST(disk->fd >= 0);
  BOOST_TEST(disk->device->size_bytes() == 1U << 20);
}

BOOST_AUTO_TEST_CASE(missing_path_is_not_found) {
  BOOST_TEST(fails(stat_disk(image.path() + ".none"), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(what_is_neither_disk_nor_image_is_refused) {
  BOOST_TEST(fails(stat_disk("/dev/null"), Code::kRefused));
  BOOST_TEST(fails(stat_disk(image.directory()), Code::kRefused));
}

BOOST_AUTO_TEST_SUITE_END()
