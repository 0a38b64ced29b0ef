// Hooks are programs of the operator; here they are shell scripts.
#include "agent/node/hooks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "agent/base/json.h"
#include "agent/node/hook_input.pb.h"
#include "storage/block/standard_files.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"

namespace lastword::test {
namespace {

namespace fs = std::filesystem;

const HookInput kTaken{.event = "service-taken", .detail = ""};

struct Script {
  explicit Script(const std::string& body) : path(folder.file("hook")) {
    std::ofstream(path) << "#!/bin/sh\n" << body;
    BOOST_TEST_REQUIRE(::chmod(path.c_str(), 0700) == 0);
  }
  [[nodiscard]] std::string output() const {
    std::ostringstream text;
    text << std::ifstream(folder.file("output")).rdbuf();
    return text.str();
  }
  [[nodiscard]] Hook hook() const { return {.program = path, .timeout = milliseconds(60'000)}; }
  // With ever longer time-outs, until the script has come as far as its output: how far it comes in
  // one depends on the machine.
  [[nodiscard]] Status run_until_begun(milliseconds grace) const {
    Status status;
    for (milliseconds timeout{100}; output().empty() && timeout < milliseconds(60'000);
         timeout *= 2) {
      status = run_hook({.program = path, .timeout = timeout, .grace = grace}, kTaken);
    }
    BOOST_TEST_REQUIRE(!output().empty());
    return status;
  }
  TestFolder folder;
  std::string path;
};

// One that runs a hook beside this one: `first`, until its file is gone. `second` is this one's.
struct OtherProcess {
  OtherProcess() { fs::create_directory(folder.file("run")); }
  ~OtherProcess() {
    fs::remove(first.path);
    if (process > 0) kill();
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  void run(milliseconds timeout) {
    process = ::fork();
    BOOST_TEST_REQUIRE(process >= 0);
    if (process == 0) {
      Hook hook = first.hook();
      hook.timeout = timeout;
      hook.grace = milliseconds(100);
      hook.state_directory = folder.file("run");
      (void)run_hook(hook, kTaken);
      ::_exit(0);
    }
    while (first.output().empty() || !is_noted()) std::this_thread::sleep_for(milliseconds(1));
  }
  [[nodiscard]] bool is_noted() const {
    std::ostringstream text;
    text << std::ifstream(folder.file("run/service-hook")).rdbuf();
    return text.str().ends_with(" hook\n");
  }
  void kill() {
    (void)::kill(process, SIGKILL);
    (void)::waitpid(std::exchange(process, 0), nullptr, 0);
  }
  void run_second() const {
    Hook hook = second.hook();
    hook.grace = milliseconds(100);
    hook.state_directory = folder.file("run");
    (void)run_hook(hook, {.event = "service-leaving", .detail = ""});
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream(folder.file("log")).rdbuf();
    return text.str();
  }

  TestFolder folder;
  Script first{
      fmt::format("echo $$ > \"$(dirname \"$0\")/output\"\n"
                  "while [ -e \"$0\" ]; do sleep 0.01; done\n"
                  "echo first >> {}\n",
                  folder.file("log"))};
  Script second{fmt::format("echo second >> {}\n", folder.file("log"))};
  pid_t process = 0;
};

// A zombie counts: nobody but init reaps it.
bool is_gone(pid_t process) {
  for (int tries = 0; tries < 1000; ++tries) {
    std::string text;
    std::getline(std::ifstream(fmt::format("/proc/{}/stat", process)), text);
    if (text.empty() || text.find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hooks)

BOOST_AUTO_TEST_CASE(hook_that_prints_works_where_standard_output_was_closed) {
  const Script script("echo starting || exit 1\necho done > \"$(dirname \"$0\")/output\"\n");
  const int saved = ::dup(STDOUT_FILENO);
  ::close(STDOUT_FILENO);
  fill_standard_files();
  const Status status = run_hook(script.hook(), kTaken);
  (void)::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  BOOST_TEST(fake::ok(status));
  BOOST_TEST(script.output() == "done\n");
}

BOOST_AUTO_TEST_CASE(hook_finds_its_input_in_its_environment_and_nothing_that_was_inherited) {
  const Script script(
      "echo \"$LASTWORD_EVENT|$LASTWORD_DETAIL|$LASTWORD_DISKS|$LASTWORD_NEW_DISKS|"
      "$LASTWORD_MISSING_DISKS|$LASTWORD_UNREADABLE_DISKS|$LASTWORD_STALE|$LASTWORD_OPENERS|"
      "$HOOK_TEST\" > \"$(dirname \"$0\")/output\"\n");
  ::setenv("LASTWORD_DISKS", "/dev/old", 1);
  ::setenv("HOOK_TEST", "kept", 1);
  BOOST_TEST(
      fake::ok(run_hook(script.hook(), {.event = "service-taken",
                                        .detail = "2 disks",
                                        .disks = {"/dev/sda", "/dev/sdb"},
                                        .new_disks = {"/dev/sdb"},
                                        .missing_disks = {"/dev/sdc", "/dev/sdd"},
                                        .unreadable_disks = {"/dev/sdd"},
                                        .stale_disks = {"/dev/sda"},
                                        .openers = {"/dev/sdb dd (7)", "/dev/sdb sh (8)"}})));
  ::unsetenv("LASTWORD_DISKS");
  BOOST_TEST(script.output() ==
             "service-taken|2 disks|/dev/sda /dev/sdb|/dev/sdb|/dev/sdc /dev/sdd|/dev/sdd|"
             "/dev/sda|"
             "/dev/sdb dd (7)\n/dev/sdb sh (8)|kept\n");
}

BOOST_AUTO_TEST_CASE(hook_finds_the_same_as_json_on_its_standard_input) {
  const Script script("cat > \"$(dirname \"$0\")/output\"\n");
  const HookInput input{.event = "service-taken",
                        .detail = "2 \"disks\"",
                        .disks = {"/dev/sda", "/dev/sdb"},
                        .new_disks = {"/dev/sdb"},
                        .missing_disks = {},
                        .unreadable_disks = {"/dev/sdc"},
                        .stale_disks = {"/dev/sda"},
                        .openers = {"/dev/sdb dd (7)"}};
  BOOST_TEST(fake::ok(run_hook(script.hook(), input)));
  pb::HookInput told;
  BOOST_TEST_REQUIRE(fake::ok(load_json(script.folder.file("output"), told)));
  BOOST_TEST(told.event() == input.event);
  BOOST_TEST(told.detail() == input.detail);
  const auto same = [](const auto& list, const std::vector<std::string>& wanted) {
    return std::vector<std::string>(list.begin(), list.end()) == wanted;
  };
  BOOST_TEST(same(told.disks(), input.disks));
  BOOST_TEST(same(told.new_disks(), input.new_disks));
  BOOST_TEST(same(told.unreadable_disks(), input.unreadable_disks));
  BOOST_TEST(same(told.stale_disks(), input.stale_disks));
  BOOST_TEST(same(told.openers(), input.openers));
  // A program looks for its key without asking whether it is there.
  BOOST_TEST(script.output().find("\"missing_disks\": []") != std::string::npos);
}

// More than a pipe holds.
BOOST_AUTO_TEST_CASE(hook_that_does_not_read_its_input_holds_nothing_up) {
  const Script script("exit 0\n");
  HookInput input = kTaken;
  input.detail = "no program reads this";
  for (int i = 0; i < 2000; ++i) input.openers.push_back(std::string(40, 'x'));
  BOOST_TEST(fake::ok(run_hook(script.hook(), input)));
}

BOOST_AUTO_TEST_CASE(hook_of_an_event_is_found_in_the_directory) {
  const Script script("exit 0\n");
  const std::string hook = script.folder.file("dump-saved");
  const Hooks hooks{.directory = fs::path(script.path).parent_path().string(),
                    .timeout = milliseconds(1000)};
  BOOST_TEST(hook_of(hooks, "dump-saved").program.empty());
  fs::rename(script.path, hook);
  BOOST_TEST(hook_of(hooks, "dump-saved").program == hook);
  BOOST_TEST((hook_of(hooks, "dump-saved").timeout == milliseconds(1000)));
  BOOST_TEST_REQUIRE(::chmod(hook.c_str(), 0600) == 0);
  BOOST_TEST(hook_of(hooks, "dump-saved").program.empty());
  fs::remove(hook);
  fs::create_directory(hook);
  BOOST_TEST(hook_of(hooks, "dump-saved").program.empty());
}

BOOST_AUTO_TEST_CASE(service_is_taken_while_the_hook_of_a_message_hangs) {
  const Script hangs(
      "echo > \"$(dirname \"$0\")/output\"\nwhile [ -e \"$0\" ]; do sleep 0.01; done\n");
  const Script script("exit 0\n");
  std::thread message([&] { (void)run_hook(hangs.hook(), {.event = "dump-saved", .detail = ""}); });
  while (hangs.output().empty()) std::this_thread::sleep_for(milliseconds(1));
  BOOST_TEST(fake::ok(run_hook(script.hook(), kTaken)));
  fs::remove(hangs.path);
  message.join();
}

BOOST_FIXTURE_TEST_CASE(hook_of_a_killed_agent_is_waited_for, OtherProcess) {
  run(milliseconds(60'000));
  kill();
  std::thread thread([this] { run_second(); });
  std::this_thread::sleep_for(milliseconds(300));  // long enough to be wrong
  BOOST_TEST(log() == "");
  fs::remove(first.path);
  thread.join();
  BOOST_TEST(log() == "first\nsecond\n");
}

BOOST_FIXTURE_TEST_CASE(hook_of_another_command_is_waited_for, OtherProcess) {
  run(milliseconds(60'000));
  std::thread thread([this] { run_second(); });
  std::this_thread::sleep_for(milliseconds(300));
  BOOST_TEST(log() == "");
  fs::remove(first.path);
  thread.join();
  BOOST_TEST(log() == "first\nsecond\n");
}

BOOST_FIXTURE_TEST_CASE(hook_of_a_killed_agent_is_ended_when_its_time_is_over, OtherProcess) {
  run(milliseconds(1000));
  kill();
  run_second();
  BOOST_TEST(log() == "second\n");
  BOOST_TEST(is_gone(std::stoi(first.output())));
}

BOOST_FIXTURE_TEST_CASE(process_that_has_the_number_of_a_hook_by_now_is_not_waited_for,
                        OtherProcess) {
  std::ofstream(folder.file("run/service-hook")) << ::getppid() << " 1 99999999999999 hook\n";
  run_second();
  BOOST_TEST(log() == "second\n");
  BOOST_TEST(::kill(::getppid(), 0) == 0);
}

// `halt` may have ended the service that it would begin.
BOOST_FIXTURE_TEST_CASE(hook_that_nobody_wants_any_more_when_its_turn_comes_is_not_run,
                        OtherProcess) {
  run(std::chrono::minutes(5));
  Hook hook = second.hook();
  hook.state_directory = folder.file("run");
  std::thread ends([this] {
    std::this_thread::sleep_for(milliseconds(100));
    fs::remove(first.path);
  });
  std::string seen = "not asked";
  const Status status = run_hook(hook, {.event = "service-returned", .detail = "", .wanted = [&] {
                                          seen = log();
                                          return false;
                                        }});
  ends.join();
  BOOST_TEST(status.has_value());
  BOOST_TEST(seen == "first\n");
  BOOST_TEST(log() == "first\n");
}

BOOST_FIXTURE_TEST_CASE(hook_that_runs_lastword_does_not_wait_for_itself, OtherProcess) {
  run(milliseconds(60'000));
  ::setenv("LASTWORD_EVENT", "service-leaving", 1);
  run_second();
  ::unsetenv("LASTWORD_EVENT");
  BOOST_TEST(log() == "second\n");
  fs::remove(first.path);
}

BOOST_FIXTURE_TEST_CASE(hook_runs_where_nothing_can_be_noted, OtherProcess) {
  fs::remove_all(folder.file("run"));
  std::ofstream(folder.file("run")) << "in the way";
  run_second();
  BOOST_TEST(log() == "second\n");
}

BOOST_AUTO_TEST_CASE(hook_that_ends_with_a_status_is_an_error_and_no_program_is_no_hook) {
  const Script script("exit 3\n");
  const Status status = run_hook(script.hook(), kTaken);
  BOOST_TEST(fake::fails(status, Code::kIo));
  BOOST_TEST(describe(status.error())
                 .find("ended with status 3: mend it, then `lastword takeover` runs it again") !=
             std::string::npos);
  BOOST_TEST(fake::ok(run_hook({.program = "", .timeout = milliseconds(0)}, kTaken)));
}

BOOST_AUTO_TEST_CASE(hook_that_fails_is_told_with_all_that_an_operator_does_then) {
  const Script script("sleep 1000\n");
  const Status status =
      run_hook({.program = script.path, .timeout = milliseconds(100), .grace = milliseconds(100)},
               {.event = "service-returned", .detail = ""});
  BOOST_TEST(fake::fails(status, Code::kTimeout));
  const std::string said = describe(status.error());
  BOOST_TEST(said.find("`systemctl restart lastword-agent` runs it again") != std::string::npos,
             said);
  BOOST_TEST(said.ends_with("start the service by hand"), said);
}

BOOST_AUTO_TEST_CASE(hook_that_hangs_is_ended_with_all_that_it_started) {
  const Script script(
      "sleep 1000 &\n"
      "echo $! > \"$(dirname \"$0\")/output\"\n"
      "sleep 1000\n");
  const Status status = script.run_until_begun(kHookGrace);
  BOOST_TEST(fake::fails(status, Code::kTimeout));
  BOOST_TEST(describe(status.error()).find("ended by SIGTERM") != std::string::npos);
  BOOST_TEST(describe(status.error()).find("[hooks] timeout") != std::string::npos);
  BOOST_TEST(is_gone(std::stoi(script.output())));
}

BOOST_AUTO_TEST_CASE(hook_that_ignores_sigterm_is_killed_with_all_that_it_started) {
  const Script script(
      "trap '' TERM\n"
      "sleep 1000 &\n"
      "echo $! > \"$(dirname \"$0\")/output\"\n"
      "while :; do sleep 1000; done\n");
  const Status status = script.run_until_begun(milliseconds(100));
  BOOST_TEST(fake::fails(status, Code::kTimeout));
  BOOST_TEST(describe(status.error()).find("was killed") != std::string::npos);
  BOOST_TEST(is_gone(std::stoi(script.output())));
}

BOOST_AUTO_TEST_CASE(what_a_hook_leaves_at_work_when_it_ends_in_time_stays) {
  const Script script(
      "sleep 1000 > /dev/null 2>&1 &\n"
      "echo $! > \"$(dirname \"$0\")/output\"\n");
  BOOST_TEST(fake::ok(run_hook(script.hook(), kTaken)));
  const pid_t service = std::stoi(script.output());
  BOOST_TEST(::kill(service, 0) == 0);
  (void)::kill(service, SIGKILL);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
