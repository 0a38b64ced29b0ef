// What the watching node says of a coredump header that it cannot read.
#include <boost/test/unit_test.hpp>

#include "agent/daemon/failure_watch.h"
#include "agent/node/state_files.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/test_folder.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 7;  // alpha's
constexpr unsigned kLuns = 2;

class Watching {
 public:
  Watching() {
    std::swap(config.self, config.partner);
    config.persistent_directory = folder.file("lib");
    config.state_directory = folder.file("run");
    BOOST_TEST_REQUIRE(fake::ok(save_node_state(config, state)));
    for (unsigned lun = 0; lun < kLuns; ++lun) {
      pb::Label label = make_label(lun, pb::SPARE);
      label.set_owner_node(kAlpha);
      label.set_owner_generation(kLife);
      plant(shelf, lun, label);
      put_header(lun, pb::ARMED, "");
      const auto disk = alpha.lun(lun);
      BOOST_TEST_REQUIRE(fake::ok(disk->register_ignoring_existing(key_of(kAlpha, kLife), false)));
      BOOST_TEST_REQUIRE(fake::ok(disk->reserve(key_of(kAlpha, kLife), kOwnerType)));
    }
  }

  void put_header(unsigned lun, pb::Attribute attribute, const std::string& kernel_release) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    header.set_node(kAlpha);
    header.set_boot_generation(kLife);
    header.set_kernel_release(kernel_release);
    plant(shelf, lun, header);
  }

  Result<Failure> watch() {
    auto failure = wait_for_failure(config, state, surveyor, [this](const Event& event) {
      if (event.name != "state") events.push_back(event);
    });
    if (!failure) return fail(failure.error());
    return std::move(failure->value());
  }

  TestFolder folder;
  Config config = cluster_config();
  NodeState state{.boot_generation = 4, .key = key_of(kBeta, 4)};
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = kLuns, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  FakeNodeShelf view{shelf.connect("beta"), kLuns};
  Surveyor surveyor{config, view, executor};
  std::vector<Event> events;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(header_unreadable, Watching)

BOOST_AUTO_TEST_CASE(header_that_cannot_be_read_is_told_once) {
  // Its writer meant it: its CRC holds. The text in it is not UTF-8.
  unsigned step = 0;
  shelf.set_hook([&](const fake::CommandTrace&) {
    if (step == 0 && executor.now() >= milliseconds(8000)) {
      ++step;
      put_header(0, pb::IN_PROGRESS, "6.1\xff");
    } else if (step == 1 && executor.now() >= milliseconds(30'000)) {
      ++step;
      put_header(1, pb::IN_PROGRESS, "6.1");
    }
  });
  const auto failure = watch();
  BOOST_TEST_REQUIRE(failure.has_value());
  std::vector<std::string> names;
  for (const Event& event : events) names.push_back(event.name + " " + event.disk);
  BOOST_TEST((names == std::vector<std::string>{"watching ", "header-unreadable /dev/sda",
                                                "partner-panicked /dev/sdb"}));
  BOOST_TEST((events[1].detail.find("may tell of a dump") != std::string::npos));
  BOOST_TEST(events[1].disk_uuid == uuid_of(0));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
