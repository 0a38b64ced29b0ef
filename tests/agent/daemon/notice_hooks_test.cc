// Hooks that only tell.
#include "agent/daemon/notice_hooks.h"

#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

struct Telling {
  std::vector<std::string> told;
  std::vector<HookInput> hooks;
  Status ends_with;
  VirtualExecutor executor;
  NoticeHooks notices{[this](const HookInput& input) {
                        hooks.push_back(input);
                        return ends_with;
                      },
                      executor, [this](const Event& event) { told.push_back(event.name); }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notice_hooks, Telling)

BOOST_AUTO_TEST_CASE(dump_that_was_saved_has_a_hook_and_other_events_have_none_here) {
  const EventSink sink = notices.sink();
  for (const char* name : {"service-taken", "fenced", "disk-taken", "takeover-announced"}) {
    sink({.name = name, .disk = {}, .detail = {}});
  }
  BOOST_TEST(hooks.empty());
  sink({.name = "dump-saved", .disk = "/dev/sdb", .detail = "/var/crash/alpha/1"});
  BOOST_TEST_REQUIRE(hooks.size() == 1U);
  BOOST_TEST(hooks[0].event == "dump-saved");
  BOOST_TEST(hooks[0].detail == "/var/crash/alpha/1");
  BOOST_TEST(told.size() == 5U);
}

BOOST_AUTO_TEST_CASE(hook_that_fails_is_told_and_costs_nothing) {
  ends_with = fail({.code = Code::kIo, .operation = "hook dump-saved"});
  notices.sink()({.name = "dump-saved", .disk = {}, .detail = {}});
  BOOST_TEST_REQUIRE(told.size() == 2U);
  BOOST_TEST(told[1] == "hook-failed");
}

BOOST_AUTO_TEST_CASE(hook_that_hangs_holds_up_nothing_and_is_waited_for_at_the_end_only) {
  std::atomic<bool> may_end = false;
  NoticeHooks hanging{[&](const HookInput&) {
                        while (!may_end) std::this_thread::sleep_for(milliseconds(1));
                        return Status();
                      },
                      real_executor(), [](const Event&) {}};
  hanging.sink()({.name = "dump-saved", .disk = {}, .detail = {}});
  hanging.wait(milliseconds(10));
  may_end = true;
  hanging.wait(kLongestTime);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
