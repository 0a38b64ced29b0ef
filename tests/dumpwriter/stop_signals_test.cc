// lastword-dump by hand, ended by a signal.
#include "dumpwriter/base/stop_signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "proto/disk.pb.h"
#include "storage/block/linux_block_device.h"
#include "storage/block/record_io.h"
#include "tests/fake/synthetic_vmcore.h"
#include "tests/support/image_file.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

constexpr std::uint64_t kMetadata = 1 << 20;
constexpr std::uint64_t kData = 2 << 20;
constexpr std::uint64_t kDiskBytes = 64 << 20;
// All holes, but minutes to read.
constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 40;

struct Dumping {
  Dumping() {
    pb::Label label;
    label.set_cluster_uuid("6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4");
    label.set_disk_uuid("00000000-0000-4000-8000-000000000001");
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_owner_node(1);
    label.set_data_offset_bytes(kData);
    label.set_data_length_bytes(kDiskBytes - kData);
    const auto device = LinuxBlockDevice::open(image.path(), Access::kReadWrite);
    BOOST_REQUIRE(device.has_value());
    BOOST_REQUIRE(RecordIo(**device, kMetadata).put(RecordPlace::kLabel, label).has_value());
    core.add_direct(0, kMemoryBytes);
    core.memory.fill(0, 64);
    core.write(folder.file("vmcore"));
  }
  [[nodiscard]] pb::CoredumpHeader header() const {
    pb::CoredumpHeader header;
    const auto device = LinuxBlockDevice::open(image.path(), Access::kReadOnly);
    BOOST_REQUIRE(device.has_value());
    if (!RecordIo(**device, kMetadata).read(RecordPlace::kCoredump, header)) header.Clear();
    return header;
  }
  // Returns when something of the dump is durable.
  [[nodiscard]] pid_t start() const {
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, STDERR_FILENO);
      const std::string vmcore = folder.file("vmcore");
      ::execl(LASTWORD_DUMP_PROGRAM, "lastword-dump", "--vmcore", vmcore.c_str(), "--disk",
              image.path().c_str(), nullptr);
      ::_exit(127);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (header().attribute() != pb::IN_PROGRESS || header().durable_bytes() == 0) {
      BOOST_REQUIRE((std::chrono::steady_clock::now() < deadline));
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return child;
  }

  test::ImageFile image{kDiskBytes};
  test::TestFolder folder;
  fake::SyntheticVmcore core;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stop_signals, Dumping)

BOOST_AUTO_TEST_CASE(end_a_dump_in_order) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    BOOST_TEST_CONTEXT("signal " << signal) {
      BOOST_REQUIRE(RecordIo(**LinuxBlockDevice::open(image.path(), Access::kReadWrite), kMetadata)
                        .put(RecordPlace::kCoredump, pb::CoredumpHeader())
                        .has_value());
      const pid_t child = start();
      BOOST_REQUIRE(::kill(child, signal) == 0);
      int status = 0;
      BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
      BOOST_TEST(WIFEXITED(status));
      BOOST_TEST(WEXITSTATUS(status) == kExitPartial);
      BOOST_TEST(header().attribute() == pb::ABORTED);
      BOOST_TEST(header().reason() == pb::STOPPED);
      BOOST_TEST(header().durable_bytes() > 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(that_were_ignored_stay_ignored) {
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  struct sigaction before {};
  ::sigaction(SIGHUP, &ignored, &before);
  {
    const StopSignals signals;
    ::raise(SIGHUP);
    BOOST_TEST(!StopSignals::asked().load());
    ::raise(SIGTERM);
    BOOST_TEST(StopSignals::asked().load());
  }
  ::sigaction(SIGHUP, &before, nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
