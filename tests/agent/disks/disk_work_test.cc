// Work on several disks at once, of which one does not answer.
#include "agent/disks/disk_work.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/fake/check.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

constexpr milliseconds kIoTimeout{5000};

struct Work {
  Work() {
    for (unsigned lun = 0; lun < 3; ++lun) {
      DiskView disk;
      disk.info.path = path_of(lun);
      disk.metadata_offset = kMetadataOffset;
      disk.label = make_label(lun, pb::SERVICE);
      disk.keys = {key_of(kAlpha, lun + 1)};
      survey.disks.push_back(disk);
    }
  }

  Survey survey;
  VirtualExecutor executor;
  fake::FakeShelf shelf{{.luns = 3, .power_on_attention = false}};
  FakeNodeShelf view{shelf.connect("alpha"), 3};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_work, Work)

BOOST_AUTO_TEST_CASE(each_disk_gets_what_the_survey_knew_of_it) {
  const auto results = work_on_disks(
      survey, {2, 0}, kIoTimeout,
      [](const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
        const unsigned lun = position == 0 ? 2 : 0;
        BOOST_TEST(disk.disk_uuid == uuid_of(lun));
        BOOST_TEST(disk.metadata_offset == kMetadataOffset);
        BOOST_TEST((disk.keys == std::vector{key_of(kAlpha, lun + 1)}));
        pb::CoredumpHeader header;
        header.set_rank(lun + 1);
        return header;
      },
      view, executor);
  BOOST_TEST_REQUIRE(results.size() == 2U);
  BOOST_TEST(results[0]->rank() == 3U);
  BOOST_TEST(results[1]->rank() == 1U);
}

BOOST_AUTO_TEST_CASE(disk_that_does_not_answer_is_no_success_and_holds_no_other_up) {
  const auto results = work_on_disks(
      survey, {0, 1, 2}, kIoTimeout,
      [&](const OwnDisk&, std::size_t position) -> Result<pb::CoredumpHeader> {
        if (position == 1) executor.sleep(std::chrono::hours(1));
        return pb::CoredumpHeader();
      },
      view, executor);
  BOOST_TEST_REQUIRE(results.size() == 3U);
  BOOST_TEST(fake::ok(results[0]));
  BOOST_TEST(fake::fails(results[1], Code::kTimeout));
  BOOST_TEST(fake::ok(results[2]));
  BOOST_TEST(executor.now().count() < 60'000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
