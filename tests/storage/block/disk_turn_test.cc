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

Clock::time_point never() {
  return Clock::now() + std::chrono::hours(1);
}

bool got(const DiskTurn::Held& held) {
  return static_cast<bool>(held);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(disk_turn, Disk)

BOOST_AUTO_TEST_CASE(many_go_beside_each_other) {
  const auto first = DiskTurn::take(here, Kind::kBeside);
  const auto second = DiskTurn::take(here, Kind::kBeside);
  const auto third = DiskTurn::take(elsewhere, Kind::kBeside);
  BOOST_TEST(got(first));
  BOOST_TEST(got(second));
  BOOST_TEST(got(third));
}

BOOST_AUTO_TEST_CASE(one_that_is_alone_waits_for_all_others_of_this_program) {
  auto first = DiskTurn::take(here, Kind::kBeside);
  auto second = DiskTurn::take(here, Kind::kBeside);
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kAlone)));
  first.give_back();
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kAlone)));
  second.give_back();
  BOOST_TEST(got(DiskTurn::take(here, Kind::kAlone)));
}

BOOST_AUTO_TEST_CASE(one_that_is_alone_waits_for_all_others_of_another_program) {
  auto first = DiskTurn::take(elsewhere, Kind::kBeside);
  auto second = DiskTurn::take(elsewhere, Kind::kBeside);
  first.give_back();
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kAlone)));
  second.give_back();
  BOOST_TEST(got(DiskTurn::take(here, Kind::kAlone)));
}

BOOST_AUTO_TEST_CASE(nobody_goes_beside_one_that_is_alone) {
  auto alone = DiskTurn::take(here, Kind::kAlone);
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kBeside)));
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kAlone)));
  BOOST_TEST(!got(DiskTurn::take(elsewhere, Kind::kBeside)));
  BOOST_TEST(!got(DiskTurn::take(elsewhere, Kind::kAlone)));
  alone.give_back();
  BOOST_TEST(got(DiskTurn::take(elsewhere, Kind::kAlone)));
  BOOST_TEST(got(DiskTurn::take(here, Kind::kBeside)));
}

BOOST_AUTO_TEST_CASE(who_waits_is_let_in_when_the_other_has_ended) {
  auto alone = DiskTurn::take(elsewhere, Kind::kAlone);
  std::atomic<bool> ended = false;
  bool after = false;
  std::thread waits([&] {
    const auto held = DiskTurn::wait(here, Kind::kBeside, never());
    after = held && ended;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ended = true;
  alone.give_back();
  waits.join();
  BOOST_TEST(after);
}

BOOST_AUTO_TEST_CASE(a_command_that_hangs_is_waited_for_once) {
  auto hangs = DiskTurn::take(here, Kind::kBeside);
  BOOST_TEST(!elsewhere->was_in_vain(Kind::kAlone));
  BOOST_TEST(!got(DiskTurn::wait(elsewhere, Kind::kAlone)));
  BOOST_TEST(elsewhere->was_in_vain(Kind::kAlone));
  BOOST_TEST(!got(DiskTurn::wait(elsewhere, Kind::kAlone, never())));
  BOOST_TEST(!elsewhere->was_in_vain(Kind::kBeside));
  hangs.give_back();
  BOOST_TEST(got(DiskTurn::wait(elsewhere, Kind::kAlone)));
  BOOST_TEST(!elsewhere->was_in_vain(Kind::kAlone));
}

BOOST_AUTO_TEST_CASE(who_waits_to_be_alone_keeps_newcomers_off) {
  auto first = DiskTurn::take(here, Kind::kBeside);
  std::atomic<bool> had = false;
  std::thread waits([&] { had = static_cast<bool>(DiskTurn::wait(here, Kind::kAlone, never())); });
  // It waits when one is refused.
  while (DiskTurn::take(here, Kind::kBeside)) std::this_thread::yield();
  first.give_back();
  waits.join();
  BOOST_TEST(had);
  BOOST_TEST(got(DiskTurn::take(here, Kind::kBeside)));
}

BOOST_AUTO_TEST_CASE(a_turn_outlives_who_asked_for_it) {
  auto held = DiskTurn::take(elsewhere, Kind::kAlone);
  elsewhere.reset();
  BOOST_TEST(!got(DiskTurn::take(here, Kind::kBeside)));
  held.give_back();
  BOOST_TEST(got(DiskTurn::take(here, Kind::kBeside)));
}

BOOST_AUTO_TEST_CASE(an_image_has_none) {
  const auto image = LinuxBlockDevice::open(file.path(), Access::kReadOnly);
  BOOST_TEST_REQUIRE(ok(image));
  BOOST_TEST(!DiskTurn::of((*image)->fd()));
  BOOST_TEST(!got(DiskTurn::wait(nullptr, Kind::kAlone)));
}

BOOST_AUTO_TEST_CASE(a_device_waits_for_its_turn_with_each_command) {
  const auto alone = DiskTurn::take(elsewhere, Kind::kAlone);
  auto image = LinuxBlockDevice::open(file.path(), Access::kReadWrite);
  BOOST_TEST_REQUIRE(ok(image));
  AlignedBuffer buffer(kBlockBytes);
  const auto waits = [&](auto command) {
    const auto turn = DiskTurn::on(file.path());
    (*image)->use(turn);
    BOOST_TEST(ok(command()));  // all the same
    return turn->was_in_vain(Kind::kBeside);
  };
  BOOST_TEST(waits([&] { return (*image)->read(0, buffer.span()); }));
  BOOST_TEST(waits([&] { return (*image)->write(0, buffer.span()); }));
  BOOST_TEST(waits([&] { return (*image)->flush(); }));
}

BOOST_AUTO_TEST_SUITE_END()
