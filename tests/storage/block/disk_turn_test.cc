#include "storage/block/disk_turn.h"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "proto/timing.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/linux_block_device.h"
#include "tests/fake/check.h"
#include "tests/support/image_file.h"

using namespace lastword;
using namespace lastword::fake;
using Kind = DiskTurn::Kind;

namespace {

using Clock = std::chrono::steady_clock;

struct Disk {
  test::ImageFile file{16 * kBlockBytes};
  std::shared_ptr<DiskTurn> here = DiskTurn::on(file.path());
  // Another descriptor: as another program has it.
  std::shared_ptr<DiskTurn> elsewhere = DiskTurn::on(file.path());
};

Clock::time_point long_after() {
  return Clock::now() + std::chrono::minutes(1);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_turn, Disk)

BOOST_AUTO_TEST_CASE(many_go_beside_each_other) {
  const auto first = DiskTurn::take(here, Kind::kBeside);
  const auto second = DiskTurn::take(here, Kind::kBeside);
  const auto third = DiskTurn::take(elsewhere, Kind::kBeside);
  BOOST_TEST(first);
  BOOST_TEST(second);
  BOOST_TEST(third);
}

BOOST_AUTO_TEST_CASE(one_that_is_alone_waits_for_all_others_of_this_program) {
  auto first = DiskTurn::take(here, Kind::kBeside);
  auto second = DiskTurn::take(here, Kind::kBeside);
  BOOST_TEST(!DiskTurn::take(here, Kind::kAlone));
  first.reset();
  BOOST_TEST(!DiskTurn::take(here, Kind::kAlone));
  second.reset();
  BOOST_TEST(DiskTurn::take(here, Kind::kAlone));
}

BOOST_AUTO_TEST_CASE(one_that_is_alone_waits_for_all_others_of_another_program) {
  auto first = DiskTurn::take(elsewhere, Kind::kBeside);
  auto second = DiskTurn::take(elsewhere, Kind::kBeside);
  first.reset();
  BOOST_TEST(!DiskTurn::take(here, Kind::kAlone));
  second.reset();
  BOOST_TEST(DiskTurn::take(here, Kind::kAlone));
}

BOOST_AUTO_TEST_CASE(nobody_goes_beside_one_that_is_alone) {
  auto alone = DiskTurn::take(here, Kind::kAlone);
  BOOST_TEST(!DiskTurn::take(here, Kind::kBeside));
  BOOST_TEST(!DiskTurn::take(here, Kind::kAlone));
  BOOST_TEST(!DiskTurn::take(elsewhere, Kind::kBeside));
  BOOST_TEST(!DiskTurn::take(elsewhere, Kind::kAlone));
  alone.reset();
  BOOST_TEST(DiskTurn::take(elsewhere, Kind::kAlone));
  BOOST_TEST(DiskTurn::take(here, Kind::kBeside));
}

BOOST_AUTO_TEST_CASE(who_waits_is_let_in_when_the_other_has_ended) {
  auto alone = DiskTurn::take(elsewhere, Kind::kAlone);
  std::atomic<bool> ended = false;
  bool after = false;
  std::thread waits([&] {
    const auto held = DiskTurn::wait(here, Kind::kBeside, long_after());
    after = held != nullptr && ended;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ended = true;
  alone.reset();
  waits.join();
  BOOST_TEST(after);
}

BOOST_AUTO_TEST_CASE(a_command_that_hangs_keeps_nobody_for_good) {
  const auto hangs = DiskTurn::take(here, Kind::kBeside);
  BOOST_TEST(!DiskTurn::wait(elsewhere, Kind::kAlone));
}

BOOST_AUTO_TEST_CASE(a_turn_outlives_who_asked_for_it) {
  auto held = DiskTurn::take(elsewhere, Kind::kAlone);
  elsewhere.reset();
  BOOST_TEST(!DiskTurn::take(here, Kind::kBeside));
  held.reset();
  BOOST_TEST(DiskTurn::take(here, Kind::kBeside));
}

BOOST_AUTO_TEST_CASE(an_image_has_none) {
  const auto image = LinuxBlockDevice::open(file.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(image));
  BOOST_TEST(!DiskTurn::of((*image)->fd()));
  BOOST_TEST(!DiskTurn::wait(nullptr, Kind::kAlone));
}

BOOST_AUTO_TEST_CASE(a_device_reads_and_writes_beside_others_and_not_beside_one_alone) {
  auto image = LinuxBlockDevice::open(file.path(), Access::kReadWrite);
  BOOST_TEST_REQUIRE(ok(image));
  (*image)->use(here);
  AlignedBuffer buffer(kBlockBytes);
  const auto waits = [&](auto what) {
    auto alone = DiskTurn::take(elsewhere, Kind::kAlone);
    std::atomic<bool> ended = false;
    bool after = false;
    std::thread other([&] {
      what();
      after = ended;
    });
    std::this_thread::sleep_for(kPatienceBeside / 4);
    ended = true;
    alone.reset();
    other.join();
    return after;
  };
  BOOST_TEST(waits([&] { BOOST_TEST(ok((*image)->read(0, buffer.span()))); }));
  BOOST_TEST(waits([&] { BOOST_TEST(ok((*image)->write(0, buffer.span()))); }));
  BOOST_TEST(waits([&] { BOOST_TEST(ok((*image)->flush())); }));
  BOOST_TEST(DiskTurn::take(elsewhere, Kind::kAlone));
}

BOOST_AUTO_TEST_SUITE_END()
