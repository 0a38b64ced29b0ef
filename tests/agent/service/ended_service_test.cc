// What tells whether a service has ended, on the fake shelf and a virtual clock.
#include "agent/service/ended_service.h"

#include <boost/test/unit_test.hpp>

#include "proto/timing.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/agent/disks/surveyed.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

using Lines = std::vector<std::string>;
constexpr int kForever = 1 << 20;

struct Ended {
  std::string uses() {
    return what_uses(view, executor, {path_of(0), path_of(1)}, milliseconds(5000));
  }
  [[nodiscard]] static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 2, .power_on_attention = false}};
  FakeNodeShelf view{shelf.connect("alpha"), 2};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ended_service, Ended)

BOOST_AUTO_TEST_CASE(nobody_has_the_disks) {
  BOOST_TEST(uses() == "");
  BOOST_TEST(executor.now().count() == 0);
  BOOST_TEST(view.looked_for_claims == (Lines{path_of(0), path_of(1)}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(disk_that_somebody_has_for_himself_is_in_use_though_no_table_shows_him) {
  view.claims = {{path_of(1), kForever}};
  const std::string used = uses();
  BOOST_TEST(has(used, path_of(1) + ": another program or the kernel holds it"), used);
  BOOST_TEST(!has(used, path_of(0)), used);
  BOOST_TEST((executor.now() >= kUdevSettle));
}

BOOST_AUTO_TEST_CASE(who_has_a_disk_for_a_moment_does_not_use_it) {
  view.claims = {{path_of(0), 1}, {path_of(1), 3}};
  BOOST_TEST(uses() == "");
}

BOOST_AUTO_TEST_CASE(who_is_named_is_named_once) {
  view.openers = {{path_of(0), {"sda1 is mounted on /srv"}}};
  view.claims = {{path_of(0), kForever}};
  BOOST_TEST(uses() == "still in use here: " + path_of(0) + ": sda1 is mounted on /srv");
}

BOOST_AUTO_TEST_CASE(disk_that_cannot_be_opened_or_does_not_answer_may_be_in_use) {
  view.shut = {path_of(0)};
  BOOST_TEST(has(uses(), path_of(0) + ": perhaps"));
  executor.hanging = 1;
  BOOST_TEST(has(what_uses(view, executor, {path_of(1)}, 2 * kUdevSettle), "does not answer"));
}

BOOST_AUTO_TEST_CASE(what_the_service_wrote_outlives_the_power_of_the_target) {
  AlignedBuffer block(kBlockBytes);
  std::ranges::fill(block.span(), std::byte{0xaa});
  for (const unsigned lun : {0U, 1U}) {
    BOOST_TEST_REQUIRE(
        fake::ok(shelf.connect("alpha").device(lun)->write(kChangedOffset, block.span())));
  }
  Survey survey;
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE)};
  BOOST_TEST(fake::ok(write_back(survey, {0, 1}, cluster_config(), view, executor)));
  for (const unsigned lun : {0U, 1U}) {
    shelf.peek_durable(lun, kChangedOffset, block.span());
    BOOST_TEST((block.span()[0] == std::byte{0xaa}), "disk " << lun);
  }
}

BOOST_AUTO_TEST_CASE(cache_that_the_target_does_not_empty_is_told) {
  Survey survey;
  survey.disks = {surveyed(0, pb::SERVICE)};
  shelf.inject(0, {.kind = fake::FaultKind::kIoError, .only = fake::Command::kFlush, .times = 1});
  BOOST_TEST(fake::fails(write_back(survey, {0}, cluster_config(), view, executor), Code::kIo));
}

// A target may have gigabytes to write.
BOOST_AUTO_TEST_CASE(target_has_the_time_to_empty_its_cache) {
  struct Slow final : FakeNodeShelf {
    Slow(fake::Nexus nexus, VirtualExecutor& clock)
        : FakeNodeShelf(std::move(nexus), 1), clock_(clock) {}
    CacheChanges write_back_early(const DiskInfo& disk) override {
      clock_.sleep(kLongestFlush);
      return FakeNodeShelf::write_back_early(disk);
    }
    VirtualExecutor& clock_;
  };
  Slow slow(shelf.connect("alpha"), executor);
  Survey survey;
  survey.disks = {surveyed(0, pb::SERVICE)};
  BOOST_TEST(fake::ok(write_back(survey, {0}, cluster_config(), slow, executor)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
