// What sysfs says of a watchdog.
#include "agent/node/watchdog_state.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

// /dev/null stands for the device: 1:3, as the kernel's devices.txt has it.
struct Sysfs {
  Sysfs() {
    std::filesystem::create_directories(folder.file("dev/char/1:3/device/driver"));
    std::filesystem::create_symlink("../../../../module/iTCO_wdt",
                                    folder.file("dev/char/1:3/device/driver/module"));
  }
  void state(const std::string& text) const {
    std::ofstream(folder.file("dev/char/1:3/state")) << text;
  }
  [[nodiscard]] std::string why(const std::string& device = "/dev/null") const {
    return why_watchdog_is_idle(device, folder.file(""));
  }
  TestFolder folder;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watchdog_state, Sysfs)

BOOST_AUTO_TEST_CASE(device_that_nobody_has_armed_is_idle) {
  state("inactive\n");
  BOOST_TEST(why() == "no program has armed it");
  state("active\n");
  BOOST_TEST(why() == "");
}

BOOST_AUTO_TEST_CASE(kernel_that_does_not_tell_is_believed) {
  BOOST_TEST(why() == "");
}

BOOST_AUTO_TEST_CASE(device_that_is_none_is_idle) {
  BOOST_TEST(why("/dev/no-such-watchdog").find("there is no such device") == 0U);
  BOOST_TEST(why(folder.file("dev")).find("there is no such device") == 0U);
}

BOOST_AUTO_TEST_CASE(driver_of_the_hardware_is_named_and_other_devices_have_none) {
  using Names = std::vector<std::string>;
  BOOST_TEST((watchdog_modules("/dev/null", folder.file("")) == Names{"iTCO_wdt"}));
  BOOST_TEST(watchdog_modules("/dev/zero", folder.file("")).empty());
  BOOST_TEST(watchdog_modules("", folder.file("")).empty());
}

// The device of the watchdog is made by a driver of the bus.
BOOST_AUTO_TEST_CASE(drivers_above_come_first_and_armed_watchdogs_count) {
  namespace fs = std::filesystem;
  const fs::path pci = folder.file("devices/pci0000:00/0000:00:1f.4");
  const fs::path own = pci / "iTCO_wdt" / "watchdog" / "watchdog1";
  fs::create_directories(own);
  fs::create_directory_symlink("../../../iTCO_wdt", own / "device");
  for (const auto& [at, module] : {std::pair{pci, "i2c_i801"}, {pci / "iTCO_wdt", "iTCO_wdt"}}) {
    fs::create_directories(at / "driver");
    fs::create_symlink(fs::path("../../module") / module, at / "driver" / "module");
  }
  fs::create_directories(folder.file("class/watchdog"));
  fs::create_directory_symlink(own, folder.file("class/watchdog/watchdog1"));
  const auto modules = [&] { return watchdog_modules("", folder.file("")); };
  std::ofstream(own / "state") << "inactive\n";
  BOOST_TEST(modules().empty());
  std::ofstream(own / "state") << "active\n";
  BOOST_TEST((modules() == std::vector<std::string>{"i2c_i801", "iTCO_wdt"}));
  BOOST_TEST((watchdog_modules("/dev/null", folder.file("")) ==
              std::vector<std::string>{"iTCO_wdt", "i2c_i801"}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
