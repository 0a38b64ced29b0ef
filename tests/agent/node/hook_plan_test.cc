// Which program runs at which event.
#include "agent/node/hook_plan.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {
namespace {

const Hooks kBoth{.service_taken = "/sbin/taken", .fenced = "", .directory = "/etc/hooks"};

bool everything(const std::string& /*path*/) {
  return true;
}

bool nothing(const std::string& /*path*/) {
  return false;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hook_plan)

BOOST_AUTO_TEST_CASE(each_event_has_the_program_of_its_name_in_the_directory) {
  for (const HookEvent& event : kHookEvents) {
    if (event.name == "service-taken") continue;
    BOOST_TEST(choose_hook(kBoth, event.name, everything) ==
               "/etc/hooks/" + std::string(event.name));
  }
}

BOOST_AUTO_TEST_CASE(setting_of_the_event_goes_before_the_directory) {
  BOOST_TEST(choose_hook(kBoth, "service-taken", everything) == "/sbin/taken");
  // It is told that this one cannot be run: another one would hide it.
  BOOST_TEST(choose_hook(kBoth, "service-taken", nothing) == "/sbin/taken");
  Hooks fenced = kBoth;
  fenced.fenced = "/sbin/fenced";
  BOOST_TEST(choose_hook(fenced, "fenced", everything) == "/sbin/fenced");
  BOOST_TEST(choose_hook(fenced, "dump-saved", everything) == "/etc/hooks/dump-saved");
}

BOOST_AUTO_TEST_CASE(event_without_a_program_has_no_hook) {
  BOOST_TEST(choose_hook(kBoth, "fenced", nothing).empty());
  BOOST_TEST(choose_hook({}, "fenced", everything).empty());
}

BOOST_AUTO_TEST_CASE(event_that_is_not_known_has_no_hook) {
  BOOST_TEST(choose_hook(kBoth, "disk-taken", everything).empty());
  BOOST_TEST(choose_hook(kBoth, "", everything).empty());
}

BOOST_AUTO_TEST_CASE(file_that_is_never_run_is_named_with_the_reason) {
  for (const HookEvent& event : kHookEvents) {
    BOOST_TEST(why_no_hook(event.name, true).empty());
    BOOST_TEST(contains(why_no_hook(event.name, false), "chmod +x"));
  }
  BOOST_TEST(contains(why_no_hook("service_taken", true), "did you mean \"service-taken\"?"));
  BOOST_TEST(contains(why_no_hook("README", true), "the events are service-taken, "));
}

BOOST_AUTO_TEST_CASE(message_waits_for_no_service_and_no_service_for_a_message) {
  for (const char* name : {"service-taken", "service-returning", "service-returned", "resume"}) {
    BOOST_TEST((hook_event(name)->turn == HookTurn::kService), name);
  }
  for (const char* name : {"fenced", "dump-saved"}) {
    BOOST_TEST((hook_event(name)->turn == HookTurn::kOwn), name);
  }
  // One undoes what the other does.
  for (const char* name : {"takeover-announced", "takeover-called-off"}) {
    BOOST_TEST((hook_event(name)->turn == HookTurn::kSuspend), name);
  }
  BOOST_TEST(!hook_event("disk-taken"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
