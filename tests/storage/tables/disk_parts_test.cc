// Which disks something lies on, in a sysfs of files.
#include "storage/tables/disk_parts.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/test_folder.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

struct Sysfs {
  test::TestFolder folder;
  const std::string root = folder.file("root");

  // A device of its own, or a partition of `disk`.
  void add(const std::string& number, const std::string& name, const std::string& disk = "") {
    const fs::path place = root + "/sys/devices/" + (disk.empty() ? name : disk + "/" + name);
    fs::create_directories(place);
    if (!disk.empty()) std::ofstream(place / "partition") << "1\n";
    std::ofstream(place / "dev") << number << "\n";
    fs::create_directories(root + "/sys/dev/block");
    fs::create_symlink(place, root + "/sys/dev/block/" + number);
  }
  void put_below(const std::string& upper, const std::string& lower) {
    fs::create_directories(root + "/sys/devices/" + upper + "/slaves");
    fs::create_symlink(root + "/sys/devices/" + lower, root + "/sys/devices/" + upper + "/slaves/" +
                                                           fs::path(lower).filename().string());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_parts, Sysfs)

BOOST_AUTO_TEST_CASE(disk_and_partition) {
  add("8:0", "sda");
  add("8:1", "sda1", "sda");
  BOOST_TEST((disks_below("8:0", root) == Names{"/dev/sda"}));
  BOOST_TEST((disks_below("8:1", root) == Names{"/dev/sda"}));
}

BOOST_AUTO_TEST_CASE(volume_on_paths_and_on_partitions) {
  add("8:0", "sda");
  add("8:16", "sdb");
  add("8:17", "sdb1", "sdb");
  add("8:32", "sdc");
  add("253:0", "dm-0");  // multipath over sda and sdc
  add("253:1", "dm-1");  // a logical volume on that and on sdb1
  put_below("dm-0", "sda");
  put_below("dm-0", "sdc");
  put_below("dm-1", "dm-0");
  put_below("dm-1", "sdb/sdb1");
  BOOST_TEST((disks_below("253:1", root) == Names{"/dev/sda", "/dev/sdb", "/dev/sdc"}));
}

BOOST_AUTO_TEST_CASE(what_sysfs_does_not_know_is_on_no_disk) {
  BOOST_TEST(disks_below("0:45", root).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
