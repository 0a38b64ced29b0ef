#include "agent/arm/module_closure.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>

#include "tests/support/module_index.h"
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

// A made-up /lib/modules/RELEASE.
struct ModulesDirectory : Tree {
  void module(const std::string& path, const std::vector<std::string>& needs = {}) {
    put("kernel/" + path, "");
    std::string line = "kernel/" + path + ":";
    for (const std::string& need : needs) line += " kernel/" + need;
    dependencies[name_of(path)] = line;
  }
  void builtin(const std::string& name) { builtins.add(name, ""); }

  void close(const std::vector<std::string>& names) {
    ModuleIndex index;
    for (const auto& [name, line] : dependencies) index.add(name, line);
    put("modules.dep.bin", index.bytes());
    put("modules.builtin.bin", builtins.bytes());
    put("modules.alias.bin", aliases.bytes());
    fs::create_directories(root + "/modprobe.d");
    modules = close_modules(root, names, {root + "/modprobe.d"});
  }
  // The paths below kernel/, in load order.
  std::string closure(const std::vector<std::string>& names) {
    close(names);
    if (!modules) return describe(modules.error());
    std::string text;
    for (const KernelModule& module : *modules) {
      text += (text.empty() ? "" : " ") + module.path.substr((root + "/kernel/").size());
    }
    return text;
  }

  // As depmod does: '_' for '-'.
  static std::string name_of(const std::string& path) {
    std::string name = path.substr(path.rfind('/') + 1);
    name.erase(name.find(".ko"));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }

  std::map<std::string, std::string> dependencies;
  ModuleIndex builtins;
  ModuleIndex aliases;
  Result<std::vector<KernelModule>> modules;
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

BOOST_FIXTURE_TEST_CASE(dependencies_come_first_and_once, ModulesDirectory) {
  // depmod lists the nearest dependency first; what it needs itself comes later in the line.
  module("virtio/virtio.ko");
  module("virtio/virtio_ring.ko", {"virtio/virtio.ko"});
  module("virtio/virtio_pci.ko", {"virtio/virtio_ring.ko", "virtio/virtio.ko"});
  module("scsi/scsi_common.ko");
  module("scsi/scsi_mod.ko", {"scsi/scsi_common.ko"});
  module("lib/t10-pi.ko");
  module("scsi/sd_mod.ko.xz", {"scsi/scsi_mod.ko", "lib/t10-pi.ko", "scsi/scsi_common.ko"});
  module("scsi/virtio_scsi.ko",
         {"scsi/scsi_mod.ko", "scsi/scsi_common.ko", "virtio/virtio.ko", "virtio/virtio_ring.ko"});
  builtin("crc_t10dif");
  // As modprobe: the last of a line first, each with what it needs itself before it.
  BOOST_TEST(closure({"sd_mod", "virtio_scsi", "virtio_pci", "crc-t10dif"}) ==
             "scsi/scsi_common.ko lib/t10-pi.ko scsi/scsi_mod.ko scsi/sd_mod.ko.xz "
             "virtio/virtio.ko virtio/virtio_ring.ko scsi/virtio_scsi.ko virtio/virtio_pci.ko");
}

BOOST_FIXTURE_TEST_CASE(soft_dependencies_come_before_and_after, ModulesDirectory) {
  for (const char* name : {"a.ko", "helper-one.ko", "late.ko", "below-late.ko"}) module(name);
  module("late.ko", {"below-late.ko"});
  put("modules.softdep", "# comment\nsoftdep a pre: helper-one missing post: late\n");
  BOOST_TEST(closure({"a"}) == "helper-one.ko a.ko below-late.ko late.ko");
}

BOOST_FIXTURE_TEST_CASE(soft_dependency_without_a_file_is_left_out, ModulesDirectory) {
  module("a.ko");
  module("gone.ko");
  fs::remove(root + "/kernel/gone.ko");
  put("modules.softdep", "softdep a pre: gone\n");
  BOOST_TEST(closure({"a"}) == "a.ko");
}

BOOST_FIXTURE_TEST_CASE(soft_dependencies_may_name_each_other, ModulesDirectory) {
  module("a.ko");
  module("b.ko");
  put("modprobe.d/local.conf", "softdep a pre: b\nsoftdep b pre: a\n");
  BOOST_TEST(closure({"a"}) == "b.ko a.ko");
}

BOOST_FIXTURE_TEST_CASE(alias_stands_for_all_its_modules, ModulesDirectory) {
  module("crct10dif_generic.ko");
  module("crct10dif-pclmul.ko");
  module("crc-t10dif.ko");
  aliases.add("crct10dif", "crct10dif_generic");
  aliases.add("crct10dif", "crct10dif_pclmul");
  put("modules.softdep", "softdep crc_t10dif pre: crct10dif\n");
  const std::string order = closure({"crc_t10dif"});
  BOOST_TEST(order.find("crct10dif_generic.ko") != std::string::npos);
  BOOST_TEST(order.find("crct10dif-pclmul.ko") != std::string::npos);
  BOOST_TEST(order.ends_with("crc-t10dif.ko"));
}

BOOST_FIXTURE_TEST_CASE(options_of_modprobe_d_go_with_their_module, ModulesDirectory) {
  module("mpt3sas.ko", {"scsi_mod.ko"});
  module("scsi_mod.ko");
  put("modprobe.d/10-scsi.conf", "options scsi-mod max_luns=8\n");
  put("modprobe.d/20-scsi.conf", "options scsi_mod scan=sync\noptions other x=1\n");
  close({"mpt3sas"});
  BOOST_REQUIRE(modules);
  BOOST_REQUIRE(modules->size() == 2U);
  BOOST_TEST(modules->at(0).path == root + "/kernel/scsi_mod.ko");
  BOOST_TEST(modules->at(0).options == "max_luns=8 scan=sync");
  BOOST_TEST(modules->at(1).options == "");
}

BOOST_FIXTURE_TEST_CASE(what_is_kept_from_the_running_system_comes_along, ModulesDirectory) {
  module("sd_mod.ko", {"scsi_mod.ko"});
  module("scsi_mod.ko");
  put("modprobe.d/local.conf", "blacklist sd_mod\nblacklist scsi_mod\ninstall sd_mod /bin/false\n");
  BOOST_TEST(closure({"sd_mod"}) == "scsi_mod.ko sd_mod.ko");
}

BOOST_FIXTURE_TEST_CASE(unknown_module_is_named, ModulesDirectory) {
  module("a.ko");
  close({"a", "no_such_module"});
  BOOST_REQUIRE(!modules);
  BOOST_TEST((modules.error().code == Code::kNotFound));
  BOOST_TEST(describe(modules.error()).find("no_such_module") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(directory_without_depmods_index_is_an_error) {
  fs::create_directories(root + "/kernel");
  const auto modules = close_modules(root, {"a"});
  BOOST_REQUIRE(!modules);
  BOOST_TEST(describe(modules.error()).find("depmod has not run") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
