// udev is a tree of files here, and udevadm a shell script.
#include "agent/disks/udev_rest.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

class Udev {
 public:
  Udev() {
    fs::create_directories(folder.file("run/udev"));
    fs::create_directories(folder.file("sys/kernel"));
    put("run/udev/control", "");
    put("sys/kernel/uevent_seqnum", "7\n");
    udevadm_does("");
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder.file(name)) << text;
  }
  void udevadm_does(const std::string& body) const {
    put("udevadm", "#!/bin/sh\necho \"$@\" > " + folder.file("asked") + "\n" + body);
    BOOST_TEST_REQUIRE(::chmod(folder.file("udevadm").c_str(), 0700) == 0);
  }
  [[nodiscard]] Status wait(std::uint64_t before) const {
    return wait_for_partitions({}, before, place);
  }
  [[nodiscard]] std::string asked() const {
    std::string line;
    std::getline(std::ifstream(folder.file("asked")), line);
    return line;
  }

  TestFolder folder;
  UdevPlace place{
      .root = folder.file(""), .udevadm = folder.file("udevadm"), .patience = milliseconds(3000)};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udev_rest, Udev)

BOOST_AUTO_TEST_CASE(udev_that_has_nothing_to_do_is_not_asked) {
  BOOST_TEST(count_uevents(place) == 7U);
  BOOST_TEST(fake::ok(wait(7)));
  BOOST_TEST(asked().empty());
}

BOOST_AUTO_TEST_CASE(udev_that_is_at_work_is_waited_for) {
  put("run/udev/queue", "");
  BOOST_TEST(fake::ok(wait(7)));
  BOOST_TEST(asked() == "settle --timeout=3");
}

BOOST_AUTO_TEST_CASE(event_that_udev_may_not_have_read_yet_is_waited_for) {
  BOOST_TEST(fake::ok(wait(6)));
  BOOST_TEST(asked() == "settle --timeout=3");
}

BOOST_AUTO_TEST_CASE(machine_without_udev_waits_for_nothing) {
  put("run/udev/queue", "");
  fs::remove(folder.file("run/udev/control"));
  BOOST_TEST(fake::ok(wait(6)));
  BOOST_TEST(asked().empty());
}

BOOST_AUTO_TEST_CASE(udev_that_does_not_come_to_rest_is_told_of) {
  udevadm_does("exit 1\n");
  BOOST_TEST(fake::fails(wait(6), Code::kTimeout));
}

BOOST_AUTO_TEST_CASE(udevadm_that_hangs_is_waited_for_as_long_as_udev_and_no_longer) {
  udevadm_does("sleep 1000\n");
  place.patience = milliseconds(10);
  BOOST_TEST(fake::fails(wait(6), Code::kTimeout));
}

BOOST_AUTO_TEST_CASE(udevadm_that_is_missing_is_told_of) {
  place.udevadm = folder.file("none");
  BOOST_TEST(fake::fails(wait(6), Code::kIo));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
