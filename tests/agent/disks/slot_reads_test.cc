// What is held of a disk while its slots are read.
#include "agent/disks/slot_reads.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/fake_node_shelf.h"
#include "tests/support/image_file.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

// Another program that wants to be alone on the disk tries it while slots are read.
struct Disk : FakeNodeShelf {
  Disk() : FakeNodeShelf(fake::FakeShelf().connect("alpha"), 0) {}

  Status read(std::span<ReadRequest> requests, milliseconds) override {
    while_it_reads = other_can_be_alone();
    for (ReadRequest& request : requests) hung.push_back(request.keep);
    return {};
  }
  [[nodiscard]] bool other_can_be_alone() const {
    return static_cast<bool>(DiskTurn::take(other, DiskTurn::Kind::kAlone));
  }
  void read_both() {
    const auto disk = std::make_shared<OpenDisk>();
    disk->turn = DiskTurn::on(file.path());
    std::vector<SlotRead> reads;
    reads.push_back({.disk = disk, .buffer = std::make_shared<AlignedBuffer>(2 * kBlockBytes)});
    read_slots(*this, executor, std::make_shared<RestingDisks>(), reads, RecordPlace::kLabel, 1,
               milliseconds(1000));
  }

  VirtualExecutor executor;
  ImageFile file{kBlockBytes};
  std::shared_ptr<DiskTurn> other = DiskTurn::on(file.path());
  bool while_it_reads = true;
  std::vector<std::shared_ptr<void>> hung;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(slot_reads, Disk)

BOOST_AUTO_TEST_CASE(nobody_is_alone_on_a_disk_until_its_last_read_is_answered) {
  read_both();
  BOOST_TEST(!while_it_reads);
  BOOST_TEST_REQUIRE(hung.size() == 2U);
  hung.pop_back();
  BOOST_TEST(!other_can_be_alone());
  hung.pop_back();
  BOOST_TEST(other_can_be_alone());
}

BOOST_AUTO_TEST_CASE(slots_are_read_though_another_is_alone_for_long) {
  const auto alone = DiskTurn::take(other, DiskTurn::Kind::kAlone);
  read_both();
  BOOST_TEST(hung.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
