#include "agent/arm/module_closure.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/temporary_tree.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

struct Tree : TemporaryTree {
  // As `driver/module` of sysfs: a driver's link to its module's directory.
  void driver(const std::string& device, const std::string& name, const std::string& module) {
    const std::string at = root + "/sys/drivers/" + name;
    fs::create_directories(at);
    fs::create_directories(root + "/sys/" + device);
    fs::create_directory_symlink(at, root + "/sys/" + device + "/driver");
    if (module.empty()) return;
    fs::create_directories(root + "/sys/module/" + module);
    fs::create_directory_symlink(root + "/sys/module/" + module, at + "/module");
  }
  void block_device(const std::string& name, const std::string& device) {
    fs::create_directories(root + "/sys/" + device);
    fs::create_directories(root + "/sys/block/" + name);
    fs::create_directory_symlink(root + "/sys/" + device, root + "/sys/block/" + name + "/device");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(module_closure, Tree)

BOOST_AUTO_TEST_CASE(drivers_up_to_the_bus_are_found) {
  const std::string pci = "devices/pci0000:00/0000:00:05.0";
  const std::string target = pci + "/virtio2/host0/target0:0:0/0:0:0:1";
  block_device("sdb", target);
  driver(target, "sd", "sd_mod");
  driver(pci + "/virtio2", "virtio_scsi", "virtio_scsi");
  driver(pci, "virtio-pci", "virtio_pci");
  const auto names = driver_modules_of(root + "/sys", "sdb");
  BOOST_REQUIRE(names);
  BOOST_TEST((*names == std::vector<std::string>{"sd_mod", "virtio_scsi", "virtio_pci"}));
}

BOOST_AUTO_TEST_CASE(built_in_drivers_have_no_module) {
  const std::string target = "devices/pci0000:00/0000:00:05.0/ata1/host0/target0:0:0/0:0:0:0";
  block_device("sda", target);
  driver(target, "sd", "sd_mod");
  driver("devices/pci0000:00/0000:00:05.0", "ahci", "");
  const auto names = driver_modules_of(root + "/sys", "sda");
  BOOST_REQUIRE(names);
  BOOST_TEST((*names == std::vector<std::string>{"sd_mod"}));
}

BOOST_AUTO_TEST_CASE(disk_without_hardware_above_it_is_not_reachable) {
  const std::string target = "devices/platform/host2/session1/target2:0:0/2:0:0:0";
  block_device("sdc", target);
  driver(target, "sd", "sd_mod");
  const auto names = driver_modules_of(root + "/sys", "sdc");
  BOOST_REQUIRE(!names);
  BOOST_TEST((names.error().code == Code::kUnsupported));
}

BOOST_AUTO_TEST_CASE(unknown_disk_is_not_found) {
  fs::create_directories(root + "/sys/block");
  BOOST_TEST((driver_modules_of(root + "/sys", "sdz").error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(dependencies_come_first_and_once) {
  // depmod lists the nearest dependency first; what it needs itself comes later in the line.
  put("modules.dep",
      "kernel/virtio/virtio.ko:\n"
      "kernel/virtio/virtio_ring.ko: kernel/virtio/virtio.ko\n"
      "kernel/virtio/virtio_pci.ko: kernel/virtio/virtio_ring.ko kernel/virtio/virtio.ko\n"
      "kernel/scsi/scsi_common.ko:\n"
      "kernel/scsi/scsi_mod.ko: kernel/scsi/scsi_common.ko\n"
      "kernel/scsi/sd_mod.ko.xz: kernel/scsi/scsi_mod.ko kernel/lib/t10-pi.ko "
      "kernel/scsi/scsi_common.ko\n"
      "kernel/lib/t10-pi.ko:\n"
      "kernel/scsi/virtio_scsi.ko: kernel/scsi/scsi_mod.ko kernel/scsi/scsi_common.ko "
      "kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\n");
  put("modules.builtin", "kernel/lib/crc-t10dif.ko\n");
  const auto order = close_modules(root, {"sd_mod", "virtio_scsi", "virtio_pci", "crc-t10dif"});
  BOOST_REQUIRE(order);
  BOOST_TEST((*order == std::vector<std::string>{
                            "kernel/scsi/scsi_common.ko", "kernel/scsi/scsi_mod.ko",
                            "kernel/lib/t10-pi.ko", "kernel/scsi/sd_mod.ko.xz",
                            "kernel/virtio/virtio.ko", "kernel/virtio/virtio_ring.ko",
                            "kernel/scsi/virtio_scsi.ko", "kernel/virtio/virtio_pci.ko"}));
}

BOOST_AUTO_TEST_CASE(soft_dependencies_come_along_where_they_exist) {
  put("modules.dep", "kernel/a.ko:\nkernel/helper-one.ko:\nkernel/late.ko:\n");
  put("modules.softdep", "# comment\nsoftdep a pre: helper-one missing post: late\n");
  const auto order = close_modules(root, {"a"});
  BOOST_REQUIRE(order);
  BOOST_TEST((*order == std::vector<std::string>{"kernel/helper-one.ko", "kernel/a.ko"}));
}

BOOST_AUTO_TEST_CASE(unknown_module_is_named) {
  put("modules.dep", "kernel/a.ko:\n");
  const auto order = close_modules(root, {"a", "no_such_module"});
  BOOST_REQUIRE(!order);
  BOOST_TEST(describe(order.error()).find("no_such_module") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(kernel_without_modules_directory_is_an_error) {
  BOOST_TEST(!close_modules(root + "/none", {"a"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
