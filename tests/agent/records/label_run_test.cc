// What happens round the label itself: locks, and the same disk under two names.
#include "agent/records/label_run.h"

#include <sys/file.h>

#include <filesystem>

#include "tests/agent/records/label_fixture.h"

using namespace lastword;
using namespace lastword::test;

BOOST_AUTO_TEST_SUITE(label_run)

BOOST_AUTO_TEST_CASE(label_names_disk_and_time_and_each_its_own) {
  VirtualExecutor executor;
  const std::int64_t now = executor.unix_ms();
  const ImageFile one(kSize);
  const ImageFile other(kSize);
  const auto disks = prepare_disks({one.path(), other.path()}, request(), 1s, executor);
  BOOST_REQUIRE(disks.size() == 2U);
  const auto first = label_disk(disks.at(0), request(), 1s, executor);
  const auto second = label_disk(disks.at(1), request(), 1s, executor);
  BOOST_REQUIRE(first);
  BOOST_REQUIRE(second);
  BOOST_TEST(first->disk_uuid() == label_on(one).disk_uuid());
  BOOST_TEST(second->disk_uuid() == label_on(other).disk_uuid());
  BOOST_TEST(first->disk_uuid() != second->disk_uuid());
  BOOST_TEST(first->written_unix_ms() == now);
}

BOOST_AUTO_TEST_CASE(disk_under_two_names_is_found_out_before_anything_is_written) {
  VirtualExecutor executor;
  const ImageFile image(kSize);
  const std::string link = image.path() + ".link";
  std::filesystem::create_hard_link(image.path(), link);
  const auto disks = prepare_disks({image.path(), link}, request(), 1s, executor);
  BOOST_TEST(!disks[0].problem);
  BOOST_REQUIRE(disks[1].problem);
  BOOST_TEST((disks[1].problem->code == Code::kUsage));
  BOOST_TEST(contains(describe(*disks[1].problem), "are the same disk"));
  BOOST_TEST(disks[1].refused(request()));
}

BOOST_AUTO_TEST_CASE(prepared_disk_is_locked_until_it_is_let_go) {
  VirtualExecutor executor;
  const ImageFile image(kSize);
  {
    const auto disks = prepare_disks({image.path()}, request(), 1s, executor);
    BOOST_REQUIRE(!disks.front().problem);
    BOOST_TEST(::flock(image.open().get(), LOCK_EX | LOCK_NB) != 0);
    const auto second = prepare_disks({image.path()}, request(), 1s, executor);
    BOOST_REQUIRE(second.front().problem);
    BOOST_TEST((second.front().problem->code == Code::kRefused));
    // udev holds the same lock for moments.
    BOOST_TEST(executor.now().count() >= 1000);
  }
  BOOST_TEST(::flock(image.open().get(), LOCK_EX | LOCK_NB) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
