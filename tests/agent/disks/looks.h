// beta's looks at the only disk of a fake shelf, on a virtual clock.
#pragma once

#include <boost/test/unit_test.hpp>

#include "agent/disks/header_watch.h"
#include "agent/disks/survey.h"
#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

// alpha holds the disk.
struct Looks {
  Looks() {
    plant(shelf, 0, make_label(0, pb::SERVICE));
    const auto lun = alpha.lun(0);
    BOOST_TEST_REQUIRE(fake::ok(lun->register_ignoring_existing(key_of(kAlpha, 7), false)));
    BOOST_TEST_REQUIRE(fake::ok(lun->reserve(key_of(kAlpha, 7), kOwnerType)));
  }
  DiskView look() {
    const auto look = surveyor.look();
    BOOST_TEST_REQUIRE(fake::ok(look));
    BOOST_TEST_REQUIRE(look->survey.disks.size() == 1U);
    return look->survey.disks.front();
  }

  void put(pb::Attribute attribute) {
    pb::CoredumpHeader header;
    header.set_attribute(attribute);
    plant(shelf, 0, header);
  }
  // Of the disks as `seen_by` finds them now.
  HeaderWatch watch(FakeNodeShelf& seen_by) {
    const auto first = Surveyor(config, seen_by, executor).look();
    BOOST_TEST_REQUIRE(fake::ok(first));
    return {seen_by, executor, first->survey.disks, first->open, config.timing.settings.io_timeout};
  }
  Config config = cluster_config();
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 1, .aptpl_capable = true, .power_on_attention = false}};
  fake::Nexus alpha = shelf.connect("alpha");
  fake::Nexus beta = shelf.connect("beta");
  FakeNodeShelf view{beta, 1};
  Surveyor surveyor{config, view, executor};
};

}  // namespace lastword::test
