// `lastword halt` on the fake shelf, and the announcement of a service that it ends.
#include "agent/service/halt_run.h"

#include "tests/agent/service/handover.h"

namespace lastword::test {
namespace {

struct Halt : Handover {
  Halt() {
    state.unannounced = true;
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    hook_ends = [this](const HookInput& input) {
      BOOST_TEST(input.event == "service-leaving");
      BOOST_TEST(!load_node_state(config)->unannounced);
      return left;
    };
  }
  Result<StopReport> halt() {
    const HandoverWork& with = work();
    return halt_node({.config = config,
                      .surveyor = *surveyor,
                      .events = with.events,
                      .run_hook = with.run_hook,
                      .disarm = with.disarm},
                     false, access());
  }
  Status left;  // of the hook
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(halt_run, Halt)

BOOST_AUTO_TEST_CASE(service_that_was_not_announced_yet_is_announced_by_nobody_while_it_ends) {
  BOOST_TEST_REQUIRE(fake::ok(halt()));
  BOOST_TEST(hooks.size() == 1U);
  BOOST_TEST(fake::fails(load_node_state(config), Code::kNotFound));
}

BOOST_AUTO_TEST_CASE(halt_that_fails_leaves_the_announcement_to_the_next_agent) {
  left = fail({.code = Code::kIo, .operation = "hook"});
  BOOST_TEST(fake::fails(halt(), Code::kIo));
  BOOST_TEST(load_node_state(config)->unannounced);
}

BOOST_AUTO_TEST_CASE(disk_that_the_kernel_holds_unseen_keeps_the_node_from_halting) {
  view.claims = {{path_of(kSecond), 1000}};
  BOOST_TEST(fake::fails(halt(), Code::kRefused));
  for (const unsigned lun : kLeft) BOOST_TEST(is_kept(lun), "disk " << lun);
}

// Its service goes on, for all that anybody knows.
BOOST_AUTO_TEST_CASE(disk_that_did_not_answer_when_the_service_ended_is_not_released) {
  shelf.inject(kFirst, {.kind = fake::FaultKind::kTimeout, .initiator = "alpha"});
  hook_ends = [this](const HookInput& input) {
    BOOST_TEST((input.disks == std::vector{path_of(kSecond)}));
    shelf.heal(kFirst);
    view.answer_hung();
    return Status();
  };
  const auto report = halt();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(is_kept(kFirst));
  BOOST_TEST(!is_kept(kSecond));
  BOOST_TEST_REQUIRE(report->not_released.size() == 1U);
  BOOST_TEST(std::string(report->not_released.front().disk.view()) == path_of(kFirst));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
