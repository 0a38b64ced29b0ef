// `lastword label`, killed at each of its writes in turn: the disk must be as before or say "not
// labelled", and labelling it again must succeed.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "agent/records/label_run.h"
#include "storage/block/record_io.h"
#include "tests/support/foreign_gpt.h"
#include "tests/support/image_file.h"
#include "tests/support/signature_bytes.h"

using namespace lastword;
using namespace lastword::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kSize = 6 * kMiB;
constexpr const char* kCluster = "6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4";
constexpr const char* kOtherCluster = "00000000-0000-4000-8000-000000000001";

[[noreturn]] void become_lastword(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
  // LeakSanitizer, in that build, ends a traced program with an error of its own.
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::execv(LASTWORD_PROGRAM, argv.data());
  ::_exit(127);
}

// A write to the image; of length 0: a flush.
struct DiskCall {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// What the program is about to call, where that writes the image or flushes it.
std::optional<DiskCall> disk_call(pid_t child) {
  user_regs_struct registers{};
  ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
  const auto call = registers.orig_rax;
  const bool flush = call == SYS_fsync || call == SYS_fdatasync;
  if (call != SYS_write && call != SYS_pwrite64 && !flush) return std::nullopt;
  std::error_code ignored;
  const auto file =
      std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", child, registers.rdi), ignored);
  if (file.filename() != "disk.img") return std::nullopt;
  if (flush) return DiskCall{};
  return DiskCall{.offset = call == SYS_pwrite64 ? registers.r10 : 0, .length = registers.rdx};
}

// Calls `on_call` as the program enters each of these calls; true: it is killed there. Returns its
// exit status, or nothing when it was killed.
template <class OnCall>
std::optional<int> run_traced(std::vector<std::string> arguments, OnCall on_call) {
  arguments.insert(arguments.begin(), "lastword");
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) become_lastword(arguments);
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  constexpr int kSyscallStop = SIGTRAP | 0x80;  // by TRACESYSGOOD
  bool entering = true;
  while (WIFSTOPPED(status)) {
    if (WSTOPSIG(status) == kSyscallStop) {
      const auto call = entering ? disk_call(child) : std::nullopt;
      if (call && on_call(*call)) ::kill(child, SIGKILL);
      entering = !entering;
    }
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
  }
  if (WIFSIGNALED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

// Kills the program as it enters its n-th write to the image (from 1); 0: never.
std::optional<int> run_killed_at_write(unsigned n, const std::vector<std::string>& arguments) {
  unsigned writes = 0;
  return run_traced(arguments,
                    [&](const DiskCall& call) { return call.length > 0 && ++writes == n; });
}

std::vector<DiskCall> trace_of(const std::vector<std::string>& arguments) {
  std::vector<DiskCall> calls;
  const auto status = run_traced(arguments, [&](const DiskCall& call) {
    calls.push_back(call);
    return false;
  });
  BOOST_REQUIRE(status == 0);
  return calls;
}

std::vector<std::string> label_arguments(const ImageFile& image,
                                         const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"label",     image.path(), "--role",    "service",
                                     "--cluster", kCluster,     "--home-id", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::optional<pb::Label> label_on(const ImageFile& image) {
  const auto findings = examine_disk(
      image.path(), {.cluster_uuid = kCluster, .role = pb::SERVICE, .home_node = 1}, 1s);
  BOOST_REQUIRE_MESSAGE(findings, (findings ? "" : describe(findings.error())));
  BOOST_TEST(!findings->label_problem);
  return findings->label;
}

// `prepare` makes the disk as it was before; `check` looks at it after each kill.
template <class Prepare, class Check>
void kill_at_every_write(std::vector<std::string> options, Prepare prepare, Check check) {
  for (unsigned n = 1;; ++n) {
    BOOST_TEST_CONTEXT("killed at write " << n) {
      const ImageFile image(kSize);
      prepare(image);
      std::vector<std::string> arguments = options;
      for (std::string& argument : arguments) {
        if (argument == "DISK") argument = image.path();
      }
      const auto finished = run_killed_at_write(n, label_arguments(image, arguments));
      if (finished) {
        BOOST_TEST(*finished == 0);
        BOOST_TEST(n > 3U);  // or nothing was killed at all
        return;
      }
      check(image);
      const auto again = run_killed_at_write(0, label_arguments(image, arguments));
      BOOST_REQUIRE(again);
      BOOST_TEST(*again == 0);
      const auto label = label_on(image);
      BOOST_REQUIRE(label);
      BOOST_TEST(label->cluster_uuid() == kCluster);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(killed_label)

BOOST_AUTO_TEST_CASE(empty_disk_is_not_labelled_and_needs_no_force_again) {
  kill_at_every_write(
      {}, [](const ImageFile&) {}, [](const ImageFile& image) { BOOST_TEST(!label_on(image)); });
}

// With the newer label in either slot; with --adopt the old partitions, and so the records, stay
// visible until they are overwritten.
BOOST_DATA_TEST_CASE(older_label_of_another_cluster_never_comes_back,
                     boost::unit_test::data::make({1U, 2U}), updates) {
  const auto prepare = [&](const ImageFile& image) {
    BOOST_REQUIRE(run_killed_at_write(0, {"label", image.path(), "--role", "spare", "--cluster",
                                          kOtherCluster, "--home-id", "1"}) == 0);
    auto disk = open_disk(image.path(), Access::kReadWrite, 1s);
    BOOST_REQUIRE(disk);
    pb::Label label = *label_on(image);
    for (unsigned i = 1; i <= updates; ++i) {
      label.set_owner_node(i == updates ? 2 : 1);
      BOOST_REQUIRE(RecordIo(*disk->device, kMiB).put(RecordPlace::kLabel, label));
    }
    write_ext4(image, 3 * kMiB);
  };
  const auto check = [](const ImageFile& image) {
    const auto label = label_on(image);
    if (label && label->cluster_uuid() == kOtherCluster) BOOST_TEST(label->owner_node() == 2U);
  };
  if (updates == 1) kill_at_every_write({"--force", "DISK"}, prepare, check);
  kill_at_every_write({"--adopt", "--force", "DISK"}, prepare, check);
}

// A cache that reorders could keep what the second slot is overwritten with, and lose the first:
// then an older label would come back.
BOOST_AUTO_TEST_CASE(slots_of_an_old_label_are_overwritten_one_durably_before_the_other) {
  const ImageFile image(kSize);
  BOOST_REQUIRE(run_killed_at_write(0, {"label", image.path(), "--role", "spare", "--cluster",
                                        kOtherCluster, "--home-id", "1"}) == 0);
  const auto trace = trace_of(label_arguments(image, {"--force", image.path()}));
  const auto first_write = [&](unsigned slot) {
    const auto at = kMiB + slot_offset(RecordPlace::kLabel, slot);
    return std::ranges::find_if(trace, [&](const DiskCall& call) {
      return call.length > 0 && call.offset <= at && at < call.offset + call.length;
    });
  };
  const auto [earlier, later] = std::minmax({first_write(0), first_write(1)});
  BOOST_TEST_REQUIRE((later != trace.end()));
  BOOST_TEST((std::ranges::find(earlier, later, std::uint64_t{0}, &DiskCall::length) != later));
  // And the second one is durable before anything else is written.
  BOOST_TEST_REQUIRE((std::next(later) != trace.end()));
  BOOST_TEST(std::next(later)->length == 0U);
}

BOOST_AUTO_TEST_CASE(adopted_disk_keeps_its_partitions_and_needs_no_force_again) {
  const auto prepare = [](const ImageFile& image) {
    write_foreign_gpt(image, 512, {{kMiB, 3 * kMiB}});
    write_ext4(image, kMiB, "home");
  };
  const ImageFile before(kSize);
  prepare(before);
  const std::string partition = before.read(kMiB, 3 * kMiB);
  const auto check = [&](const ImageFile& image) {
    BOOST_TEST(!label_on(image));
    BOOST_TEST((image.read(kMiB, 3 * kMiB) == partition));
  };
  kill_at_every_write({"--adopt"}, prepare, check);
}

BOOST_AUTO_TEST_SUITE_END()
