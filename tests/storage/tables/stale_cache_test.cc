// What is said of a running system's disks, from a tree of files in place of /sys and /proc.
#include "storage/tables/stale_cache.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/test_folder.h"

namespace lastword::test {

namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(stale_cache)

BOOST_AUTO_TEST_CASE(mounts_swap_and_holders_of_each_disk_are_named_beside_programs) {
  const TestFolder folder;
  const std::string root = folder.file("");
  const auto put = [&](const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(root + name).parent_path());
    std::ofstream(root + name) << text;
  };
  for (const auto& [disk, device, part] :
       {std::tuple{"sdb", "8:16", "8:17"}, {"sdc", "8:32", "8:33"}, {"sdd", "8:48", "8:49"}}) {
    const std::string sysfs = std::string("sys/devices/") + disk;
    put(sysfs + "/" + disk + "1/partition", "1\n");
    put(sysfs + "/" + disk + "1/dev", std::string(part) + "\n");
    fs::create_directories(root + "sys/dev/block");
    fs::create_directory_symlink(root + sysfs, root + "sys/dev/block/" + device);
  }
  put("sys/devices/sdb/sdb1/holders/dm-3/dm/name", "vg-home\n");
  put("sys/devices/sdb/holders/md0/size", "1\n");
  put("proc/self/mountinfo", "55 24 8:33 / /srv rw,relatime shared:7 - xfs /dev/sdc1 rw\n");
  put("proc/swaps", "Filename Type Size Used Priority\n");

  std::map<std::string, std::vector<DiskPart>> disks;
  disks["/dev/sdb"] = parts_of("8:16", root);
  disks["/dev/sdc"] = parts_of("8:32", root);
  disks["/dev/sdd"] = parts_of("8:48", root);
  const Openers found = find_openers(disks, root);
  const Openers wanted{
      {"/dev/sdb", {"sdb is held by md0", "sdb1 is held by dm-3 (vg-home)"}},
      {"/dev/sdc", {"sdc1 is mounted on /srv"}},
  };
  BOOST_TEST((found == wanted));
}

// Another process of lastword reads records, and is no stranger that has the disk open.
BOOST_AUTO_TEST_CASE(processes_of_lastword_are_not_named) {
  const TestFolder folder;
  const std::string root = folder.file("");
  std::string device;
  std::error_code ignored;
  for (const auto& node : fs::directory_iterator("/dev", ignored)) {
    if (node.is_block_file(ignored) && !node.is_symlink(ignored)) device = node.path();
  }
  if (device.empty()) return;  // a machine without any
  for (const auto& [pid, name] : {std::pair{"70001", "lastword"}, {"70002", "lastword-dump"}}) {
    fs::create_directories(root + "proc/" + pid + "/fd");
    std::ofstream(root + "proc/" + pid + "/comm") << name << "\n";
    fs::create_symlink(device, root + "proc/" + pid + "/fd/5");
  }
  const std::map<std::string, std::vector<DiskPart>> disks{
      {device, {DiskPart{.device = device_of(device), .name = "it", .sysfs = root}}}};
  const Openers wanted{{device, {"lastword-dump (70002)"}}};
  BOOST_TEST((find_openers(disks, root) == wanted));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
