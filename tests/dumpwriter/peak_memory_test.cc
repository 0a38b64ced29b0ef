// What the program really takes of the capture kernel's memory, from 1 GiB to 64 GiB: its own peak,
// asked of the kernel as it exits. The vmcores are as large as they say, and almost all holes.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "proto/disk.pb.h"
#include "storage/block/linux_block_device.h"
#include "storage/block/record_io.h"
#include "tests/fake/synthetic_kernel.h"
#include "tests/support/image_file.h"
#include "tests/support/test_folder.h"

namespace lastword {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kMostBytes = 16 * kMiB;

[[noreturn]] void become(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// VmHWM, which no exec carries over from the process before (as getrusage's ru_maxrss does).
std::uint64_t peak_bytes(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * kKiB;
  }
  return 0;
}

// Runs a program to its end, which must be a good one.
std::uint64_t peak_bytes_of(const std::vector<std::string>& arguments) {
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) become(arguments);
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
  constexpr int kExitStop = SIGTRAP | PTRACE_EVENT_EXIT << 8;
  std::uint64_t peak = 0;
  for (long signal = 0; WIFSTOPPED(status);) {
    if (status >> 8 == kExitStop) peak = peak_bytes(child);
    signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    ::ptrace(PTRACE_CONT, child, nullptr, signal);
    ::waitpid(child, &status, 0);
  }
  BOOST_REQUIRE(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 0);
  return peak;
}

fake::SyntheticKernel kernel_with(std::uint64_t memory_bytes) {
  constexpr std::uint64_t kUsedBytes = 24 * kMiB;
  fake::SyntheticKernel kernel(
      {.memory_bytes = kUsedBytes, .free_bytes = memory_bytes - kUsedBytes});
  // Enough that every buffer is used, and does not shrink.
  constexpr std::uint64_t kFirst = 8 * kMiB / kPageBytes;
  kernel.core.memory.fill(kFirst, kUsedBytes / kPageBytes - kFirst);
  return kernel;
}

// Peak of a dump as a person makes it, but for `options`.
std::uint64_t peak_of_dump(fake::SyntheticKernel& kernel, std::vector<std::string> options) {
  constexpr std::uint64_t kMetadata = kMiB;
  constexpr std::uint64_t kData = 2 * kMiB;
  constexpr std::uint64_t kDiskBytes = 64 * kMiB;
  const test::ImageFile image(kDiskBytes);
  {
    const auto device = LinuxBlockDevice::open(image.path(), Access::kReadWrite);
    BOOST_REQUIRE(device.has_value());
    pb::Label label;
    label.set_cluster_uuid("6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4");
    label.set_disk_uuid("00000000-0000-4000-8000-000000000001");
    label.set_role(pb::DUMP);
    label.set_home_node(1);
    label.set_owner_node(1);
    label.set_data_offset_bytes(kData);
    label.set_data_length_bytes(kDiskBytes - kData);
    BOOST_REQUIRE(RecordIo(**device, kMetadata).put(RecordPlace::kLabel, label).has_value());
  }
  const test::TestFolder folder;
  kernel.write(folder.file("vmcore"));
  std::vector<std::string> arguments{LASTWORD_DUMP_PROGRAM, "--vmcore", folder.file("vmcore"),
                                     "--disk", image.path()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const std::uint64_t peak = peak_bytes_of(arguments);
  pb::CoredumpHeader header;
  const auto device = LinuxBlockDevice::open(image.path(), Access::kReadOnly);
  BOOST_REQUIRE(device.has_value());
  BOOST_REQUIRE(RecordIo(**device, kMetadata).read(RecordPlace::kCoredump, header).has_value());
  BOOST_TEST(header.attribute() == pb::COMPLETED);
  BOOST_TEST(header.durable_bytes() >= 16 * kMiB);
  // Nothing but the free memory was left out: the page classes were told.
  BOOST_TEST(header.excluded_pages() > 0U);
  BOOST_TEST(header.unclassified_pages() == 0U);
  BOOST_TEST_MESSAGE((header.memory_bytes() / kMiB)
                     << " MiB of memory: peak of " << peak / kKiB << " KiB");
  return peak;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(peak_memory)

BOOST_AUTO_TEST_CASE(is_bounded_and_the_same_from_1_gib_to_64_gib) {
  auto small = kernel_with(kGiB);
  auto large = kernel_with(64 * kGiB);
  const std::uint64_t of_small = peak_of_dump(small, {});
  const std::uint64_t of_large = peak_of_dump(large, {});
  BOOST_TEST(of_small > 4 * kMiB);  // or it was not measured at all
  BOOST_TEST(of_small <= kMostBytes);
  BOOST_TEST(of_large <= kMostBytes);
  // One bit for each page frame would be 2 MiB more.
  BOOST_TEST(of_large <= of_small + kMiB);
}

BOOST_AUTO_TEST_CASE(is_bounded_with_the_hardest_codec) {
  auto kernel = kernel_with(kGiB);
  BOOST_TEST(peak_of_dump(kernel, {"--codec", "zstd:6"}) <= kMostBytes);
}

BOOST_AUTO_TEST_CASE(is_bounded_when_memory_comes_in_thousands_of_pieces) {
  auto kernel = kernel_with(64 * kGiB);
  std::vector<fake::SyntheticLoad>& loads = kernel.core.loads;
  const fake::SyntheticLoad whole = loads.back();
  loads.pop_back();
  constexpr std::uint64_t kPiece = 16 * kMiB;
  for (std::uint64_t at = 0; at < whole.bytes; at += kPiece) {
    // A frame is missing between two, and both ends are inside one.
    loads.push_back({.vaddr = whole.vaddr + at,
                     .paddr = whole.paddr + at,
                     .bytes = kPiece - kPageBytes - kPageBytes / 2});
  }
  BOOST_TEST(loads.size() > 4000U);
  BOOST_TEST(peak_of_dump(kernel, {}) <= kMostBytes);
}

// As many as are believed. What the map has no room for is missing in the dump.
BOOST_AUTO_TEST_CASE(is_bounded_whatever_the_number_of_pieces) {
  auto kernel = kernel_with(64 * kGiB);
  std::vector<fake::SyntheticLoad>& loads = kernel.core.loads;
  const fake::SyntheticLoad whole = loads.back();
  loads.pop_back();
  constexpr std::uint64_t kPiece = 512 * kKiB;
  // The first ones have all that is not free.
  constexpr std::uint64_t kUsed = 64 * kMiB;
  loads.push_back({.vaddr = whole.vaddr, .paddr = whole.paddr, .bytes = kUsed});
  for (std::uint64_t at = kUsed; at < whole.bytes && loads.size() < 131'000; at += kPiece) {
    loads.push_back({.vaddr = whole.vaddr + at + kPageBytes / 2,
                     .paddr = whole.paddr + at + kPageBytes / 2,
                     .bytes = kPiece - 2 * kPageBytes});
  }
  BOOST_TEST(loads.size() > 130'000U);
  kernel.core.extended_numbering = true;
  BOOST_TEST(peak_of_dump(kernel, {}) <= kMostBytes);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
